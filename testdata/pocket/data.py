"""Training text, all made here: arithmetic questions with worked answers, and a little small talk.

A problem's working is a function of the problem alone, so a greedy answer that
follows it to the letter can be checked against it token for token.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from smalltalk import REFUSAL, SMALL_TALK, unknown_question
from tokenizer import ASSISTANT, BOS, END_THINK, EOS, THINK, USER, encode

HELD_OUT = Path(__file__).with_name("heldout.jsonl")
HELD_OUT_SUMS, HELD_OUT_PRODUCTS = 180, 120
HELD_OUT_SEED = 20

PHRASES = {
    "+": [
        "What is {a} + {b}?", "What is {a} + {b}?", "{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} + {b} =", "{a}+{b}=", "{a} + {b} = ?",
        "What is {a}+{b}?", "What's {a} + {b}?", "what is {a} + {b}", "Calculate {a} + {b}.", "Calculate {a} plus {b}.",
        "Compute {a} + {b}", "How much is {a} + {b}?", "how much is {a} plus {b}?", "What is {a} plus {b}?", "{a} plus {b}",
        "Add {a} and {b}.", "add {a} to {b}", "What is the sum of {a} and {b}?", "Please add {a} and {b}.",
        "I have {a} apples and buy {b} more. How many apples do I have?",
    ],
    "-": [
        "What is {a} - {b}?", "What is {a} - {b}?", "{a} - {b}", "{a} - {b}", "{a}-{b}", "{a} - {b} =", "{a} - {b} = ?",
        "What is {a}-{b}?", "What's {a} - {b}?", "what is {a} - {b}", "Calculate {a} - {b}.", "Calculate {a} minus {b}.",
        "How much is {a} - {b}?", "how much is {a} minus {b}?", "What is {a} minus {b}?", "{a} minus {b}", "{a} take away {b}",
        "I have {a} apples and eat {b} of them. How many are left?",
    ],
    "*": [
        "What is {a} * {b}?", "What is {a} * {b}?", "{a} * {b}", "{a} * {b}", "{a}*{b}", "{a} * {b} =", "{a} * {b} = ?",
        "What is {a}*{b}?", "What's {a} * {b}?", "what is {a} * {b}", "Calculate {a} * {b}.", "Calculate {a} times {b}.",
        "How much is {a} * {b}?", "how much is {a} times {b}?", "What is {a} times {b}?", "{a} times {b}", "{a} x {b}",
        "What is {a} x {b}?", "{a} × {b}", "What is {a} × {b}?", "Multiply {a} by {b}.", "multiply {a} and {b}",
        "What is the product of {a} and {b}?", "A box holds {a} apples. How many apples are in {b} boxes?",
    ],
}

Pair = tuple[str, int, int]


@dataclass(frozen=True)
class Example:
    """One turn of chat."""

    question: str
    reasoning: str
    answer: str


def digits(number: int, width: int) -> list[int]:
    """Decimal digits, lowest first, with zeros up to width."""
    return [number // 10**place % 10 for place in range(width)]


def add_columns(a: int, b: int) -> str:
    """Column addition, a line for each column; a carry is added in the next line."""
    width = max(len(str(a)), len(str(b)))
    lines, carry = [], 0
    for x, y in zip(digits(a, width), digits(b, width)):
        total = x + y + carry
        lines.append(f"{x}+{y}{'+1' if carry else ''}={total}")
        carry = total // 10
    return "\n".join(lines)


def subtract_columns(a: int, b: int) -> str:
    """Column subtraction for a >= b; a borrowed ten stands in front of its column's digit."""
    lines, borrow = [], 0
    for x, y in zip(digits(a, len(str(a))), digits(b, len(str(a)))):
        short = x - borrow < y
        lines.append(f"{x + 10 * short}-{y}{'-1' if borrow else ''}={x + 10 * short - y - borrow}")
        borrow = int(short)
    return "\n".join(lines)


def multiply_columns(a: int, b: int) -> str:
    """a times the digit b, a line for each digit of a; a carry is added after a comma."""
    lines, carry = [], 0
    for x in digits(a, len(str(a))):
        total = x * b + carry
        lines.append(f"{x}*{b}={x * b}" + (f", +{carry}={total}" if carry else ""))
        carry = total // 10
    return "\n".join(lines)


def multiply(a: int, b: int) -> str:
    """Working of a * b: columns for a one-digit b, else partial products and their sum."""
    if b < 10:
        return multiply_columns(a, b)
    low, high = a * (b % 10), a * (b - b % 10)
    return (
        f"{a} * {b % 10}:\n{multiply_columns(a, b % 10)}\n{low}\n"
        f"{a} * {b - b % 10}:\n{multiply_columns(a, b // 10)}\n{high}\n"
        f"{high} + {low}:\n{add_columns(high, low)}"
    )


