"""Long division by numbers of two digits, and remainders."""

from __future__ import annotations

import random

from arithmetic import divide_columns, pair_key
from example import Example, boxed

ASKS = ["What is {a} / {b}?", "{a} / {b}", "{a}/{b}", "{a} divided by {b}", "What is {a} divided by {b}?", "Divide {a} by {b}.", "{a} ÷ {b}", "{a} / {b} ="]
REST = ["What is the remainder of {a} / {b}?", "What is the remainder when {a} is divided by {b}?", "{a} mod {b}", "What is {a} mod {b}?", "{a} % {b}", "remainder of {a} divided by {b}"]


def long_division(a: int, b: int) -> list[str]:
    """a / b, b of two digits: its multiples, then what is taken off for each digit of a, from the highest on."""
    lines = [f"{a} / {b}:", " ".join(f"{i}:{i * b}" for i in range(1, 10))]
    left = 0
    for digit in str(a):
        part = 10 * left + int(digit)
        times = part // b
        left = part - times * b
        lines.append(f"{part}: {times}" + (f", {part}-{times * b}={left}" if times else ""))
    return lines


def solve(a: int, b: int, question: str, rest_only: bool) -> Example:
    """Quotient and remainder, or the remainder alone."""
    lines = [f"{a} / {b}:", *divide_columns(a, b)] if b < 10 else long_division(a, b)
    result = str(a // b) + (f" remainder {a % b}" if a % b else "")
    if rest_only:
        return Example("division", question, "\n".join([*lines, result]), boxed(f"{a} = {a // b} * {b} + {a % b}", a % b), str(a % b), pair_key("/", a, b))
    return Example("division", question, "\n".join([*lines, result]), boxed(f"{a} / {b} = {result}", result), result, pair_key("/", a, b))


def random_example(rng: random.Random) -> Example:
    """Up to five digits by two, sometimes even; now and then by one digit for the remainder alone."""
    rest_only = rng.random() < 0.4
    b = rng.randrange(2, 10) if rest_only and rng.random() < 0.4 else rng.randrange(11, 100)
    a = rng.randrange(b, 10 ** rng.choice([3, 4, 4, 5]))
    if rng.random() < 0.35:
        a = a // b * b
    return solve(a, b, rng.choice(REST if rest_only else ASKS).format(a=a, b=b), rest_only)
