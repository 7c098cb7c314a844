"""Tests of the text the recipe makes: every working is checked by other arithmetic, and nothing held out is shown."""

from __future__ import annotations

import json
import random
import re
import unittest
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import countdown
import data
import everyday
import expressions
import hold_out
import pairs
import words
from example import WRONG, Example, with_slip
from rewards import Problem, accuracy, evaluate
from tokenizer import FIRST_SPECIAL, MERGES, decode, encode

ROUNDS = 300


def true_lines(test: unittest.TestCase, example: Example) -> None:
    """Every equation of a working without wrong turns holds."""
    for line in example.reasoning.split("\n"):
        for left, right in re.findall(r"(?<![\d.=])(\d+(?:[-+*/]\d+)+)=(\d+(?:\*\d+\+\d+)?)", line):
            test.assertEqual(evaluate(left)[0], evaluate(right)[0], f"{example.question}: {line}")


def can_make(target: int, numbers: list[Fraction], most: int) -> bool:
    """Whether the numbers, each used once, make the target with no result above `most`, below one or uneven."""
    if len(numbers) == 1:
        return numbers[0] == target
    for a, b in permutations(range(len(numbers)), 2):
        rest = [n for i, n in enumerate(numbers) if i not in (a, b)]
        x, y = numbers[a], numbers[b]
        for value in (x + y, x - y, x * y, x / y):
            if 0 < value <= most and value.denominator == 1 and can_make(target, [*rest, value], most):
                return True
    return False


class Workings(unittest.TestCase):
    def setUp(self) -> None:
        self.rng = random.Random(5)

    def test_pairs(self) -> None:
        for sign in "+-*/":
            for _ in range(ROUNDS):
                sign, a, b = pairs.random_pair(self.rng, sign)
                example = pairs.solve((sign, a, b), "")
                true_lines(self, example)
                want = {"+": a + b, "-": a - b, "*": a * b}.get(sign)
                if sign == "/":
                    quotient, _, rest = example.boxed.partition(" remainder ")
                    self.assertEqual(int(quotient) * b + int(rest or 0), a)
                    self.assertLess(int(rest or 0), b)
                else:
                    self.assertEqual(int(example.boxed), want)

    def test_expressions(self) -> None:
        for _ in range(ROUNDS):
            example = expressions.random_example(self.rng)
            true_lines(self, example)
            self.assertEqual(evaluate(example.key[1])[0], int(example.boxed))
            steps = re.findall(r"(\d+ [-+*/] \d+):", example.reasoning)
            self.assertGreaterEqual(len(steps), 2)

    def test_what_is_ready_is_worked_out_in_any_order(self) -> None:
        node = expressions.Op("-", expressions.Op("*", 9, 8), expressions.Op("+", 1, expressions.Op("/", 6, 2)))
        self.assertEqual(expressions.ready(node), 2)
        workings = [expressions.work_through(self.rng, node) for _ in range(50)]
        self.assertEqual({value for value, _ in workings}, {68})
        self.assertEqual(
            {tuple(working.lines[:2]) for _, working in workings},
            {(text, first) for text in ("9 * 8 - (1 + 6 / 2)", "(9 * 8) - (1 + (6 / 2))") for first in ("9 * 8:", "6 / 2:")},
        )

    def test_expressions_are_written_with_the_brackets_they_need_or_all(self) -> None:
        op = expressions.Op
        self.assertEqual(expressions.write(op("-", 9, op("-", 3, 2))), "9 - (3 - 2)")
        self.assertEqual(expressions.write(op("-", op("-", 9, 3), 2)), "9 - 3 - 2")
        self.assertEqual(expressions.write(op("*", op("+", 1, 2), 3)), "(1 + 2) * 3")
        self.assertEqual(expressions.write(op("+", op("*", 1, 2), 3)), "1 * 2 + 3")
        self.assertEqual(expressions.write(op("+", op("*", 1, op("-", 5, 2)), 3), all_brackets=True), "(1 * (5 - 2)) + 3")

    def test_word_problems(self) -> None:
        for steps in (1, 2):
            for _ in range(ROUNDS):
                example = words.random_example(self.rng, steps)
                true_lines(self, example)
                self.assertEqual(evaluate(example.key[1])[0], int(example.boxed))
                for number in re.findall(r"\d+", example.key[1]):
                    self.assertIn(number, example.question)

    def test_everyday(self) -> None:
        for maker in everyday.MAKERS.values():
            for _ in range(ROUNDS):
                example = maker(self.rng)
                self.assertIn(f"\\boxed{{{example.boxed}}}", example.answer)
        for _ in range(ROUNDS):
            asked = everyday.sorting(self.rng)
            numbers = [int(n) for n in asked.boxed.split(", ")]
            self.assertEqual(numbers, sorted(numbers, reverse=asked.key[1]))
            self.assertEqual(sorted(numbers), sorted(int(n) for n in re.findall(r"\d+", asked.question)))
            percent = everyday.percentage(self.rng)
            if len(percent.key) == 3:
                self.assertEqual(Fraction(percent.key[1] * percent.key[2], 100), int(percent.boxed))

    def test_countdown(self) -> None:
        for count in (3, 4):
            found = 0
            for _ in range(ROUNDS):
                example = countdown.random_example(self.rng, count, 0.1)
                _, *numbers, target = example.key
                problem = Problem(example.question, str(target), example.task, tuple(numbers))
                self.assertEqual(accuracy(problem, example.answer), bool(example.boxed), example)
                found += bool(example.boxed)
                for left, right in re.findall(r"(\d+[-+*/]\d+)=(\d+)", example.plain_reasoning()):
                    self.assertEqual(evaluate(left)[0], int(right), example)
            self.assertGreater(found, ROUNDS * (0.9 if count == 3 else 0.7))

    def test_countdown_without_a_way(self) -> None:
        for _ in range(ROUNDS):
            example = countdown.hopeless_example(self.rng)
            _, *numbers, target = example.key
            self.assertFalse(can_make(target, [Fraction(n) for n in numbers], countdown.MOST), example)
            self.assertTrue(accuracy(Problem(example.question, example.boxed, example.task), example.answer))

    def test_a_patient_search_goes_on(self) -> None:
        tries = Counter(countdown.random_example(self.rng, 4).reasoning.count("try ") for _ in range(ROUNDS * 5))
        self.assertGreater(tries[4], tries[5])
        self.assertGreater(max(tries), 8)
        self.assertLessEqual(max(tries), countdown.MOST_TRIES)

    def test_wrong_turns_are_not_learnt(self) -> None:
        example = pairs.solve(("+", 47, 85), "47 + 85")
        slipped = with_slip(self.rng, example)
        tokens, learn = data.completion(slipped)
        kept = decode([t for t, wanted in zip(tokens, learn) if wanted])
        self.assertIn("no, ", kept)
        self.assertEqual(decode(tokens).count("="), kept.count("="))
        self.assertLess(len(kept), len(decode(tokens)))

    def test_a_wrong_turn_reads_as_the_same_tokens(self) -> None:
        for _ in range(ROUNDS):
            example = countdown.random_example(self.rng, 3, 0.5)
            tokens, learn = data.completion(example)
            self.assertEqual(tokens, data.completion(replace(example, reasoning=example.plain_reasoning()))[0])
            self.assertEqual(all(learn), WRONG not in example.reasoning)


