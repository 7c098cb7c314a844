"""Tests of the text the recipe makes: every working is checked by other arithmetic, and nothing held out is shown."""

from __future__ import annotations

import datetime
import json
import random
import re
import unittest
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import chats
import clock
import countdown
import data
import decimals
import division
import everyday
import expressions
import hold_out
import letters
import lexicon
import logic
import outside
import pairs
import properties
import series
import steps
import words
from example import WRONG, Example, with_slip
from rewards import Problem, accuracy, evaluate
from tokenizer import FIRST_SPECIAL, LEARNT, decode, encode

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
            example = countdown.hopeless_example(self.rng, count=3)
            _, *numbers, target = example.key
            self.assertFalse(can_make(target, [Fraction(n) for n in numbers], countdown.MOST), example)
            self.assertTrue(accuracy(Problem(example.question, example.boxed, example.task), example.answer))

    def test_a_search_without_a_way_is_bounded(self) -> None:
        for _ in range(ROUNDS // 10):
            example = countdown.hopeless_example(self.rng, 0.05, count=4)
            self.assertTrue(accuracy(Problem(example.question, example.boxed, example.task), example.answer))
            self.assertLess(len(data.completion(example)[0]), 750)
            _, *numbers, target = example.key
            self.assertFalse(can_make(target, [Fraction(n) for n in numbers], countdown.MOST), example)

    def test_a_patient_search_goes_on(self) -> None:
        tries = Counter(countdown.random_example(self.rng, 4).reasoning.count("try ") for _ in range(ROUNDS * 5))
        self.assertGreater(tries[4], tries[5])
        self.assertGreater(max(tries), 5)
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


class NewWorkings(unittest.TestCase):
    def setUp(self) -> None:
        self.rng = random.Random(6)

    def examples(self, maker: data.Maker) -> list[Example]:
        made = [maker(self.rng) for _ in range(ROUNDS)]
        for example in made:
            self.assertIn(f"\\boxed{{{example.boxed}}}", example.answer)
            self.assertLess(len(data.completion(example)[0]), 700, example)
        return made

    def test_long_products(self) -> None:
        for example in self.examples(pairs.long_product):
            true_lines(self, example)
            self.assertEqual(example.key[1] * example.key[2], int(example.boxed))

    def test_division(self) -> None:
        for example in self.examples(division.random_example):
            _, a, b = example.key
            wanted = {str(a % b), f"{a // b} remainder {a % b}" if a % b else str(a // b)}
            self.assertIn(example.boxed, wanted)
            for left, right in re.findall(r"(\d+-\d+)=(\d+)", example.reasoning):
                self.assertEqual(evaluate(left)[0], int(right))

    def test_decimals(self) -> None:
        for example in self.examples(decimals.random_example):
            kind, *rest = example.key
            if kind == "ordering":
                values = [Fraction(n) for n in example.boxed.split(", ")]
                self.assertEqual(values, sorted((Fraction(n) for n in rest[1:]), reverse=rest[0]))
                continue
            larger = any(word in example.question for word in decimals.WORDS[True])
            self.assertEqual(Fraction(example.boxed), (max if larger else min)(map(Fraction, rest)), example)
            for a, sign, b in re.findall(r"(?<![\d./-])(-?[\d./]+) ([<>]) (-?[\d./]+)", example.reasoning):
                self.assertEqual(Fraction(a) < Fraction(b), sign == "<", example)

    def test_letters(self) -> None:
        for held_out in (False, True):
            for maker in letters.MAKERS:
                for _ in range(ROUNDS // 10):
                    example = maker(self.rng, held_out)
                    word = example.key[1]
                    self.assertEqual(lexicon.reserved(word) and word not in letters.WHOLE, held_out)
                    self.assertIn(word, example.question.lower())
                    wanted = {
                        letters.length: str(len(word)), letters.reverse: "".join(reversed(word)), letters.sort: "".join(sorted(word)), letters.spell: "-".join(word),
                        letters.count: str(word.count(example.reasoning.split()[1][0])) if maker is letters.count else "",
                        letters.place: example.boxed,
                    }[maker]
                    self.assertEqual(example.boxed, wanted)
                    if maker is letters.place:
                        at = int(re.search(r"Letter (\d+)", example.answer).group(1))
                        self.assertEqual(example.boxed, word[at - 1])

    def test_properties(self) -> None:
        for example in self.examples(properties.random_example):
            kind, n, *rest = example.key
            if kind == "prime":
                self.assertEqual(example.boxed, "yes" if n > 1 and all(n % d for d in range(2, n)) else "no")
            elif kind == "power":
                self.assertEqual(int(example.boxed), n ** rest[0])
            elif kind == "root":
                self.assertEqual(int(example.boxed) ** 2, n)
            elif kind == "cube root":
                self.assertEqual(int(example.boxed) ** 3, n)
            else:
                text = example.boxed if not example.boxed.isdigit() else re.search(r"[MDCLXVI]{1,}(?=\W|$)", example.answer.split(" = ")[1]).group()
                value = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
                numbers = [value[letter] for letter in text]
                self.assertEqual(sum(-a if a < b else a for a, b in zip(numbers, [*numbers[1:], 0])), n)

    def test_clock_and_calendar(self) -> None:
        for example in self.examples(clock.random_example):
            kind, start, end, *rest = example.key
            if kind == "time":
                hour, minute = map(int, example.boxed.split(":"))
                self.assertEqual((start + end) % 1440, 60 * hour + minute)
                self.assertIn(rest[0] % 1440, (end, -end % 1440))
            elif kind == "between":
                parts = dict((word.rstrip("s"), int(n)) for n, word in re.findall(r"(\d+) (\w+)", example.boxed))
                self.assertEqual(60 * parts.get("hour", 0) + parts.get("minute", 0), end - start)
            else:
                got = datetime.date(2025, start + 1, end) + datetime.timedelta(days=rest[0])
                self.assertEqual(example.boxed, f"{everyday.MONTHS[got.month - 1]} {got.day}")
            for left, right in re.findall(r"(?<![\d-])(\d+(?:[-+]\d+)+)=(\d+)", example.reasoning):
                self.assertEqual(evaluate(left)[0], int(right), example)

    def test_series(self) -> None:
        for example in self.examples(series.random_example):
            left, right = example.reasoning.split("\n")[-1].split("=")
            self.assertEqual((evaluate(left)[0], right), (int(right), example.boxed))
            self.assertIn(", ".join(map(str, example.key[1:])), example.question)

    def test_logic(self) -> None:
        for example in self.examples(logic.random_example):
            _, more, *row, question = example.key
            scale = next(s for s in logic.SCALES if s.more == more)
            order = {}  # from what is told alone
            for a, relation, b in re.findall(rf"(\w+) ({scale.more}|{scale.less}) (\w+)\.", example.question):
                order[a if relation == scale.more else b] = b if relation == scale.more else a
            first = (set(order) - set(order.values())).pop()
            chain = [first]
            while chain[-1] in order:
                chain.append(order[chain[-1]])
            self.assertEqual(chain, row)
            if question.startswith("Who"):
                self.assertEqual(example.boxed, row[0] if scale.most in question else row[-1])
            else:
                i, j = (row.index(name) for name in re.findall(r"[A-Z]\w+", question)[1:])
                asks_more = scale.more.split(" ", 1)[1] in question
                self.assertEqual(example.boxed, "yes" if (i < j) == asks_more else "no", example)

    def test_three_steps(self) -> None:
        for example in self.examples(steps.random_example):
            true_lines(self, example)
            value, used = evaluate(example.key[1])
            self.assertEqual((value, len(used)), (int(example.boxed), 4))
            for number in used:
                self.assertIn(str(number), example.question)

    def test_chats(self) -> None:
        for example in self.examples(chats.random_example):
            self.assertTrue(example.before)
            if example.task == "follow-ups":
                left, right = example.answer.split("\n")[0].split(" = ")
                self.assertEqual((evaluate(left)[0], right), (int(right), example.boxed))
            if example.task.startswith("are you sure"):
                said = re.search(r"\\boxed\{(.*)\}", example.before[0][1]).group(1)
                self.assertEqual(said == example.boxed, example.task.endswith("right"))
                self.assertTrue(example.answer.startswith("Yes" if said == example.boxed else "No"))

    def test_outside(self) -> None:
        for kind in outside.KINDS:
            for _ in range(ROUNDS // 10):
                example = outside.example(self.rng, kind)
                self.assertIn(example.answer, outside.ANSWERS)
                self.assertTrue(accuracy(Problem(example.question, "", example.task), example.answer))
                self.assertFalse(accuracy(Problem(example.question, "", example.task), example.answer + " Blue."))


class HeldOut(unittest.TestCase):
    def setUp(self) -> None:
        self.files = {file: hold_out.read(file) for file in hold_out.WANTED}
        self.lines = [line for lines in self.files.values() for line in lines]

    def test_there_are_as_many_as_should_be(self) -> None:
        for file, wanted in hold_out.WANTED.items():
            self.assertEqual(Counter(line["task"] for line in self.files[file]), Counter({task: count for task, count, _ in wanted}))
            self.assertEqual(hold_out.filled_up(self.files[file], wanted), self.files[file])
        self.assertEqual(len({tuple(line["key"]) for line in self.lines}), len(self.lines))
        self.assertEqual(sum(line["task"].startswith("outside") for line in self.lines), 2000)

    def test_what_is_held_out_stays(self) -> None:
        for file, wanted in hold_out.WANTED.items():
            some = self.files[file][::7]
            full = hold_out.filled_up(some, wanted)
            self.assertEqual(len(full), len(self.files[file]))
            self.assertEqual([line for line in full if line in some], some)

    def test_their_answers_are_right(self) -> None:
        for line in self.lines:
            kind, *numbers = line["key"]
            if kind == "expression":
                self.assertEqual(evaluate(numbers[0])[0], int(line["answer"]), line)
            if kind == "countdown":
                self.assertEqual(can_make(numbers[-1], [Fraction(n) for n in numbers[:-1]], countdown.MOST), line["answer"] != "", line)

    def test_training_never_shows_them(self) -> None:
        questions = {(line["question"], str(line.get("before", ""))) for line in self.lines}
        self.assertGreaterEqual(len(questions), 4000)
        words = {line["key"][1] for line in self.lines if line["task"] == "letters"}
        rng = random.Random(9)
        for i in range(5000):
            example = data.random_example(rng, i / 5000)
            self.assertNotIn((example.question, str([list(turn) for turn in example.before] or "")), questions)
            if example.task == "letters":
                self.assertNotIn(example.key[1], words)
            self.assertNotIn(example.key, data.EXCLUDED)
            self.assertTrue(data.EXCLUDED.isdisjoint(example.pairs))


class Tokens(unittest.TestCase):
    def test_text_comes_back(self) -> None:
        for text in ("What is 47 + 85?", "a × b\n\n÷ ｜ 0", "naïve 日本 12345"):
            self.assertEqual(decode(encode(text)), text)

    def test_digits_are_single(self) -> None:
        self.assertEqual(len(encode("1234567890")), 10)
        self.assertFalse([piece for piece in LEARNT if re.search(rb"\d", piece)])
        self.assertEqual(len(set(LEARNT)), FIRST_SPECIAL - 256)

    def test_what_was_not_learnt_is_spelt(self) -> None:
        self.assertEqual(len(encode("strawberry? zqxv")), len("strawberry? zqxv") - 1)  # "? " is one
        self.assertEqual(len(encode("How many ")), 2)

    def test_the_seed_fixes_the_data(self) -> None:
        self.assertEqual(data.batches(1, 3, 2000, 2, 0.0), data.batches(1, 3, 2000, 2, 0.0))
        self.assertNotEqual(data.batches(1, 3, 2000, 2, 0.0), data.batches(2, 3, 2000, 2, 0.0))


if __name__ == "__main__":
    unittest.main()