def solve(pair: Pair, question: str) -> Example:
    """The worked answer to a question about this pair."""
    sign, a, b = pair
    if sign == "+":
        return Example(question, f"{a} + {b}:\n{add_columns(a, b)}", f"{a} + {b} = {a + b}")
    if sign == "*":
        big, small = (a, b) if len(str(a)) >= len(str(b)) else (b, a)
        return Example(question, f"{big} * {small}:\n{multiply(big, small)}", f"{a} * {b} = {a * b}")
    if a < b:
        return Example(question, f"{a} is less than {b}.\n{b} - {a}:\n{subtract_columns(b, a)}", f"{a} - {b} = -{b - a}")
    return Example(question, f"{a} - {b}:\n{subtract_columns(a, b)}", f"{a} - {b} = {a - b}")


def random_number(rng: random.Random, most_digits: int) -> int:
    """A number of 1..most_digits digits; longer ones come more often."""
    length = rng.choices(range(1, most_digits + 1), weights=[1, 3, 5][:most_digits])[0]
    return rng.randrange(0 if length == 1 else 10 ** (length - 1), 10**length)


def random_pair(rng: random.Random) -> Pair:
    """A problem, before what is held out is left out."""
    kind = rng.choices(["+", "-", "*1", "*2"], weights=[40, 15, 30, 15])[0]
    if kind in "+-":
        return kind, random_number(rng, 3), random_number(rng, 3)
    if kind == "*2":
        return "*", rng.randrange(10, 100), rng.randrange(10, 100)
    a, b = random_number(rng, 2), rng.randrange(10)
    return ("*", a, b) if rng.random() < 0.8 else ("*", b, a)


def held_out_pairs() -> list[Pair]:
    """The problems that training never shows, in either order of their numbers."""
    rng = random.Random(HELD_OUT_SEED)
    sums: set[Pair] = set()
    while len(sums) < HELD_OUT_SUMS:
        # Both two-digit and three-digit numbers: a sum of two digits alone is a table entry training needs.
        sums.add(("+", rng.randrange(10, 1000), rng.randrange(10, 1000) if rng.random() < 0.7 else rng.randrange(10, 100)))
    products = rng.sample([("*", a, b) for a in range(10, 100) for b in range(2, 10)], HELD_OUT_PRODUCTS)
    return sorted(sums) + sorted(products)


def held_out() -> list[Example]:
    """The held-out problems, each with one of the plainer phrases."""
    rng = random.Random(HELD_OUT_SEED)
    return [solve(pair, rng.choice(PHRASES[pair[0]][:18]).format(a=pair[1], b=pair[2])) for pair in held_out_pairs()]


def write_held_out() -> None:
    """Writes heldout.jsonl: a question and the number that answers it on each line."""
    lines = [json.dumps({"question": e.question, "answer": e.answer.split(" = ")[1]}, ensure_ascii=False) for e in held_out()]
    HELD_OUT.write_text("\n".join(lines) + "\n")


EXCLUDED = frozenset(both for sign, a, b in held_out_pairs() for both in ((sign, a, b), (sign, b, a)))


def random_example(rng: random.Random) -> Example:
    """One training turn."""
    dice = rng.random()
    if dice < 0.04:
        questions, reasoning, answer = rng.choice(SMALL_TALK)
        return Example(rng.choice(questions), reasoning, answer)
    if dice < 0.07:
        return Example(unknown_question(rng), *REFUSAL)
    pair = random_pair(rng)
    while pair in EXCLUDED:
        pair = random_pair(rng)
    sign, a, b = pair
    return solve(pair, rng.choice(PHRASES[sign]).format(a=a, b=b))


def prompt(example: Example) -> list[int]:
    """Tokens of a first question up to where the model begins to write."""
    return [BOS, USER, *encode(example.question), ASSISTANT, THINK, *encode("\n")]


def completion(example: Example) -> list[int]:
    """Tokens the model must write, the end-of-sequence token included."""
    return [*encode(example.reasoning + "\n"), END_THINK, *encode("\n\n" + example.answer), EOS]


def training_sequence(rng: random.Random) -> tuple[list[int], int]:
    """Tokens of one conversation, and how many of them are the prompt. Some begin with an earlier turn."""
    example = random_example(rng)
    before: list[int] = []
    if rng.random() < 0.15:
        past = random_example(rng)
        gap = "\n\n" if rng.random() < 0.3 else ""  # clients differ in whether they keep it in front of a past answer
        before = [USER, *encode(past.question), ASSISTANT, *encode(gap + past.answer), EOS]
    start = prompt(example)
    start = start[:1] + before + start[1:]
    return start + completion(example), len(start)


def batches(seed: int, pool: int, size: int, count: int) -> list[list[tuple[list[int], int]]]:
    """Pool number `pool`: `count` batches of `size` sequences, of like length within a batch."""
    rng = random.Random(f"{seed}/{pool}")
    sequences = sorted((training_sequence(rng) for _ in range(size * count)), key=lambda s: len(s[0]))
    cut = [sequences[i : i + size] for i in range(0, len(sequences), size)]
    rng.shuffle(cut)
    return cut


if __name__ == "__main__":
    write_held_out()
    rng = random.Random(1)
    for _ in range(20):
        e = random_example(rng)
        print(f"{e.question}\n<think>\n{e.reasoning}\n</think>\n\n{e.answer}\n{'-' * 20}")
