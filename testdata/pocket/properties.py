"""What numbers are: primes, factors, powers and roots that come out even, and Roman numerals."""

from __future__ import annotations

import random
from typing import Callable

from arithmetic import Working, divide_columns, product_lines, work_out
from example import Example, boxed

PRIMES = [p for p in range(2, 32) if all(p % d for d in range(2, p))]
PRIME = ["Is {n} a prime number?", "Is {n} prime?", "is {n} prime", "Is {n} a prime?", "Is the number {n} prime?"]
SQUARE = ["What is {n} squared?", "{n}^2", "What is {n}^2?", "What is the square of {n}?", "{n} squared"]
CUBE = ["What is {n} cubed?", "{n}^3", "What is {n}^3?", "What is {n} to the power of 3?"]
POWER = ["What is {n}^{k}?", "{n}^{k}", "What is {n} to the power of {k}?", "Calculate {n}^{k}."]
ROOT = ["What is the square root of {n}?", "square root of {n}", "sqrt({n})", "Which number squared is {n}?", "What is √{n}?"]
CUBE_ROOT = ["What is the cube root of {n}?", "cube root of {n}"]
TO_ROMAN = ["Write {n} in Roman numerals.", "What is {n} in Roman numerals?", "{n} in Roman numerals", "{n} as a Roman numeral"]
FROM_ROMAN = ["What number is {r}?", "What is {r} in numbers?", "What is the Roman numeral {r}?", "Convert {r} to a number.", "Which number is the Roman numeral {r}?"]
ROMAN = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def division_line(n: int, p: int) -> str:
    """n by a prime, in one line: columns for one digit, else what each digit of n leaves."""
    if p < 10:
        return f"{p}: {', '.join(divide_columns(n, p))}"
    parts, left = [], 0
    for digit in str(n):
        part = 10 * left + int(digit)
        left = part % p
        if part >= p:
            parts.append(f"{part}={part // p}*{p}+{left}")
    return f"{p}: {', '.join(parts) or f'{n}=0*{p}+{n}'}"


def prime(rng: random.Random) -> Example:
    """Whether a number up to 1,000 is prime: each prime up to its root is tried."""
    while True:
        n = rng.randrange(2, 1000)
        if rng.random() < 0.5 or not any(n % p == 0 for p in (2, 3, 5) if p < n):
            break
    lines, factor = [f"{n}"], 0
    for p in PRIMES:
        if p * p > n:
            lines.append(f"{p}*{p}={p * p}, more than {n}")
            break
        lines.append(division_line(n, p))
        if n % p == 0:
            factor = p
            break
    text = f"No: {n} = {factor} * {n // factor}" if factor else f"Yes, {n} is prime."
    value = "no" if factor else "yes"
    return Example("primes", rng.choice(PRIME).format(n=n), "\n".join(lines), boxed(text, value), value, ("prime", n))


def power(rng: random.Random) -> Example:
    """A square, a cube or a small power, by one product after the other."""
    kind = rng.random()
    n, k = (rng.randrange(2, 100), 2) if kind < 0.5 else (rng.randrange(2, 21), 3) if kind < 0.8 else (rng.choice([2, 2, 2, 3, 4, 5, 10]), rng.randrange(4, 7))
    k = rng.randrange(4, 13) if n == 2 and k > 3 else k
    working, value = Working(), n
    for _ in range(k - 1):
        value = work_out(working, "*", value, n)
    question = rng.choice({2: SQUARE + POWER, 3: CUBE + POWER}.get(k, POWER)).format(n=n, k=k)
    return Example("powers and roots", question, working.text(), boxed(f"{n}^{k} = {value}", value), str(value), ("power", n, k), frozenset(working.pairs))


def root(rng: random.Random) -> Example:
    """The root of a square: between which tens it lies, what its last digit may be, and a check."""
    r = rng.randrange(2, 100)
    n = r * r
    tens, last = r // 10, n % 10
    may = [10 * tens + d for d in range(10) if d * d % 10 == last]
    working = Working([f"{10 * tens}*{10 * tens}={100 * tens * tens}, {10 * tens + 10}*{10 * tens + 10}={100 * (tens + 1) ** 2}", f"last digit {last}: {' or '.join(map(str, may))}"])
    for candidate in may:
        working.lines += [*product_lines(candidate, candidate), "ok" if candidate == r else "no"]
        if candidate == r:
            break
    pairs = frozenset(("*", c, c) for c in may)
    return Example("powers and roots", rng.choice(ROOT).format(n=n), working.text(), boxed(f"{r} * {r} = {n}", r), str(r), ("root", n), pairs)


def cube_root(rng: random.Random) -> Example:
    """The root of a cube: its last digit says the root's, its size says the tens."""
    r = rng.randrange(2, 21)
    working = Working([f"last digit {r**3 % 10}: {r % 10}"])
    square = work_out(working, "*", r, r)
    work_out(working, "*", square, r)
    return Example("powers and roots", rng.choice(CUBE_ROOT).format(n=r**3), working.text(), boxed(f"{r}^3 = {r**3}", r), str(r), ("cube root", r**3), frozenset(working.pairs))


def numeral(n: int) -> list[tuple[int, str]]:
    """A number's Roman parts, from the highest on."""
    parts = []
    for value, letters in ROMAN:
        while n >= value:
            parts.append((value, letters))
            n -= value
    return parts


def roman(rng: random.Random) -> Example:
    """A number up to 3,999 as a Roman numeral, or back: part by part, with what is left or what it comes to."""
    n = rng.randrange(1, 100) if rng.random() < 0.4 else rng.randrange(1, 4000) if rng.random() < 0.5 else rng.randrange(1500, 2100)
    parts, lines = numeral(n), []
    written = "".join(letters for _, letters in parts)
    if rng.random() < 0.5:
        left = n
        for value, letters in parts:
            left -= value
            lines.append(f"{letters} {value}, left {left}")
        question, value = rng.choice(TO_ROMAN).format(n=n), written
    else:
        total = 0
        for value, letters in parts:
            total += value
            lines.append(f"{letters} {value}, {total}")
        question, value = rng.choice(FROM_ROMAN).format(r=written), str(n)
    return Example("roman numerals", question, "\n".join(lines), boxed(f"{n} = {written}", value), value, ("roman", n, value))


MAKERS: list[tuple[int, Callable[[random.Random], Example]]] = [(3, prime), (2, power), (2, root), (1, cube_root), (3, roman)]


def random_example(rng: random.Random) -> Example:
    """One of these."""
    weights, makers = zip(*MAKERS)
    return rng.choices(makers, weights)[0](rng)
