"""What every kind of problem makes: one turn of chat with its reasoning."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Hashable

# Text between these two is a wrong turn: the model reads it and learns to notice it, but does not learn to write it.
WRONG, RIGHT = "\x01", "\x02"

NOT_FOUND = "did not find one"  # what an answer says that has none


@dataclass(frozen=True)
class Example:
    """A question, its reasoning and its answer.

    `boxed` is what stands in the answer's box (empty where there is none), `key`
    is the problem's identity and `pairs` are the pairs of numbers worked out on
    the way: training avoids what is held out among both. `before` are the
    questions and answers of the chat so far.
    """

    task: str
    question: str
    reasoning: str
    answer: str
    boxed: str = ""
    key: Hashable = None
    pairs: frozenset[Hashable] = frozenset()
    before: tuple[tuple[str, str], ...] = ()

    def plain_reasoning(self) -> str:
        """The reasoning as it is read, without the marks."""
        return self.reasoning.replace(WRONG, "").replace(RIGHT, "")


COLUMN = re.compile(r"^(\d+[-+*]\d+(?:[-+]1)?=)(\d+)(, \+.*)?$")


def with_slip(rng: random.Random, example: Example) -> Example:
    """The example with one column miscalculated and put right in the next line, if it has columns."""
    lines = example.reasoning.split("\n")
    columns = [i for i, line in enumerate(lines) if COLUMN.match(line)]
    if not columns:
        return example
    at = rng.choice(columns)
    start, value, _ = COLUMN.match(lines[at]).groups()
    wrong = max(0, int(value) + rng.choice([-10, -2, -1, 1, 2, 10]))
    if wrong != int(value):
        lines[at] = f"{start}{WRONG}{wrong}{RIGHT}\nno, {lines[at]}"
    return replace(example, reasoning="\n".join(lines))


def boxed(text: str, value: object) -> str:
    """An answer: a sentence or an equation, then the box."""
    return f"{text}\n\\boxed{{{value}}}"
