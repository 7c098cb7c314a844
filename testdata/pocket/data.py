"""Training text and held-out problems, all made here: the mix of tasks, and conversations as tokens.

`data.py` writes heldout.jsonl and prints a few examples.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Callable, Hashable

import countdown
import everyday
import expressions
import pairs
import smalltalk
import words
from arithmetic import Pair
from example import RIGHT, WRONG, Example, with_slip
from tokenizer import ASSISTANT, BOS, END_THINK, EOS, THINK, USER, encode

HELD_OUT = Path(__file__).with_name("heldout.jsonl")
HELD_OUT_SUMS, HELD_OUT_PRODUCTS = 180, 120
HELD_OUT_SEED = 20
SLIPS = 0.05  # share of worked examples with a wrong turn in them
SEARCH_SLIPS = 0.08  # share of a search's rejections that are first taken for hits

Maker = Callable[[random.Random], Example]

# How often each kind comes, by number of examples: at first, and later on, when what is easy is known and searches
# (several times longer than the rest) need the practice.
MIX: list[tuple[float, float, Maker]] = [
    (15, 9, lambda rng: pairs.random_example(rng, "+")),
    (9, 11, lambda rng: pairs.random_example(rng, "-")),
    (13, 8, lambda rng: pairs.random_example(rng, "*")),
    (3, 7, lambda rng: pairs.random_example(rng, "/")),
    (16, 16, expressions.random_example),
    (14, 10, words.random_example),
    (10, 14, lambda rng: rng.choice(list(everyday.MAKERS.values()))(rng)),
    (10, 18, lambda rng: countdown.random_example(rng, 3, SEARCH_SLIPS)),
    (12, 20, lambda rng: countdown.random_example(rng, 4, SEARCH_SLIPS)),
    (4, 2, smalltalk.random_example),
]
LATER = 0.3  # share of the training after which the second weights hold


def first_held_out() -> list[Example]:
    """Sums of two numbers below 1000, and products of a two-digit and a one-digit number."""
    rng = random.Random(HELD_OUT_SEED)
    sums: set[Pair] = set()
    while len(sums) < HELD_OUT_SUMS:
        # Both two-digit and three-digit numbers: a sum of two digits alone is a table entry training needs.
        sums.add(("+", rng.randrange(10, 1000), rng.randrange(10, 1000) if rng.random() < 0.7 else rng.randrange(10, 100)))
    products = rng.sample([("*", a, b) for a in range(10, 100) for b in range(2, 10)], HELD_OUT_PRODUCTS)
    rng = random.Random(HELD_OUT_SEED)
    return [pairs.solve(p, rng.choice(pairs.PHRASES[p[0]][:18]).format(a=p[1], b=p[2])) for p in sorted(sums) + sorted(products)]


def long_sum(rng: random.Random) -> Example:
    """A sum or a difference in which at least one number has four digits."""
    sign, a, b = rng.choice("+-"), rng.randrange(1000, 10000), rng.randrange(10, 10000)
    a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
    return pairs.solve((sign, a, b), rng.choice(pairs.PHRASES[sign][:12]).format(a=a, b=b), "sums and differences to 4 digits")


def two_digit_product(rng: random.Random) -> Example:
    """A product of two numbers of two digits."""
    a, b = rng.randrange(11, 100), rng.randrange(11, 100)
    return pairs.solve(("*", a, b), rng.choice(pairs.PHRASES["*"][:12]).format(a=a, b=b), "two-digit products")


MORE_HELD_OUT: list[tuple[int, Maker]] = [
    (80, long_sum),
    (40, two_digit_product),
    (20, lambda rng: pairs.random_example(rng, "/")),
    (60, lambda rng: expressions.random_example(rng, 3)),
    (30, lambda rng: words.random_example(rng, 1)),
    (30, lambda rng: words.random_example(rng, 2)),
    *[(12, maker) for maker in everyday.MAKERS.values()],
    (50, lambda rng: countdown.random_example(rng, 3)),
    (50, lambda rng: countdown.random_example(rng, 4)),
]


def is_easy(example: Example) -> bool:
    """Whether training needs the problem: tables of one digit, and what there are only a few of."""
    key = example.key
    return key[0] == "length" or (key[0] in "+-*/" and max(key[1], key[2]) < 10)


def held_out() -> list[Example]:
    """All held-out problems, each once."""
    found = first_held_out()
    keys = {e.key for e in found}
    rng = random.Random(HELD_OUT_SEED)
    for count, maker in MORE_HELD_OUT:
        wanted = len(found) + count
        while len(found) < wanted:
            example = maker(rng)
            if example.key not in keys and not is_easy(example):
                keys.add(example.key)
                found.append(example)
    return found


def held_out_line(example: Example) -> str:
    """A line of heldout.jsonl. Countdown has no one answer: there it is the target, and the numbers stand beside it."""
    fields = {"question": example.question, "answer": example.boxed, "task": example.task}
    if example.task.startswith("countdown"):
        _, *numbers, target = example.key
        fields |= {"answer": str(target), "numbers": numbers}
    return json.dumps(fields, ensure_ascii=False)


def write_held_out() -> None:
    """Writes heldout.jsonl."""
    HELD_OUT.write_text("\n".join(map(held_out_line, held_out())) + "\n")


EXCLUDED: frozenset[Hashable] = frozenset(e.key for e in held_out())


def random_example(rng: random.Random, done: float = 0.0) -> Example:
    """One training turn, never a held-out problem nor one that works out a held-out pair on the way. `done` is how far the training is."""
    first, later, makers = zip(*MIX)
    maker = rng.choices(makers, later if done > LATER else first)[0]
    while True:
        example = maker(rng)
        if example.key not in EXCLUDED and EXCLUDED.isdisjoint(example.pairs):
            return with_slip(rng, example) if rng.random() < SLIPS else example


def prompt(question: str) -> list[int]:
    """Tokens of a first question up to where the model begins to write."""
    return [BOS, USER, *encode(question), ASSISTANT, THINK, *encode("\n")]


def completion(example: Example) -> tuple[list[int], list[bool]]:
    """Tokens the model must write, the end-of-sequence token included, and which of them it learns."""
    tokens: list[int] = []
    learn: list[bool] = []
    for i, part in enumerate((example.reasoning + "\n").replace(RIGHT, WRONG).split(WRONG)):
        ids = encode(part)
        tokens += ids
        learn += [i % 2 == 0] * len(ids)
    rest = [END_THINK, *encode("\n\n" + example.answer), EOS]
    return tokens + rest, learn + [True] * len(rest)


Sequence = tuple[list[int], list[bool]]  # tokens, and which of them are learnt


def training_sequence(rng: random.Random, done: float) -> Sequence:
    """One conversation. Some begin with an earlier turn."""
    example = random_example(rng, done)
    before: list[int] = []
    if rng.random() < 0.1:
        past = random_example(rng, done)
        gap = "\n\n" if rng.random() < 0.3 else ""  # clients differ in whether they keep it in front of a past answer
        before = [USER, *encode(past.question), ASSISTANT, *encode(gap + past.answer), EOS]
    start = prompt(example.question)
    start = start[:1] + before + start[1:]
    tokens, learn = completion(example)
    return start + tokens, [False] * len(start) + learn


def batches(seed: int, pool: int, tokens: int, count: int, done: float) -> list[list[Sequence]]:
    """Pool number `pool`: about `count` batches of at most `tokens` tokens with padding, of like length within a batch."""
    rng = random.Random(f"{seed}/{pool}")
    sequences: list[Sequence] = []
    while sum(len(s[0]) for s in sequences) < tokens * count:
        sequences += [training_sequence(rng, done) for _ in range(20)]
    sequences.sort(key=lambda s: len(s[0]))
    cut: list[list[Sequence]] = [[]]
    for sequence in sequences:
        if (len(cut[-1]) + 1) * len(sequence[0]) > tokens:
            cut.append([])
        cut[-1].append(sequence)
    rng.shuffle(cut)
    return cut


if __name__ == "__main__":
    write_held_out()
    rng = random.Random(1)
    for _ in range(20):
        e = random_example(rng)
        print(f"{e.question}\n<think>\n{e.plain_reasoning()}\n</think>\n\n{e.answer}\n{'-' * 20}")
