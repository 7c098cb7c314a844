"""Comparisons, sorting, dates, units and percentages."""

from __future__ import annotations

import random
from typing import Callable

from arithmetic import Working, work_out
from example import Example, boxed

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
# (large unit, small unit, how many small ones make a large one)
UNITS = [
    ("hours", "minutes", 60), ("minutes", "seconds", 60), ("days", "hours", 24), ("weeks", "days", 7), ("years", "months", 12), ("feet", "inches", 12),
    ("meters", "centimeters", 100), ("kilometers", "meters", 1000), ("centimeters", "millimeters", 10), ("kilograms", "grams", 1000), ("liters", "milliliters", 1000),
    ("m", "cm", 100), ("km", "m", 1000), ("kg", "g", 1000), ("cm", "mm", 10), ("dozens", "eggs", 12), ("euros", "cents", 100),
]


def finish(task: str, question: str, working: Working, text: str, value: object, key: tuple) -> Example:
    """An example with these parts."""
    return Example(task, question, working.text(), boxed(text, value), str(value), key, frozenset(working.pairs))


def comparison(rng: random.Random) -> Example:
    """Which of two numbers is larger or smaller, told by their lengths or by their first digit that differs."""
    top = rng.choice([100, 1000, 10000])
    a, b = rng.sample(range(1, top), 2)
    if rng.random() < 0.5:  # numbers of one length, alike in front: the hard case
        b = min(max(1, a + rng.choice([-1, 1]) * rng.randrange(1, max(2, top // 20))), top - 1)
        if a == b:
            return comparison(rng)
    larger = rng.random() < 0.5
    if len(str(a)) != len(str(b)):
        line = f"{a} has {len(str(a))} digits, {b} has {len(str(b))}."
    else:
        signs = []
        for x, y in zip(str(a), str(b)):
            signs.append(f"{x}{'=' if x == y else '<' if x < y else '>'}{y}")
            if x != y:
                break
        line = ", ".join(signs)
    big, small = max(a, b), min(a, b)
    value = big if larger else small
    word = "larger" if larger else "smaller"
    question = rng.choice([f"Which is {word}, {a} or {b}?", f"Which number is {word}: {a} or {b}?", f"What is {word}, {a} or {b}?"])
    return finish("comparisons", question, Working([line]), f"{value} is {word} than {small if larger else big}.", value, ("compare", big, small))


def sorting(rng: random.Random) -> Example:
    """Three to five numbers put in order by taking out the smallest (or largest) again and again."""
    numbers = rng.sample(range(1, 100), rng.randrange(3, 6))
    down = rng.random() < 0.35
    left, lines = list(numbers), []
    while len(left) > 1:
        pick = max(left) if down else min(left)
        lines.append(f"{', '.join(map(str, left))}: {pick}")
        left.remove(pick)
    lines.append(str(left[0]))
    given = ", ".join(map(str, numbers))
    order = ", ".join(map(str, sorted(numbers, reverse=down)))
    how = rng.choice([" from largest to smallest", ", largest first", " in descending order"] if down else ["", " from smallest to largest", ", smallest first", " in ascending order"])
    question = rng.choice([f"Sort {given}{how}.", f"Sort these numbers{how}: {given}", f"Put {given} in order{how}."])
    return finish("sorting", question, Working(lines), order, order, ("sort", down, *sorted(numbers)))


def date(rng: random.Random) -> Example:
    """The day of the week so many days on, or the month so many months on, or a month's length."""
    kind = rng.random()
    if kind < 0.7:
        start, n = rng.randrange(7), rng.randrange(1, 80)
        lines = [f"{n}={n // 7}*7+{n % 7}", ", ".join(DAYS[(start + i) % 7] for i in range(n % 7 + 1))]
        day, end = DAYS[start], DAYS[(start + n) % 7]
        question = rng.choice([f"Today is {day}. What day is it in {n} days?", f"If today is {day}, what day will it be in {n} days?", f"What day is {n} days after {day}?"])
        return finish("dates", question, Working(lines), f"It is {end}.", end, ("days", start, n))
    month = rng.randrange(12)
    if kind < 0.9:
        n = rng.randrange(1, 8)
        line, end = ", ".join(MONTHS[(month + i) % 12] for i in range(n + 1)), MONTHS[(month + n) % 12]
        question = rng.choice([f"What month is {n} months after {MONTHS[month]}?", f"It is {MONTHS[month]}. What month is it in {n} months?"])
        return finish("dates", question, Working([line]), f"It is {end}.", end, ("months", month, n))
    question = rng.choice([f"How many days are in {MONTHS[month]}?", f"How many days does {MONTHS[month]} have?"])
    note = f"{MONTHS[month]} has {LENGTHS[month]} days" + (" (29 in a leap year)." if month == 1 else ".")
    return finish("dates", question, Working(["The length of a month."]), note, LENGTHS[month], ("length", month))


def unit(rng: random.Random) -> Example:
    """So many large units in small ones, or the other way round where that only takes off zeros or divides by 7."""
    large, small, factor = rng.choice(UNITS)
    n = rng.randrange(2, 60)
    working = Working([f"{factor} {small} make 1 of {large}."])
    if factor in (7, 10, 100, 1000) and rng.random() < 0.35:
        total = n * factor
        if factor == 7:
            work_out(working, "/", total, 7)
        else:
            working.lines.append(f"{total} / {factor} = {n}")
        question = rng.choice([f"How many {large} are {total} {small}?", f"Convert {total} {small} to {large}."])
        return finish("units", question, working, f"{total} {small} = {n} {large}", n, ("units", small, large, n))
    if factor in (10, 100, 1000):
        working.lines.append(f"{n} * {factor} = {n * factor}")
    else:
        work_out(working, "*", n, factor)
    question = rng.choice([f"How many {small} are {n} {large}?", f"How many {small} are in {n} {large}?", f"Convert {n} {large} to {small}."])
    return finish("units", question, working, f"{n} {large} = {n * factor} {small}", n * factor, ("units", large, small, n))


def share(rng: random.Random) -> tuple[int, int, Working, int]:
    """percent, whole, the working, and that share of the whole."""
    working = Working()
    percent = rng.choice([10, 20, 30, 40, 50, 60, 70, 80, 90, 25, 75, 5])
    if percent == 50:
        whole = 2 * rng.randrange(2, 300)
        return percent, whole, working, work_out(working, "/", whole, 2)
    if percent in (25, 75):
        whole = 4 * rng.randrange(2, 100)
        part = work_out(working, "/", whole, 4)
        return percent, whole, working, part if percent == 25 else work_out(working, "*", part, 3)
    whole = (20 if percent == 5 else 10) * rng.randrange(1, 60)
    working.lines.append(f"10% of {whole} = {whole // 10}")
    if percent == 10:
        return percent, whole, working, whole // 10
    if percent == 5:
        return percent, whole, working, work_out(working, "/", whole // 10, 2)
    return percent, whole, working, work_out(working, "*", whole // 10, percent // 10)


def percentage(rng: random.Random) -> Example:
    """A share of a number, or a price that goes down or up by it."""
    percent, whole, working, part = share(rng)
    kind = rng.random()
    if kind < 0.7:
        question = rng.choice([f"What is {percent}% of {whole}?", f"{percent}% of {whole}", f"How much is {percent} percent of {whole}?", f"Calculate {percent}% of {whole}."])
        return finish("percentages", question, working, f"{percent}% of {whole} = {part}", part, ("percent", percent, whole))
    if kind < 0.85:
        value = work_out(working, "-", whole, part)
        question = rng.choice([f"A coat costs {whole} euros. It is sold for {percent}% less. What does it cost now?", f"A price of {whole} falls by {percent}%. What is the new price?"])
    else:
        value = work_out(working, "+", whole, part)
        question = rng.choice([f"A price of {whole} rises by {percent}%. What is the new price?", f"A rent of {whole} euros goes up by {percent}%. What is it now?"])
    return finish("percentages", question, working, f"It is {value}.", value, ("percent", percent, whole, value))


MAKERS: dict[str, Callable[[random.Random], Example]] = {
    "comparisons": comparison, "sorting": sorting, "dates": date, "units": unit, "percentages": percentage,
}
