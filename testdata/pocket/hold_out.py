"""Problems to measure with: `hold_out.py` adds to heldout.jsonl until every task has as many as it should.

What is in the file stays in it, whatever becomes of the makers: what was held out
from a model must not come up in the training of its successor.
"""

from __future__ import annotations

import json
import random

import countdown
import everyday
import expressions
import pairs
import words
from data import HELD_OUT, Maker
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


WANTED: list[tuple[str, int, Maker]] = [
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
    ("countdown, no way", 20, countdown.hopeless_example),
]


def is_easy(example: Example) -> bool:
    """Whether training needs the problem: tables of one digit, and what there are only a few of."""
    key = example.key
    return key[0] == "length" or (key[0] in "+-*/" and max(key[1], key[2]) < 10)


def line_of(example: Example) -> dict[str, object]:
    """A line of heldout.jsonl.

    Countdown has no one answer: there it is the target, and the numbers stand beside it. Where there is no way, the answer is empty.
    """
    fields = {"question": example.question, "answer": example.boxed, "task": example.task, "key": example.key}
    if example.task.startswith("countdown "):
        _, *numbers, target = example.key
        fields |= {"answer": str(target), "numbers": numbers}
    return fields


def filled_up(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """The lines, by task, with as many more as are wanted."""
    keys = {tuple(line["key"]) for line in lines}
    full = []
    for task, count, maker in WANTED:
        mine = [line for line in lines if line["task"] == task]
        rng = random.Random(f"{SEED}/{task}/{len(mine)}")
        while len(mine) < count:
            example = maker(rng)
            if example.key not in keys and not is_easy(example):
                keys.add(example.key)
                mine.append(line_of(example))
        full += mine
    return full


def main() -> None:
    before = [json.loads(line) for line in HELD_OUT.read_text().splitlines()] if HELD_OUT.exists() else []
    after = filled_up(before)
    HELD_OUT.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in after))
    print(f"{len(before)} problems, {len(after) - len(before)} more: {len(after)}")


if __name__ == "__main__":
    main()
