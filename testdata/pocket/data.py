"""Training text, all made here: the mix of tasks, and conversations as tokens. `data.py` prints a few examples."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Callable, Hashable, Iterable

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
import smalltalk
import steps
import words
from example import RIGHT, WRONG, Example, with_slip
from tokenizer import ASSISTANT, BOS, END_THINK, EOS, THINK, TOKENS, USER, encode

HELD_OUT = Path(__file__).with_name("heldout.jsonl")  # what every version of the model was measured with
HELD_OUT_NEW = Path(__file__).with_name("heldout-new.jsonl")  # the tasks that came with the second version
HELD_OUT_OUTSIDE = Path(__file__).with_name("heldout-outside.jsonl")  # what is to be refused
HELD_OUT_FILES = (HELD_OUT, HELD_OUT_NEW, HELD_OUT_OUTSIDE)
SLIPS = 0.05  # share of worked examples with a wrong turn in them
SEARCH_SLIPS = 0.08  # share of a search's rejections that are first taken for hits

Maker = Callable[[random.Random], Example]

# How often each kind comes, by number of examples: at first, and later on, when what is easy is known and searches
# (several times longer than the rest) need the practice.
MIX: list[tuple[float, float, Maker]] = [
    (12, 6, lambda rng: pairs.random_example(rng, "+")),
    (8, 8, lambda rng: pairs.random_example(rng, "-")),
    (10, 6, lambda rng: pairs.random_example(rng, "*")),
    (3, 5, lambda rng: pairs.random_example(rng, "/")),
    (4, 9, pairs.long_product),
    (4, 7, division.random_example),
    (12, 16, expressions.random_example),
    (10, 7, words.random_example),
    (4, 7, steps.random_example),
    (9, 11, lambda rng: rng.choice(list(everyday.MAKERS.values()))(rng)),
    (7, 8, decimals.random_example),
    (10, 10, letters.random_example),
    (6, 7, properties.random_example),
    (4, 6, clock.random_example),
    (5, 6, series.random_example),
    (4, 6, logic.random_example),
    (8, 12, lambda rng: countdown.random_example(rng, 3, SEARCH_SLIPS)),
    (8, 15, lambda rng: countdown.random_example(rng, 4, SEARCH_SLIPS)),
    (2, 5, lambda rng: countdown.hopeless_example(rng, SEARCH_SLIPS)),
    (6, 8, chats.random_example),
    (3, 2, smalltalk.random_example),
    (7, 7, outside.random_example),
]
LATER = 0.3  # share of the training after which the second weights hold


def held_out_keys() -> frozenset[Hashable]:
    """Keys of all held-out problems."""
    lines = [line for file in HELD_OUT_FILES if file.exists() for line in file.read_text().splitlines()]
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


Turns = Iterable[tuple[str, str]]  # questions and answers of a chat, reasoning left out


def prompt(question: str, before: Turns = (), gap: str = "") -> list[int]:
    """Tokens of a question, and of the chat before it, up to where the model begins to write. `gap` stands in front of past answers."""
    past = [token for asked, answer in before for token in (USER, *encode(asked), ASSISTANT, *encode(gap + answer), EOS)]
    return [BOS, *past, USER, *encode(question), ASSISTANT, THINK, *encode("\n")]


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
    """One conversation. Some begin with an earlier turn that has nothing to do with it."""
    example = random_example(rng, done)
    before = example.before
    if rng.random() < 0.1:
        past = random_example(rng, done)
        before = ((past.question, past.answer), *before)
    start = prompt(example.question, before, "\n\n" if rng.random() < 0.3 else "")  # clients differ in whether they keep the gap
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
