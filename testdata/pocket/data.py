"""Training text, all made here: the mix of tasks, and conversations as tokens. `data.py` prints a few examples."""

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
from example import RIGHT, WRONG, Example, with_slip
from tokenizer import ASSISTANT, BOS, END_THINK, EOS, THINK, TOKENS, USER, encode

HELD_OUT = Path(__file__).with_name("heldout.jsonl")
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
    (16, 20, expressions.random_example),
    (14, 10, words.random_example),
    (10, 14, lambda rng: rng.choice(list(everyday.MAKERS.values()))(rng)),
    (10, 15, lambda rng: countdown.random_example(rng, 3, SEARCH_SLIPS)),
    (12, 20, lambda rng: countdown.random_example(rng, 4, SEARCH_SLIPS)),
    (1, 3, lambda rng: countdown.hopeless_example(rng, SEARCH_SLIPS)),
    (4, 2, smalltalk.random_example),
]
LATER = 0.3  # share of the training after which the second weights hold


def held_out_keys() -> frozenset[Hashable]:
    """Keys of the problems in heldout.jsonl."""
    lines = HELD_OUT.read_text().splitlines() if HELD_OUT.exists() else []
    return frozenset(tuple(json.loads(line)["key"]) for line in lines)


EXCLUDED = held_out_keys()


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
    """Tokens the model must write, the end-of-sequence token included, and which of them it learns: none that touches a wrong turn."""
    tokens = encode(example.plain_reasoning() + "\n")
    wrong: list[bool] = []  # of each byte
    for i, part in enumerate((example.reasoning + "\n").replace(RIGHT, WRONG).split(WRONG)):
        wrong += [i % 2 == 1] * len(part.encode())
    learn, at = [], 0
    for token in tokens:
        learn.append(not any(wrong[at : at + len(TOKENS[token])]))
        at += len(TOKENS[token])
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
    rng = random.Random(1)
    for _ in range(20):
        e = random_example(rng)
        print(f"{e.question}\n<think>\n{e.plain_reasoning()}\n</think>\n\n{e.answer}\n{'-' * 20}")
