"""Problems of two numbers: sums, differences, products and quotients."""

from __future__ import annotations

import random
from dataclasses import replace

from arithmetic import Pair, Working, add_columns, divide_columns, pair_key, subtract_columns, work_out
from example import RIGHT, WRONG, Example, boxed

PHRASES = {
    "+": [
        "What is {a} + {b}?", "What is {a} + {b}?", "{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} + {b} =", "{a}+{b}=", "{a} + {b} = ?",
        "What is {a}+{b}?", "What's {a} + {b}?", "what is {a} + {b}", "Calculate {a} + {b}.", "Calculate {a} plus {b}.",
        "Compute {a} + {b}", "How much is {a} + {b}?", "how much is {a} plus {b}?", "What is {a} plus {b}?", "{a} plus {b}",
        "Add {a} and {b}.", "add {a} to {b}", "What is the sum of {a} and {b}?", "Please add {a} and {b}.",
    ],
    "-": [
        "What is {a} - {b}?", "What is {a} - {b}?", "{a} - {b}", "{a} - {b}", "{a}-{b}", "{a} - {b} =", "{a} - {b} = ?",
        "What is {a}-{b}?", "What's {a} - {b}?", "what is {a} - {b}", "Calculate {a} - {b}.", "Calculate {a} minus {b}.",
        "How much is {a} - {b}?", "how much is {a} minus {b}?", "What is {a} minus {b}?", "{a} minus {b}", "{a} take away {b}",
        "Subtract {b} from {a}.",
    ],
    "*": [
        "What is {a} * {b}?", "What is {a} * {b}?", "{a} * {b}", "{a} * {b}", "{a}*{b}", "{a} * {b} =", "{a} * {b} = ?",
        "What is {a}*{b}?", "What's {a} * {b}?", "what is {a} * {b}", "Calculate {a} * {b}.", "Calculate {a} times {b}.",
        "How much is {a} * {b}?", "how much is {a} times {b}?", "What is {a} times {b}?", "{a} times {b}", "{a} x {b}",
        "What is {a} x {b}?", "{a} × {b}", "What is {a} × {b}?", "Multiply {a} by {b}.", "multiply {a} and {b}",
        "What is the product of {a} and {b}?",
    ],
    "/": [
        "What is {a} / {b}?", "What is {a} / {b}?", "{a} / {b}", "{a}/{b}", "{a} / {b} =", "what is {a} / {b}", "Calculate {a} / {b}.",
        "How much is {a} / {b}?", "What is {a} divided by {b}?", "{a} divided by {b}", "Divide {a} by {b}.", "{a} ÷ {b}", "What is {a} ÷ {b}?",
    ],
}
FAILED_CHECKS = 0.15  # share of the differences that are got wrong first
NAMES = {"+": "sums", "-": "differences", "*": "products", "/": "quotients"}


def check_line(left: int, b: int, a: int) -> str:
    """Adds back: left + b must be a."""
    return f"check: {' '.join(add_columns(left, b))} {left + b} {'ok' if left + b == a else 'no'}"


def checked_difference(a: int, b: int) -> Working:
    """a - b for a >= b, checked by adding back."""
    working = Working()
    left = work_out(working, "-", a, b)
    working.lines.append(check_line(left, b, a))
    return working


def failed_difference(rng: random.Random, a: int, b: int) -> list[str]:
    """a - b with one column wrong, so that the check fails. The wrong digit alone is not learnt; all that follows from it is."""
    columns = subtract_columns(a, b)
    at = rng.randrange(len(columns))
    start, right = columns[at].split("=")
    wrong = (int(right) + rng.randrange(1, 10)) % 10
    left = a - b + (wrong - int(right)) * 10**at
    columns[at] = f"{start}={WRONG}{wrong}{RIGHT}"
    return [f"{a} - {b}:", *columns, str(left), check_line(left, b, a)]


def solve(pair: Pair, question: str, task: str = "") -> Example:
    """The worked answer to a question about this pair."""
    sign, a, b = pair
    task = task or NAMES[sign]
    working, value = Working(), ""
    if sign == "-":
        working = checked_difference(max(a, b), min(a, b))
        if a < b:
            working.lines.insert(0, f"{a} is less than {b}.")
        value = str(a - b)
    elif sign == "/":
        working.lines = [f"{a} / {b}:", *divide_columns(a, b)]
        value = str(a // b) + (f" remainder {a % b}" if a % b else "")
        working.lines.append(value)
    else:
        value = str(work_out(working, sign, a, b))
    return Example(task, question, working.text(), boxed(f"{a} {sign} {b} = {value}", value), value, pair_key(sign, a, b), frozenset(working.pairs))


def number(rng: random.Random, most_digits: int) -> int:
    """A number of 1..most_digits digits; longer ones come more often."""
    length = rng.choices(range(1, most_digits + 1), weights=[1, 3, 4, 4][:most_digits])[0]
    return rng.randrange(0 if length == 1 else 10 ** (length - 1), 10**length)


def random_pair(rng: random.Random, sign: str) -> Pair:
    """A problem of this sign."""
    if sign == "+":
        return sign, number(rng, 4), number(rng, 4)
    if sign == "-":
        a, b = number(rng, 4), number(rng, 4)
        return (sign, max(a, b), min(a, b)) if rng.random() < 0.8 else (sign, a, b)
    if sign == "/":
        return sign, number(rng, 4), rng.randrange(2, 10)
    if rng.random() < 0.5:
        return sign, rng.randrange(10, 100), rng.randrange(10, 100)
    a, b = number(rng, 3), rng.randrange(10)
    return (sign, a, b) if rng.random() < 0.8 else (sign, b, a)


def random_example(rng: random.Random, sign: str) -> Example:
    """One problem with a phrase for it."""
    _, a, b = random_pair(rng, sign)
    example = solve((sign, a, b), rng.choice(PHRASES[sign]).format(a=a, b=b))
    if sign == "-" and a > b and rng.random() < FAILED_CHECKS:
        example = replace(example, reasoning="\n".join([*failed_difference(rng, a, b), example.reasoning]))
    return example


def long_product(rng: random.Random) -> Example:
    """A product of two numbers of two to four digits, now and then five, at least one of them longer than two."""
    a, b = rng.choice([(3, 2), (4, 2), (3, 3), (4, 3), (4, 4), (4, 4), (5, 4)])
    x, y = rng.randrange(10 ** (a - 1), 10**a), rng.randrange(10 ** (b - 1), 10**b)
    if rng.random() < 0.3:
        x, y = y, x
    return solve(("*", x, y), rng.choice(PHRASES["*"]).format(a=x, b=y), "long products")