class HeldOut(unittest.TestCase):
    def setUp(self) -> None:
        self.lines = [json.loads(line) for line in data.HELD_OUT.read_text().splitlines()]

    def test_there_are_as_many_as_should_be(self) -> None:
        self.assertEqual(Counter(line["task"] for line in self.lines), Counter({task: count for task, count, _ in hold_out.WANTED}))
        self.assertEqual(len({tuple(line["key"]) for line in self.lines}), len(self.lines))
        self.assertEqual(hold_out.filled_up(self.lines), self.lines)

    def test_what_is_held_out_stays(self) -> None:
        some = self.lines[::7]
        full = hold_out.filled_up(some)
        self.assertEqual(len(full), len(self.lines))
        self.assertEqual([line for line in full if line in some], some)

    def test_their_answers_are_right(self) -> None:
        for line in self.lines:
            kind, *numbers = line["key"]
            if kind == "expression":
                self.assertEqual(evaluate(numbers[0])[0], int(line["answer"]), line)
            if kind == "countdown":
                self.assertEqual(can_make(numbers[-1], [Fraction(n) for n in numbers[:-1]], countdown.MOST), line["answer"] != "", line)

    def test_training_never_shows_them(self) -> None:
        questions = {line["question"] for line in self.lines}
        self.assertGreaterEqual(len(questions), 500)
        rng = random.Random(9)
        for i in range(5000):
            example = data.random_example(rng, i / 5000)
            self.assertNotIn(example.question, questions)
            self.assertNotIn(example.key, data.EXCLUDED)
            self.assertTrue(data.EXCLUDED.isdisjoint(example.pairs))


class Tokens(unittest.TestCase):
    def test_text_comes_back(self) -> None:
        for text in ("What is 47 + 85?", "a × b\n\n÷ ｜ 0", "naïve 日本 12345"):
            self.assertEqual(decode(encode(text)), text)

    def test_digits_are_single(self) -> None:
        self.assertEqual(len(encode("1234567890")), 10)
        self.assertFalse([m for m in MERGES if re.search(rb"\d", m[0] + m[1])])
        self.assertEqual(len(MERGES), FIRST_SPECIAL - 256)

    def test_the_seed_fixes_the_data(self) -> None:
        self.assertEqual(data.batches(1, 3, 2000, 2, 0.0), data.batches(1, 3, 2000, 2, 0.0))
        self.assertNotEqual(data.batches(1, 3, 2000, 2, 0.0), data.batches(2, 3, 2000, 2, 0.0))


if __name__ == "__main__":
    unittest.main()
