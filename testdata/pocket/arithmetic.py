"""Worked arithmetic as text: columns for + - and *, long multiplication, long division by one digit.

A working is a function of the problem alone. It also notes which pairs of
numbers it worked out, so that training can keep clear of the held-out ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Pair = tuple[str, int, int]  # sign, a, b


def pair_key(sign: str, a: int, b: int) -> Pair:
    """The same key for both orders of a sum or a product."""
    return (sign, min(a, b), max(a, b)) if sign in "+*" else (sign, a, b)


@dataclass
class Working:
    """Lines of reasoning, and the pairs that were worked out in them."""

    lines: list[str] = field(default_factory=list)
    pairs: set[Pair] = field(default_factory=set)

    def text(self) -> str:
        """The reasoning as it is written."""
        return "\n".join(self.lines)


def digits(number: int, width: int) -> list[int]:
    """Decimal digits, lowest first, with zeros up to width."""
    return [number // 10**place % 10 for place in range(width)]


def add_columns(a: int, b: int) -> list[str]:
    """Column addition, a line for each column; a carry is added in the next line."""
    width = max(len(str(a)), len(str(b)))
    lines, carry = [], 0
    for x, y in zip(digits(a, width), digits(b, width)):
        total = x + y + carry
        lines.append(f"{x}+{y}{'+1' if carry else ''}={total}")
        carry = total // 10
    return lines


def subtract_columns(a: int, b: int) -> list[str]:
    """Column subtraction for a >= b; a borrowed ten stands in front of its column's digit."""
    lines, borrow = [], 0
    for x, y in zip(digits(a, len(str(a))), digits(b, len(str(a)))):
        short = x - borrow < y
        lines.append(f"{x + 10 * short}-{y}{'-1' if borrow else ''}={x + 10 * short - y - borrow}")
        borrow = int(short)
    return lines


def multiply_columns(a: int, b: int) -> list[str]:
    """a times the digit b, a line for each digit of a; a carry is added after a comma."""
    lines, carry = [], 0
    for x in digits(a, len(str(a))):
        total = x * b + carry
        lines.append(f"{x}*{b}={x * b}" + (f", +{carry}={total}" if carry else ""))
        carry = total // 10
    return lines


def divide_columns(a: int, b: int) -> list[str]:
    """Long division by the digit b, a line for each digit of a from the highest; what is left is carried to the next."""
    lines, left = [], 0
    for x in reversed(digits(a, len(str(a)))):
        part = 10 * left + x
        left = part % b
        lines.append(f"{part}={part // b}*{b}+{left}")
    return lines


def product_lines(a: int, b: int) -> list[str]:
    """a * b: columns for a one-digit b, else partial products and their sum. The last line is the product."""
    if b < 10:
        return [f"{a} * {b}:", *multiply_columns(a, b), str(a * b)]
    place = 10 ** (len(str(b)) - 1)
    first, rest = b // place, b % place
    high = [f"{a} * {first * place}:", *multiply_columns(a, first), str(a * first * place)]
    if rest == 0:
        return high
    return [*product_lines(a, rest), *high, f"{a * first * place} + {a * rest}:", *add_columns(a * first * place, a * rest), str(a * b)]


def work_out(working: Working, sign: str, a: int, b: int) -> int:
    """Adds the working of `a sign b`, its last line the result; returns that. Division must come out even, a >= b in a difference."""
    working.pairs.add(pair_key(sign, a, b))
    if sign == "+":
        working.lines += [f"{a} + {b}:", *add_columns(a, b), str(a + b)]
        return a + b
    if sign == "-":
        if a < b:
            raise ValueError(f"{a} - {b} is negative")
        working.lines += [f"{a} - {b}:", *subtract_columns(a, b), str(a - b)]
        return a - b
    if sign == "*":
        big, small = (a, b) if len(str(a)) >= len(str(b)) else (b, a)
        working.lines += product_lines(big, small)
        return a * b
    if not 0 < b < 10 or a % b:
        raise ValueError(f"{a} / {b} is not worked out")
    working.lines += [f"{a} / {b}:", *divide_columns(a, b), str(a // b)]
    return a // b
