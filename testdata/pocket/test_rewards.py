"""Tests of the rule rewards."""

from __future__ import annotations

import unittest
from dataclasses import replace

from outside import ANSWERS
from rewards import FORMAT_SHARE, ROOM, Problem, accuracy, boxed, evaluate, odd_words, reward, well_formed

SUM = Problem("47 + 85", "132", "sums")
COUNTDOWN = Problem("Use 3, 7 and 25 to make 46.", "46", "countdown 3", (3, 7, 25))


class Rewards(unittest.TestCase):
    def test_evaluates_as_arithmetic_does(self) -> None:
        for text, value in (("7 * 3 + 25", 46), ("25 + 7 * 3", 46), ("(25 + 7) * 3", 96), ("9 - 3 - 2", 4), ("8 / 4 / 2", 1), ("2 * (3 + (4 - 1))", 12)):
            self.assertEqual(evaluate(text)[0], value, text)
        self.assertEqual(evaluate("(25 + 7) * 3")[1], [25, 7, 3])

    def test_refuses_what_is_no_expression(self) -> None:
        for text in ("", "3 +", "(3", "3)", "3 4", "3 / 0", "3 ** 2", "-3", "__import__", "3 + x", "3 / (2 - 2)"):
            with self.assertRaises(ValueError, msg=text):
                evaluate(text)

    def test_takes_the_last_box(self) -> None:
        self.assertEqual(boxed(r"\boxed{1} and \boxed{ 2 }"), "2")
        self.assertEqual(boxed("132"), "")

    def test_accuracy_of_a_number(self) -> None:
        self.assertTrue(accuracy(SUM, r"47 + 85 = 132\n\boxed{132}"))
        self.assertFalse(accuracy(SUM, r"\boxed{133}"))
        self.assertFalse(accuracy(SUM, "132"))

    def test_accuracy_of_countdown(self) -> None:
        self.assertTrue(accuracy(COUNTDOWN, r"\boxed{(7 * 3) + 25}"))
        for wrong in ("46", "7 * 3 + 25 + 0", "25 + 25 - 7 + 3", "7 + 3 + 25", "7 * 3 + 25 = 46", "(7 * 3 + 25"):
            self.assertFalse(accuracy(COUNTDOWN, rf"\boxed{{{wrong}}}"), wrong)

    def test_where_there_is_no_way_saying_so_is_right(self) -> None:
        hopeless = Problem("Use 1, 4 and 6 to make 43.", "", "countdown, no way")
        self.assertTrue(accuracy(hopeless, "I looked for a way to make 43 and did not find one."))
        for wrong in ("", "Hello!", r"\boxed{(6 * 4) + 1}", r"I did not find one. \boxed{43}"):
            self.assertFalse(accuracy(hopeless, wrong), wrong)
        self.assertFalse(accuracy(COUNTDOWN, "I looked for a way to make 46 and did not find one."))

    def test_form(self) -> None:
        self.assertTrue(well_formed("7+5=12\n</think>\n\n132"))
        for bad in ("7+5=12", "</think>132", "7+5=12</think> ", "a</think>b</think>c", "a<think>b</think>c"):
            self.assertFalse(well_formed(bad), bad)

    def test_reward(self) -> None:
        right, wrong = "7+5=12\n</think>\n\n\\boxed{132}", "7+5=12\n</think>\n\n\\boxed{131}"
        self.assertEqual(reward(SUM, right, True), 1 + FORMAT_SHARE)
        self.assertEqual(reward(SUM, wrong, True), FORMAT_SHARE)
        self.assertEqual(reward(SUM, right, False), 0)
        self.assertEqual(reward(SUM, "\\boxed{132}", True), 0)

    def test_a_long_answer_is_worth_less_form(self) -> None:
        asked, right = replace(SUM, length=20), "7+5=12\n</think>\n\n\\boxed{132}"
        self.assertEqual(reward(asked, right, True, int(ROOM * 20)), 1 + FORMAT_SHARE)
        self.assertAlmostEqual(reward(asked, right, True, int(2 * ROOM * 20)), 1 + FORMAT_SHARE / 2)

    def test_refusals(self) -> None:
        asked = Problem("Who is Zorp?", "", "outside, facts")
        for sentence in ANSWERS:
            self.assertTrue(accuracy(asked, sentence))
            self.assertEqual(odd_words(asked, sentence), [])
        self.assertFalse(accuracy(asked, "Zorp is 31."))
        self.assertFalse(accuracy(SUM, ANSWERS[0]))

    def test_odd_words(self) -> None:
        self.assertEqual(odd_words(SUM, "9 is les, 25 me muly has 31}"), ["les", "muly"])
        self.assertEqual(odd_words(Problem("Reverse zqxv.", "vxqz", "letters"), "zqxv backwards: vxqz"), [])


if __name__ == "__main__":
    unittest.main()
