"""Word problems of three steps, with numbers among them that have nothing to do with the question."""

from __future__ import annotations

import random

from example import Example, boxed
from expressions import Node, Op, value_of, work_through, write
from words import A, B, C, BOXES, NAMES, THINGS, Template, fill

D = "d"  # the fourth number of a template
CHANGES = {
    "+": ["{n} gets {v} more.", "Then {n} buys {v} more.", "{m} gives {n} another {v}.", "{n} finds {v} more."],
    "-": ["{n} gives {v} to {m}.", "Then {n} loses {v}.", "{n} sells {v} of them.", "{v} of them break."],
}
BEGINNINGS = {
    "plain": ["{n} has {a} {t}.", "{n} starts with {a} {t}.", "In the morning {n} has {a} {t}."],
    "boxes": ["{n} has {a} {x} with {b} {t} in each.", "{n} buys {a} {x} of {b} {t} each.", "{n} fills {a} {x} with {b} {t} each."],
}
ENDINGS = {
    "": ["How many {t} does {n} have now?", "How many {t} are there in the end?", "How many {t} does {n} have left?"],
    "/": ["{n} shares them equally among {v} friends. How many {t} does each get?", "They are put into {v} {x} equally. How many {t} are in each?"],
    "*": ["{m} has {v} times as many. How many {t} does {m} have?"],
}
DISTRACTORS = ["{m} is {k} years old.", "The shop opens at {k} o'clock.", "It is {k} degrees outside.", "{m} lives at number {k}.", "There are {k} children in the class.", "{m} has {k} {o}.", "A bus passes every {k} minutes."]

FIXED = [
    Template(("{n} buys {a} pens for {b} cents each and {c} books for {d} cents each. How many cents does {n} pay?", "A class has {a} tables with {b} chairs and {c} tables with {d} chairs. How many chairs are there?"),
             ("+", ("*", A, B), ("*", C, D)), "{v}"),
    Template(("{n} has {a} euros and buys {b} {t} for {c} euros each. Then {n} earns {d} euros. How many euros does {n} have now?",), ("+", ("-", A, ("*", B, C)), D), "{v} euros"),
    Template(("{n} earns {b} euros a day for {c} days, had {a} euros before and spends {d}. How many euros are left?",), ("-", ("+", A, ("*", B, C)), D), "{v} euros"),
]


def some(rng: random.Random) -> int:
    """A number of a story."""
    return rng.randrange(2, 10) if rng.random() < 0.45 else rng.randrange(10, 100)


def story(rng: random.Random, names: dict[str, str]) -> tuple[list[str], Node, str]:
    """Sentences, the expression they tell and the question, of three operations."""
    numbers = {"a": some(rng), "b": some(rng)}
    if rng.random() < 0.5:
        node: Node = Op("*", numbers["a"], numbers["b"])
        told, left = [rng.choice(BEGINNINGS["boxes"])], 2
    else:
        node = numbers["a"]
        told, left = [rng.choice(BEGINNINGS["plain"])], 3
    told = [told[0].format(**names, **numbers)]
    ending = rng.choice(["", "", "/", "*"])
    for _ in range(left - bool(ending)):
        sign, value = rng.choice("+-"), some(rng)
        node = Op(sign, node, value)
        told.append(rng.choice(CHANGES[sign]).format(**names, v=value))
    value = rng.randrange(2, 10)
    if ending:
        node = Op(ending, node, value)
    return told, node, rng.choice(ENDINGS[ending]).format(**names, v=value)


def random_example(rng: random.Random) -> Example:
    """A problem of three steps; two of three have a sentence that does not matter."""
    while True:
        first, second = rng.sample(NAMES, 2)
        thing, other = rng.sample(THINGS, 2)
        names = {"n": first, "m": second, "t": thing, "o": other, "x": rng.choice(BOXES)}
        if rng.random() < 0.25:
            template = rng.choice(FIXED)
            numbers = {letter: some(rng) for letter in (A, B, C, D)} | ({A: rng.randrange(50, 500)} if template is not FIXED[0] else {})
            node, question, told = fill(template.expression, numbers), rng.choice(template.asks).format(**names, **numbers), []
        else:
            told, node, question = story(rng, names)
        value = value_of(node)
        if value:
            break
    if rng.random() < 0.67:
        aside = rng.choice(DISTRACTORS).format(**names, k=rng.randrange(2, 60))
        told.insert(rng.randrange(len(told) + 1) if told else 0, aside)
    value, working = work_through(rng, node)
    text = write(node)
    return Example("word problems of three steps", " ".join([*told, question]), working.text(), boxed(f"{text} = {value}", value), str(value), ("words", text), frozenset(working.pairs))
