"""Short logic: people in a row, who is taller, older or further to the left."""

from __future__ import annotations

import random
from dataclasses import dataclass

from example import Example, boxed
from words import NAMES


@dataclass(frozen=True)
class Scale:
    """How a relation is said in both directions, and what the two ends of the row are called."""

    more: str
    less: str
    most: str
    least: str


SCALES = [
    Scale("is taller than", "is shorter than", "is the tallest", "is the shortest"),
    Scale("is older than", "is younger than", "is the oldest", "is the youngest"),
    Scale("is faster than", "is slower than", "is the fastest", "is the slowest"),
    Scale("has more money than", "has less money than", "has the most money", "has the least money"),
    Scale("sits left of", "sits right of", "sits furthest to the left", "sits furthest to the right"),
    Scale("came before", "came after", "came first", "came last"),
]


def random_example(rng: random.Random) -> Example:
    """Neighbours in a row, told in any order and direction: first each as a > b, then joined into one row."""
    scale, row = rng.choice(SCALES), rng.sample(NAMES, rng.choice([3, 3, 4, 5]))
    told = list(zip(row, row[1:]))
    rng.shuffle(told)
    said = [f"{a} {scale.more} {b}." if rng.random() < 0.6 else f"{b} {scale.less} {a}." for a, b in told]
    lines = [", ".join(f"{a} > {b}" for a, b in told)]
    first, last = told[0]
    chain = [first, last]
    while len(chain) < len(row):
        at = row.index(chain[0]), row.index(chain[-1])
        chain = [row[at[0] - 1], *chain] if at[0] > 0 else [*chain, row[at[1] + 1]]
        lines.append(" > ".join(chain))
    kind = rng.random()
    if kind < 0.6:
        most = rng.random() < 0.5
        value = row[0] if most else row[-1]
        ask = scale.most if most else scale.least
        question, text = f"Who {ask}?", f"{value} {ask}."
    else:
        i, j = rng.sample(range(len(row)), 2)
        says_more = rng.random() < 0.5
        holds = (i < j) == says_more
        relation = scale.more if says_more else scale.less
        value = "yes" if holds else "no"
        verb, _, rest = relation.partition(" ")
        question = f"Is it true that {row[i]} {verb} {rest} {row[j]}?" if verb != "is" or rng.random() < 0.3 else f"Is {row[i]} {rest} {row[j]}?"
        lines.append(f"{row[i]} is {'before' if i < j else 'after'} {row[j]}")
        text = f"{'Yes' if holds else 'No'}, {row[min(i, j)]} {scale.more} {row[max(i, j)]}."
    key = ("logic", scale.more, *row, question)
    return Example("logic", f"{' '.join(said)} {question}", "\n".join(lines), boxed(text, value), value, key)
