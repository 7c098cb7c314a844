"""Sums with the clock and the calendar."""

from __future__ import annotations

import random

from everyday import LENGTHS, MONTHS
from example import Example, boxed

AFTER = ["It is {t}. What time is it in {d}?", "What time is it {d} after {t}?", "A film begins at {t} and lasts {d}. When does it end?", "A train leaves at {t} and travels for {d}. When does it arrive?"]
BEFORE = ["It is {t}. What time was it {d} ago?", "What time is it {d} before {t}?"]
BETWEEN = ["How long is it from {t} to {u}?", "How much time is there between {t} and {u}?", "A train leaves at {t} and arrives at {u}. How long does it take?"]
DATE_AFTER = ["What date is {n} days after {d}?", "Today is {d}. What date is it in {n} days?", "Which day is {n} days after {d}?"]
DATE_BEFORE = ["What date is {n} days before {d}?", "Today is {d}. What date was it {n} days ago?"]


def shown(minutes: int) -> str:
    """Minutes since midnight as the time of day."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def span(minutes: int) -> str:
    """A length of time in words."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((hours, "hour"), (rest, "minute")) if n]
    return " and ".join(parts)


def time_of_day(rng: random.Random) -> Example:
    """The time so long after or before another, within a day."""
    start, d = rng.randrange(288) * 5 if rng.random() < 0.7 else rng.randrange(1440), rng.randrange(1, 100) * 5 if rng.random() < 0.7 else rng.randrange(1, 400)
    hours, minutes = divmod(d, 60)
    if rng.random() < 0.65:
        total = start % 60 + minutes
        hour = start // 60 + hours + total // 60
        end = (start + d) % 1440
        lines = [f"minutes {start % 60}+{minutes}={total}" + (f", -60={total - 60}, 1 hour" if total >= 60 else ""),
                 f"hours {start // 60}+{hours}{'+1' if total >= 60 else ''}={hour}" + (f", -24={hour - 24}" if hour >= 24 else "")]
        question = rng.choice(AFTER).format(t=shown(start), d=span(d))
    else:
        short = start % 60 < minutes
        hour = start // 60 - hours - short
        end = (start - d) % 1440
        lines = [f"minutes {start % 60}{'+60' if short else ''}-{minutes}={end % 60}" + (", 1 hour" if short else ""),
                 f"hours {start // 60}{'+24' if hour < 0 else ''}-{hours}{'-1' if short else ''}={end // 60}"]
        question = rng.choice(BEFORE).format(t=shown(start), d=span(d))
    return Example("clock and calendar", question, "\n".join(lines), boxed(f"It is {shown(end)}.", shown(end)), shown(end), ("time", start, (end - start) % 1440, d))


def time_between(rng: random.Random) -> Example:
    """How long it is from one time to a later one of the same day."""
    start, end = sorted(rng.sample(range(288), 2))
    start, end = start * 5, end * 5 + rng.choice([0, 0, 1, 2, 3, 4])
    short = end % 60 < start % 60
    d = end - start
    lines = [f"minutes {end % 60}{'+60' if short else ''}-{start % 60}={d % 60}" + (", 1 hour" if short else ""), f"hours {end // 60}-{start // 60}{'-1' if short else ''}={d // 60}"]
    return Example("clock and calendar", rng.choice(BETWEEN).format(t=shown(start), u=shown(end)), "\n".join(lines), boxed(f"It is {span(d)}.", span(d)), span(d), ("between", start, end))


def date(rng: random.Random) -> Example:
    """The date so many days after or before another, in a year that is no leap year."""
    month = rng.randrange(12)
    day, n = rng.randrange(1, LENGTHS[month] + 1), rng.randrange(1, 60)
    back = rng.random() < 0.35
    at, to = month, day - n if back else day + n
    lines = [f"{day}{'-' if back else '+'}{n}={to}" if to >= 0 else f"{n}-{day}={-to} before"]
    if back:
        while to < 1:
            at = (at - 1) % 12
            lines.append(f"{MONTHS[at]} has {LENGTHS[at]}, {LENGTHS[at]}{f'-{-to}' if to else ''}={to + LENGTHS[at]}" if to + LENGTHS[at] >= 0 else f"{MONTHS[at]} has {LENGTHS[at]}, {-to}-{LENGTHS[at]}={-to - LENGTHS[at]} before")
            to += LENGTHS[at]
    else:
        while to > LENGTHS[at]:
            lines.append(f"{MONTHS[at]} has {LENGTHS[at]}, {to}-{LENGTHS[at]}={to - LENGTHS[at]}")
            to -= LENGTHS[at]
            at = (at + 1) % 12
    value = f"{MONTHS[at]} {to}"
    question = rng.choice(DATE_BEFORE if back else DATE_AFTER).format(n=n, d=f"{MONTHS[month]} {day}")
    return Example("clock and calendar", question, "\n".join([*lines, value]), boxed(f"It is {value}.", value), value, ("date", month, day, -n if back else n))


def random_example(rng: random.Random) -> Example:
    """A sum of this kind."""
    return rng.choices([time_of_day, time_between, date], weights=[4, 2, 3])[0](rng)
