"""Number series: what comes next, told by differences, quotients or the numbers before."""

from __future__ import annotations

import random

from example import Example, boxed

ASKS = ["What comes next: {s}, ...?", "What comes next: {s}?", "What is the next number: {s}?", "Continue the series {s}.", "{s}, ?", "{s}, ...", "What number comes next? {s}", "Which number comes after {s}?", "what comes next {s}"]


def steady(rng: random.Random) -> tuple[list[int], str]:
    """The same difference each time."""
    step = rng.randrange(1, 26)
    if rng.random() < 0.3:
        start = rng.randrange(5 * step, 5 * step + 100)
        return [start - i * step for i in range(6)], f"-{step} each time"
    start = rng.randrange(0, 100)
    return [start + i * step for i in range(6)], f"+{step} each time"


def growing(rng: random.Random) -> tuple[list[int], str]:
    """Differences that grow by the same number; squares among them."""
    value, step, more = rng.randrange(0, 20), rng.randrange(1, 10), rng.randrange(1, 5)
    numbers = [value]
    for i in range(5):
        numbers.append(numbers[-1] + step + i * more)
    return numbers, f"the step grows by {more}: +{step + 4 * more}"


def multiplied(rng: random.Random) -> tuple[list[int], str]:
    """The same factor each time, or the same divisor."""
    factor, start = rng.choice([2, 2, 3, 3, 4, 5, 10]), rng.randrange(1, 10)
    numbers = [start * factor**i for i in range(6 if factor < 4 else 5)]
    return (numbers[::-1], f"/{factor} each time") if rng.random() < 0.25 else (numbers, f"*{factor} each time")


def summed(rng: random.Random) -> tuple[list[int], str]:
    """Each number the sum of the two before it."""
    numbers = [rng.randrange(1, 10), rng.randrange(1, 10)]
    while len(numbers) < 7:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers, "each is the sum of the two before"


def alternating(rng: random.Random) -> tuple[list[int], str]:
    """Two steps in turn."""
    first, second, value = rng.randrange(2, 12), rng.randrange(1, 12), rng.randrange(0, 40)
    back = rng.random() < 0.4 and second < first
    numbers = [value]
    for i in range(6):
        numbers.append(numbers[-1] + (first if i % 2 == 0 else -second if back else second))
    if first == second and not back:
        return steady(rng)
    return numbers, f"+{first} and {'-' if back else '+'}{second} in turn"


def random_example(rng: random.Random) -> Example:
    """A series and its next number. The differences are written out first, as one would on paper."""
    numbers, rule = rng.choices([steady, growing, multiplied, summed, alternating], weights=[4, 3, 3, 2, 2])[0](rng)
    *given, last = numbers
    differences = ", ".join(f"{'+' if b >= a else '-'}{abs(b - a)}" for a, b in zip(given, given[1:]))
    before = given[-1]
    if rule[0] in "*/":
        step = f"{before}{rule.split()[0]}={last}"
    elif rule.startswith("each"):
        step = f"{given[-2]}+{before}={last}"
    else:
        step = f"{before}{'+' if last >= before else '-'}{abs(last - before)}={last}"
    text = ", ".join(map(str, given))
    return Example("series", rng.choice(ASKS).format(s=text), f"{differences}\n{rule}\n{step}", boxed(f"{text}, {last}", last), str(last), ("series", *given))
