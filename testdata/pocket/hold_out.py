"""Problems to measure with: `hold_out.py` adds to the held-out files until every task has as many as it should.

What is in a file stays in it, whatever becomes of the makers: what was held out
from a model must not come up in the training of its successor.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import chats
import clock
import countdown
import decimals
import division
import everyday
import expressions
import letters
import logic
import outside
import pairs
import properties
import series
import steps
import words
from data import HELD_OUT_FILES, Maker
from example import Example

SEED = 20


def short_sum(rng: random.Random) -> Example:
    """A sum of two numbers of two or three digits. One digit alone is a table entry, which training needs."""
    a, b = rng.randrange(10, 1000), rng.randrange(10, 1000) if rng.random() < 0.7 else rng.randrange(10, 100)
    return pairs.solve(("+", min(a, b), max(a, b)), rng.choice(pairs.PHRASES["+"]).format(a=a, b=b), "sums")


def short_product(rng: random.Random) -> Example:
    """A product of a two-digit and a one-digit number."""
    a, b = rng.randrange(10, 100), rng.randrange(2, 10)
    return pairs.solve(("*", b, a), rng.choice(pairs.PHRASES["*"]).format(a=a, b=b), "products")


def long_sum(rng: random.Random) -> Example:
    """A sum or a difference in which at least one number has four digits."""
    sign, a, b = rng.choice("+-"), rng.randrange(1000, 10000), rng.randrange(10, 10000)
    a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
    return pairs.solve((sign, a, b), rng.choice(pairs.PHRASES[sign][:12]).format(a=a, b=b), "sums and differences to 4 digits")


def two_digit_product(rng: random.Random) -> Example:
    """A product of two numbers of two digits."""
    a, b = rng.randrange(11, 100), rng.randrange(11, 100)
    return pairs.solve(("*", a, b), rng.choice(pairs.PHRASES["*"][:12]).format(a=a, b=b), "two-digit products")


Wanted = list[tuple[str, int, Maker]]

OLD: Wanted = [
    ("sums", 180, short_sum),
    ("products", 120, short_product),
    ("sums and differences to 4 digits", 80, long_sum),
    ("two-digit products", 40, two_digit_product),
    ("quotients", 20, lambda rng: pairs.random_example(rng, "/")),
    ("expressions", 100, lambda rng: expressions.random_example(rng, 3)),
    ("long expressions", 100, lambda rng: expressions.random_example(rng, 5)),
    ("word problems", 60, lambda rng: words.random_example(rng, rng.choice([1, 2]))),
    *[(task, 12, maker) for task, maker in everyday.MAKERS.items()],
    ("countdown 3", 200, lambda rng: countdown.random_example(rng, 3)),
    ("countdown 4", 120, lambda rng: countdown.random_example(rng, 4)),
    ("countdown, no way", 20, lambda rng: countdown.hopeless_example(rng, count=3)),
]


def of_task(task: str, maker: Maker) -> Maker:
    """Of a maker's problems only those of one task."""

    def make(rng: random.Random) -> Example:
        while (example := maker(rng)).task != task:
            pass
        return example

    return make


NEW: Wanted = [
    ("decimals", 100, decimals.random_example),
    ("letters", 200, lambda rng: letters.random_example(rng, held_out=True)),
    ("long products", 100, pairs.long_product),
    ("division", 100, division.random_example),
    *[(task, 60, of_task(task, properties.random_example)) for task in ("primes", "powers and roots", "roman numerals")],
    ("clock and calendar", 80, clock.random_example),
    ("series", 100, series.random_example),
    ("logic", 100, logic.random_example),
    ("word problems of three steps", 100, steps.random_example),
    ("countdown 4, no way", 50, lambda rng: countdown.hopeless_example(rng, count=4)),
    ("follow-ups", 100, chats.follow_up),
    ("are you sure, right", 100, lambda rng: chats.sure(rng, True)),
    ("are you sure, wrong", 100, lambda rng: chats.sure(rng, False)),
]
OUTSIDE: Wanted = [(f"outside, {kind}", 200, lambda rng, kind=kind: outside.example(rng, kind, held_out=True)) for kind in outside.KINDS]
WANTED = dict(zip(HELD_OUT_FILES, (OLD, NEW, OUTSIDE)))


def is_easy(example: Example) -> bool:
    """Whether training needs the problem: tables of one digit, and what there are only a few of. A chat is held out for its own sake, whatever is worked out in it."""
    key = example.key
    return key[0] == "length" or (key[0] in "+-*/" and max(key[1], key[2]) < 10)


def line_of(example: Example) -> dict[str, object]:
    """A line of heldout.jsonl.

    Countdown has no one answer: there it is the target, and the numbers stand beside it. Where there is no way, the answer is empty.
    """
    fields = {"question": example.question, "answer": example.boxed, "task": example.task, "key": example.key}
    if example.task.startswith("countdown "):
        _, *numbers, target = example.key
        fields |= {"answer": str(target) if example.boxed or example.task[-1].isdigit() else "", "numbers": numbers}
    if example.before:
        fields["before"] = example.before
    return fields


def filled_up(lines: list[dict[str, object]], wanted: Wanted) -> list[dict[str, object]]:
    """The lines, by task, with as many more as are wanted."""
    keys = {tuple(line["key"]) for line in lines}
    full = []
    for task, count, maker in wanted:
        mine = [line for line in lines if line["task"] == task]
        rng = random.Random(f"{SEED}/{task}/{len(mine)}")
        while len(mine) < count:
            example = maker(rng)
            if example.key not in keys and not is_easy(example):
                keys.add(example.key)
                mine.append(line_of(example))
        full += mine
    return full


def read(file: Path) -> list[dict[str, object]]:
    """A file's lines."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def main() -> None:
    for file, wanted in WANTED.items():
        before = read(file)
        after = filled_up(before, wanted)
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in after))
        print(f"{file.name}: {len(before)} problems, {len(after) - len(before)} more: {len(after)}")


if __name__ == "__main__":
    main()
