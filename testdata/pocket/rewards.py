"""Rule rewards of the reinforcement stage: is the answer right, and does it have the form of an answer.

Rules and arithmetic only; no model judges another. evaluate counts with the same rules.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import data
from example import NOT_FOUND
from outside import ANSWERS

FORMAT_SHARE = 0.1  # what the form is worth where a right answer is worth 1
ROOM = 1.5  # an answer may be so many times as long as the recipe's own before its form is worth less
OUTSIDE = "outside, "  # how the tasks that are to be refused begin


@dataclass(frozen=True)
class Problem:
    """What is asked and how to tell a right answer: the box's content ("" where there is none to be found), or for Countdown the numbers and the target.

    `before` is the chat so far; `length` is how many tokens the recipe's own answer has, 0 where that is not known.
    """

    question: str
    answer: str
    task: str
    numbers: tuple[int, ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    length: int = 0


def read_problems(path: Path) -> list[Problem]:
    """The problems of a file such as heldout.jsonl."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Problem(line["question"], line["answer"], line["task"], tuple(line.get("numbers", ())), tuple((asked, answer) for asked, answer in line.get("before", ())))
        for line in lines
    ]


def evaluate(text: str) -> tuple[Fraction, list[int]]:
    """The value of an expression of whole numbers, + - * / and brackets, and the numbers in it. ValueError if it is none."""
    tokens = re.findall(r"\d+|[-+*/()]", text)
    if "".join(tokens) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is no expression")
    used: list[int] = []
    at = 0

    def take(wanted: str) -> str:
        nonlocal at
        if at < len(tokens) and (tokens[at] in wanted.split() or (wanted == "number" and tokens[at].isdigit())):
            at += 1
            return tokens[at - 1]
        return ""

    def factor() -> Fraction:
        if take("("):
            inner = total()
            if not take(")"):
                raise ValueError("a bracket is not closed")
            return inner
        digits = take("number")
        if not digits:
            raise ValueError("a number is missing")
        used.append(int(digits))
        return Fraction(int(digits))

    def product() -> Fraction:
        value = factor()
        while sign := take("* /"):
            right = factor()
            if sign == "/" and right == 0:
                raise ValueError("a division by zero")
            value = value * right if sign == "*" else value / right
        return value

    def total() -> Fraction:
        value = product()
        while sign := take("+ -"):
            right = product()
            value = value + right if sign == "+" else value - right
        return value

    value = total()
    if at != len(tokens):
        raise ValueError(f"{text!r} goes on after its end")
    return value, used


def boxed(text: str) -> str:
    """What stands in the last \\boxed{...}, "" where there is none."""
    found = re.findall(r"\\boxed\{([^{}]*)\}", text)
    return found[-1].strip() if found else ""


def accuracy(problem: Problem, answer: str) -> bool:
    """Whether the box is right: for Countdown an expression with each number once that makes the target. Where there is no answer, saying so is right, and where Pocket cannot help, one of its sentences."""
    content = boxed(answer)
    if problem.task.startswith(OUTSIDE):
        return answer.strip() in ANSWERS
    if not problem.answer:
        return not content and NOT_FOUND in answer
    if not problem.numbers:
        return content == problem.answer
    try:
        value, used = evaluate(content)
    except ValueError:
        return False
    return value == int(problem.answer) and sorted(used) == sorted(problem.numbers)


@lru_cache(maxsize=None)
def known_words() -> frozenset[str]:
    """Every word that the recipe's answers are made of."""
    rng = random.Random(1)
    return frozenset(word for _ in range(20000) for word in words_of(data.random_example(rng, rng.random()).answer))


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[a-z]+", text.lower())


def odd_words(problem: Problem, answer: str) -> list[str]:
    """The answer's words that the recipe never writes and that are neither asked about nor what is right: invented ones."""
    asked = words_of(" ".join((problem.question, *(part for turn in problem.before for part in turn))))
    return [word for word in words_of(answer) if len(word) > 1 and word not in known_words() and word not in asked and word not in words_of(problem.answer)]


def well_formed(written: str) -> bool:
    """Whether there is reasoning, then one </think>, then an answer. `written` is all that follows the prompt's <think>."""
    parts = written.split("</think>")
    return len(parts) == 2 and "<think>" not in written and all(part.strip() for part in parts)


def reward(problem: Problem, written: str, ended: bool, length: int = 0) -> float:
    """1 for a right answer and FORMAT_SHARE for its form, less of that where its `length` in tokens is more than the problem asks for; nothing for one that was cut off."""
    if not ended or not well_formed(written):
        return 0.0
    brief = min(1.0, ROOM * problem.length / length) if problem.length and length else 1.0
    return FORMAT_SHARE * brief + accuracy(problem, written.split("</think>")[1])
