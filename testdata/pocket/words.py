"""One- and two-step word problems from templates with varied names, things and wording."""

from __future__ import annotations

import random
from dataclasses import dataclass

from example import Example, boxed
from expressions import Node, Op, value_of, work_through, write

NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Lena", "Max", "Nora", "Oscar", "Paul", "Rosa", "Sam", "Tom"]
THINGS = ["apples", "books", "coins", "marbles", "pens", "cards", "stamps", "eggs", "cookies", "balls", "flowers", "stickers"]
BOXES = ["boxes", "bags", "baskets", "packs"]

A, B, C = "a", "b", "c"  # the numbers of a template, in its expression


@dataclass(frozen=True)
class Template:
    """Ways to ask, the expression that answers, and the sentence of the answer.

    {n} and {m} are names, {t} a thing, {x} something that holds things.
    """

    asks: tuple[str, ...]
    expression: tuple  # nested (sign, left, right) with the letters of the numbers as leaves
    answer: str


ONE_STEP = [
    Template(("{n} has {a} {t} and buys {b} more. How many {t} does {n} have now?", "{n} had {a} {t}. Then {n} got {b} more. How many {t} are there now?",
              "I have {a} {t} and buy {b} more. How many {t} do I have?"), ("+", A, B), "{v} {t}"),
    Template(("{n} has {a} {t} and {m} has {b} {t}. How many {t} do they have together?", "{n} found {a} {t}, {m} found {b}. How many did they find in all?"),
             ("+", A, B), "{v} {t} together"),
    Template(("There are {a} {t} in one box and {b} {t} in another. How many {t} are there in total?", "A shop sold {a} {t} on Monday and {b} on Tuesday. How many {t} did it sell in total?"),
             ("+", A, B), "{v} {t} in total"),
    Template(("{n} had {a} {t} and gave {b} to {m}. How many {t} are left?", "{n} had {a} {t} and lost {b} of them. How many {t} does {n} have left?",
              "I have {a} {t} and eat {b} of them. How many are left?", "There were {a} {t} in the shop. {b} were sold. How many {t} are left?"), ("-", A, B), "{v} {t} are left"),
    Template(("{n} has {a} {t} and {m} has {b}. How many more {t} does {n} have?", "{n} counted {a} {t}, {m} counted only {b}. How many more did {n} count?"), ("-", A, B), "{v} more"),
    Template(("{n} wants to read {a} pages and has read {b}. How many pages are left to read?", "A book has {a} pages. {n} has read {b}. How many pages remain?"), ("-", A, B), "{v} pages are left"),
    Template(("There are {a} {x} with {b} {t} in each. How many {t} are there?", "Each of {a} {x} holds {b} {t}. How many {t} are there in all?",
              "{n} fills {a} {x} with {b} {t} each. How many {t} is that?"), ("*", A, B), "{v} {t}"),
    Template(("One ticket costs {a} euros. How much do {b} tickets cost?", "A toy costs {a} dollars. How much do {b} toys cost?", "{n} buys {b} pens for {a} cents each. How much does {n} pay?"), ("*", A, B), "{v}"),
    Template(("{n} walks {a} km every day. How many km is that in {b} days?", "{n} reads {a} pages a day. How many pages does {n} read in {b} days?"), ("*", A, B), "{v} in {b} days"),
    Template(("{n} shares {a} {t} equally among {b} friends. How many {t} does each get?", "{a} {t} are put into {b} {x} equally. How many {t} are in each?",
              "{b} children share {a} {t}. How many does each child get?"), ("/", A, B), "{v} {t} each"),
    Template(("{n} earns {a} euros in {b} days, the same every day. How much is that a day?", "{b} tickets cost {a} euros. How much is one ticket?"), ("/", A, B), "{v} euros"),
]
TWO_STEPS = [
    Template(("{n} has {a} {t}, buys {b} more and gives {c} away. How many {t} does {n} have now?", "{n} had {a} {t}, got {b} from {m} and lost {c}. How many {t} are left?"), ("-", ("+", A, B), C), "{v} {t}"),
    Template(("{n} had {a} {t}, gave {b} to {m} and then bought {c}. How many {t} does {n} have now?", "A bus had {a} people in it. At a stop {b} got off and {c} got on. How many people are in the bus?"),
             ("+", ("-", A, B), C), "{v}"),
    Template(("{n} has {a} {x} with {b} {t} in each and {c} more {t}. How many {t} is that in all?", "There are {a} {x} of {b} {t} and {c} loose ones. How many {t} are there?"), ("+", ("*", A, B), C), "{v} {t} in all"),
    Template(("{n} fills {a} {x} with {b} {t} each. Then {c} {t} are taken out. How many {t} are left?", "{n} buys {a} {x} with {b} {t} in each and eats {c}. How many are left?"), ("-", ("*", A, B), C), "{v} {t} are left"),
    Template(("{n} has {a} {t} and {m} has {b} {t}. They share all of them equally among {c} children. How many does each child get?",
              "{n} picked {a} {t} in the morning and {b} in the evening and puts them into {c} {x} equally. How many {t} are in each?"), ("/", ("+", A, B), C), "{v} {t} each"),
    Template(("{n} has {a} {t}, keeps {b} and shares the rest equally among {c} friends. How many does each friend get?",), ("/", ("-", A, B), C), "{v} {t} each"),
    Template(("A pen costs {a} cents and a book {b} cents. How much do {c} of both cost together?", "One adult pays {a} euros and one child {b} euros. How much do {c} adults and {c} children pay?"), ("*", ("+", A, B), C), "{v}"),
    Template(("{n} buys {b} {t} for {c} euros each and pays with {a} euros. How much does {n} get back?", "{n} has {a} euros and buys {b} tickets for {c} euros each. How many euros are left?"), ("-", A, ("*", B, C)), "{v} euros"),
    Template(("{n} earns {b} euros a day for {c} days and already had {a} euros. How many euros does {n} have now?",), ("+", A, ("*", B, C)), "{v} euros"),
    Template(("{a} {t} are shared equally among {b} children. {n} is one of them and eats {c}. How many {t} does {n} have left?",), ("-", ("/", A, B), C), "{v} {t}"),
    Template(("{n} shares {a} {t} equally among {b} friends. {m} is one of them and had {c} before. How many does {m} have now?",), ("+", ("/", A, B), C), "{v} {t}"),
    Template(("{n} has {a} {t}. {m} has {b} times as many. How many {t} do they have together?",), ("+", A, ("*", A, B)), "{v} {t} together"),
]


