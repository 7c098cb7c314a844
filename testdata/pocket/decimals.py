"""Decimals, fractions and negative numbers: which is larger, and in what order they come."""

from __future__ import annotations

import random
from fractions import Fraction

from arithmetic import Working, work_out
from example import Example, boxed

WORDS = {True: ["larger", "bigger", "greater"], False: ["smaller", "less"]}
ASKS = ["Which is {w}, {a} or {b}?", "Which is {w}: {a} or {b}?", "What is {w}, {a} or {b}?", "Which number is {w}, {a} or {b}?", "which is {w} {a} or {b}", "Is {a} or {b} {w}?"]
IN_ORDER = {
    False: ["Sort {n}.", "Sort {n} from smallest to largest.", "Put {n} in order.", "Order {n}, smallest first.", "Sort these numbers: {n}"],
    True: ["Sort {n} from largest to smallest.", "Put {n} in order, largest first.", "Sort {n} in descending order."],
}


def decimal(rng: random.Random, whole: int) -> str:
    """A number of this whole part with one to three places."""
    places = rng.choices([1, 2, 3], weights=[5, 6, 2])[0]
    return f"{whole}.{rng.randrange(10 ** (places - 1), 10**places) if rng.random() < 0.75 else rng.randrange(1, 10**places):0{places}d}"


def filled(numbers: list[str]) -> list[str]:
    """The numbers with zeros at the end, so that all have as many places."""
    most = max(len(n.partition(".")[2]) for n in numbers)
    return [f"{n.partition('.')[0]}.{n.partition('.')[2].ljust(most, '0')}" if most else n for n in numbers]


def digits_apart(a: str, b: str) -> str:
    """Digit beside digit up to the first two that differ, or the lengths of the whole parts where those do."""
    x, y = (n.partition(".")[0] for n in (a, b))
    if len(x) != len(y):
        return f"{x} has {len(x)} digits, {y} has {len(y)}"
    signs = []
    for p, q in zip(a, b):
        if p != ".":
            signs.append(f"{p}{'=' if p == q else '<' if p < q else '>'}{q}")
        if p != q:
            break
    return ", ".join(signs)


def sized(a: str, b: str) -> tuple[list[str], str]:
    """The working of a comparison of two numbers without signs, and < or >."""
    x, y = filled([a, b])
    return [f"{x} and {y}", digits_apart(x, y)], "<" if Fraction(a) < Fraction(b) else ">"


def comparison(rng: random.Random) -> Example:
    """Two decimals or whole numbers, either of which may be negative."""
    whole = rng.randrange(0, 10 if rng.random() < 0.6 else 200)
    near = whole if rng.random() < 0.75 else rng.randrange(0, 200)
    a = decimal(rng, whole)
    b = decimal(rng, near) if rng.random() < 0.85 else str(near)
    if rng.random() < 0.25:
        a, b = str(whole), str(rng.randrange(0, 200))
        a = "-" + a if a != "0" else a
    signs = rng.random()
    if signs < 0.3 and a.lstrip("-") != "0":
        a = "-" + a.lstrip("-")
        b = "-" + b if rng.random() < 0.7 and b != "0" else b
    if Fraction(a) == Fraction(b):
        return comparison(rng)
    x, y = a.lstrip("-"), b.lstrip("-")
    if a[0] == b[0] == "-":
        lines, sign = sized(x, y) if x != y else ([], "")
        lines = [*lines, f"{x} {sign} {y}, so {a} {'>' if sign == '<' else '<'} {b}"]
    elif "-" in (a[0], b[0]):
        lines = [f"{a if a[0] == '-' else b} is below 0, {b if a[0] == '-' else a} is not"]
    else:
        lines, sign = sized(x, y)
        lines = [*lines, f"{a} {sign} {b}"]
    return compared(rng, a, b, Working(lines))


def compared(rng: random.Random, a: str, b: str, working: Working) -> Example:
    """The question which of the two is larger, or smaller, and its answer."""
    larger = rng.random() < 0.6
    value, other = (a, b) if (Fraction(a) > Fraction(b)) == larger else (b, a)
    question = rng.choice(ASKS).format(w=rng.choice(WORDS[larger]), a=a, b=b)
    text = f"{value} is {'larger' if larger else 'smaller'} than {other}."
    return Example("decimals", question, working.text(), boxed(text, value), value, ("decimals", *sorted((a, b))), frozenset(working.pairs))


def fractions(rng: random.Random) -> Example:
    """Two fractions, compared by multiplying crosswise."""
    a, c = rng.randrange(1, 10), rng.randrange(1, 10)
    b, d = rng.randrange(2, 13), rng.randrange(2, 13)
    if a * d == c * b:
        return fractions(rng)
    working = Working()
    left, right = work_out(working, "*", a, d), work_out(working, "*", c, b)
    sign = "<" if left < right else ">"
    working.lines.append(f"{left} {sign} {right}, so {a}/{b} {sign} {c}/{d}")
    return compared(rng, f"{a}/{b}", f"{c}/{d}", working)


def ordering(rng: random.Random) -> Example:
    """Three or four decimals in order: all get as many places, then the smallest (or largest) is taken out again and again."""
    start = rng.randrange(0, 20)
    numbers: list[str] = []
    wanted = rng.choice([3, 3, 4])
    negative = rng.random() < 0.2
    while len(numbers) < wanted:
        new = decimal(rng, start + rng.choice([0, 0, 0, 1, 2])) if rng.random() < 0.85 else str(start + rng.randrange(3))
        new = "-" + new if negative and rng.random() < 0.5 and new != "0" else new
        if all(Fraction(new) != Fraction(n) for n in numbers):
            numbers.append(new)
    down = rng.random() < 0.35
    left, lines = filled(numbers), []
    while len(left) > 1:
        chosen = (max if down else min)(left, key=Fraction)
        lines.append(f"{', '.join(left)}: {chosen}")
        left.remove(chosen)
    order = ", ".join(sorted(numbers, key=Fraction, reverse=down))
    question = rng.choice(IN_ORDER[down]).format(n=", ".join(numbers))
    return Example("decimals", question, "\n".join([*lines, left[0]]), boxed(order, order), order, ("ordering", down, *sorted(numbers)))


def random_example(rng: random.Random) -> Example:
    """A comparison, or an ordering."""
    return rng.choices([comparison, fractions, ordering], weights=[6, 2, 3])[0](rng)