def fill(shape: tuple | str, numbers: dict[str, int]) -> Node:
    """The expression with its numbers in place of the letters."""
    if isinstance(shape, str):
        return numbers[shape]
    sign, left, right = shape
    return Op(sign, fill(left, numbers), fill(right, numbers))


def random_numbers(rng: random.Random, shape: tuple) -> dict[str, int]:
    """Numbers that every step of the template allows, and a result of at least 1."""
    while True:
        wide = rng.random() < 0.25
        numbers = {letter: rng.randrange(2, 10) if rng.random() < 0.4 else rng.randrange(10, 300 if wide else 100) for letter in (A, B, C)}
        value = value_of(fill(shape, numbers))
        if value:
            return numbers


def random_example(rng: random.Random, steps: int | None = None) -> Example:
    """A word problem of one or two steps."""
    template = rng.choice(ONE_STEP if (steps or rng.choice([1, 2])) == 1 else TWO_STEPS)
    numbers = random_numbers(rng, template.expression)
    first, second = rng.sample(NAMES, 2)
    words = {"n": first, "m": second, "t": rng.choice(THINGS), "x": rng.choice(BOXES)}
    node = fill(template.expression, numbers)
    value, working = work_through(rng, node)
    answer = template.answer.format(v=value, **words, **numbers)
    question = rng.choice(template.asks).format(**words, **numbers)
    text = boxed(f"{write(node)} = {value}\n{answer}", value)
    return Example("word problems", question, working.text(), text, str(value), ("words", write(node)), frozenset(working.pairs))
