"""Countdown: make a target from three or four numbers, each used once, solved by search that tries and rejects.

With three numbers left, each in turn is taken as the last one to be used: what
would then be needed from the other two, and what can they make? With four,
two are first put together as a try. The first try is a guess, the others follow
in order, and about a third of all lead to the target. No number of the search is
above 120.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import combinations

from example import NOT_FOUND, RIGHT, WRONG, Example, boxed

MOST = 120
MOST_TRIES = 6
PATIENCE = [4, 4, MOST_TRIES]  # tries of a search with four numbers: most are given up early, and it is left to the second stage to find out that going on pays
SECOND_LOOKS = 0.4  # share of the searches with three numbers that look once more where they found nothing; left to the second stage just so


@dataclass(frozen=True)
class Part:
    """A value, the text that makes it and the steps it took."""

    value: int
    text: str
    steps: tuple[str, ...] = ()

    def bracketed(self) -> str:
        """The text as an operand."""
        return f"({self.text})" if self.steps else self.text


def number(value: int) -> Part:
    """A given number."""
    return Part(value, str(value))


def joined(sign: str, a: Part, b: Part) -> Part:
    """`a sign b`."""
    value = {"+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value, "/": a.value // b.value}[sign]
    return Part(value, f"{a.bracketed()} {sign} {b.bracketed()}", (*a.steps, *b.steps, f"{a.value}{sign}{b.value}={value}"))


def makes(a: Part, b: Part) -> list[Part]:
    """What two numbers make, the larger in front: sum, difference, product and even quotient, as far as they are of use."""
    if a.value < b.value:
        a, b = b, a
    found = [joined("+", a, b)] if a.value + b.value <= MOST else []
    if a.value > b.value:
        found.append(joined("-", a, b))
    if b.value > 1 and a.value * b.value <= MOST:
        found.append(joined("*", a, b))
    if b.value > 1 and a.value % b.value == 0:
        found.append(joined("/", a, b))
    return found


def needs(target: int, last: Part) -> list[tuple[int, str]]:
    """The values from which `last` makes the target, each with how: "v-" is v - last, "-v" is last - v."""
    z = last.value
    found = [(target - z, "v+")] if target > z else [(z - target, "-v")] if z > target else []
    if target + z <= MOST:
        found.append((target + z, "v-"))
    if z > 1 and target % z == 0:
        found.append((target // z, "v*"))
    if z > 1 and target * z <= MOST:
        found.append((target * z, "v/"))
    return found


def use_last(value: Part, last: Part, how: str) -> Part:
    """The target, made from a needed value and the last number."""
    return joined("-", last, value) if how == "-v" else joined(how[1], value, last)


def false_hit(rng: random.Random, target: int, last: Part, have: list[Part], need: list[tuple[int, str]]) -> str:
    """A "no" taken for a "yes", half of the time where two numbers are near; the check then shows that it is none."""
    pairs = [(v, how, p) for v, how in need for p in have if not (how == "v/" and p.value % last.value) and not (how == "-v" and p.value > last.value)]
    if not pairs:
        return ""
    by_chance = rng.random() < 0.5
    _, how, made = min(pairs, key=lambda hit: (0 if by_chance else abs(hit[0] - hit[2].value), rng.random()))
    wrong = use_last(made, last, how)
    steps, _, value = ", ".join(wrong.steps).rpartition("=")
    return f"{WRONG} yes\ncheck: {steps}{RIGHT}={value} is not {target}, no"


def search_three(rng: random.Random, target: int, parts: list[Part], slips: float) -> tuple[list[str], Part | None]:
    """The lines of a search with three numbers, largest first, and what it found.

    `slips` is the share of rejections first taken for hits; half as many hits are missed.
    """
    lines = []
    ordered = sorted(parts, key=lambda p: -p.value)
    for i, last in enumerate(ordered):
        x, y = (p for j, p in enumerate(ordered) if j != i)
        have, need = makes(x, y), needs(target, last)
        hits = [(part, how) for value, how in need for part in have if part.value == value]
        slip = ""
        if slips and rng.random() < (slips / 2 if hits else slips):
            slip = f"{WRONG} no{RIGHT}" if hits else false_hit(rng, target, last, have, need)
        wanted, made = ", ".join(str(v) for v, _ in need), ", ".join(str(p.value) for p in have)
        lines.append(f"last {last.value}: need {wanted}; have {made}{slip or (' yes' if hits else ' no')}")
        if hits and not slip:
            part, how = hits[0]
            return lines, use_last(part, last, how)
    return lines, None


def listed(parts: list[Part]) -> str:
    """Values, largest first."""
    return ", ".join(str(p.value) for p in sorted(parts, key=lambda p: -p.value))


def check(found: Part) -> str:
    """The steps once more, as the solution takes them."""
    return f"check: {', '.join(found.steps)} ok"


def tries_of(parts: list[Part]) -> list[tuple[Part, list[Part]]]:
    """Every pair put together in every useful way, with the numbers then left."""
    out = []
    for i, j in combinations(range(len(parts)), 2):
        rest = [p for k, p in enumerate(parts) if k not in (i, j)]
        out += [(made, [made, *rest]) for made in makes(parts[i], parts[j])]
    return out


def search_twice(rng: random.Random, target: int, parts: list[Part], slips: float) -> tuple[list[str], Part | None]:
    """A search with three numbers that may look once more where it found nothing: a hit may have been missed."""
    lines, found = search_three(rng, target, parts, slips)
    if found is not None or rng.random() > SECOND_LOOKS:
        return lines, found
    again, found = search_three(rng, target, parts, 0.0)
    return [*lines, "once more", *again], found


def search_four(rng: random.Random, target: int, parts: list[Part], patience: int, slips: float) -> tuple[list[str], Part | None]:
    """Tries in order from a random one on, given up after `patience` that fail."""
    tries = tries_of(sorted(parts, key=lambda p: -p.value))
    first = rng.randrange(len(tries))
    lines: list[str] = []
    for made, left in (tries[first:] + tries[:first])[:patience]:
        tried, found = search_three(rng, target, left, slips)
        lines += [f"try {made.steps[-1]}: {listed(left)}", *tried]
        if found is not None:
            return lines, found
    return lines, None


def random_numbers(rng: random.Random, count: int) -> list[int]:
    """Different numbers, most of them small."""
    while True:
        numbers = [rng.randrange(1, 13) if (dice := rng.random()) < 0.6 else rng.randrange(13, 26) if dice < 0.85 else rng.randrange(26, 51) for _ in range(count)]
        if len(set(numbers)) == count:
            return numbers


def random_target(rng: random.Random, numbers: list[int]) -> int | None:
    """A target that the numbers can make, by joining random pairs; None where that went wrong."""
    parts = [number(n) for n in numbers]
    while len(parts) > 1:
        _, parts = rng.choice(tries_of(parts) or [(None, [])])
        if not parts:
            return None
    return parts[0].value if 10 <= parts[0].value <= 100 and parts[0].value not in numbers else None


PHRASES = [
    "Use {n} to make {t}.", "Use {n} to make {t}.", "Make {t} from {n}.", "Make {t} from {n}, using each number once.", "Countdown: {n}. Target {t}.",
    "Reach {t} with {n}.", "Use each of {n} once to reach {t}.", "How can I make {t} from {n}?", "Using the numbers {n}, make {t}.",
]


def phrased(rng: random.Random, numbers: list[int], target: int) -> str:
    """A question."""
    plain = ", ".join(map(str, numbers))
    if rng.random() < 0.4:
        plain = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return rng.choice(PHRASES).format(n=plain, t=target)


def solve(rng: random.Random, numbers: list[int], target: int, question: str, patience: int = MOST_TRIES, slips: float = 0.0) -> Example:
    """The search for a target, as an example; the answer is honest where nothing was found."""
    parts = [number(n) for n in numbers]
    lines, found = search_twice(rng, target, parts, slips) if len(numbers) == 3 else search_four(rng, target, parts, patience, slips)
    lines = [f"{target} from {listed(parts)}", *lines]
    task, key = f"countdown {len(numbers)}", ("countdown", *sorted(numbers), target)
    if found is None:
        return Example(task, question, "\n".join([*lines, "I stop here."]), f"I looked for a way to make {target} and {NOT_FOUND}.", "", key)
    lines.append(check(found))
    return Example(task, question, "\n".join(lines), boxed(f"{found.text} = {target}", found.text), found.text, key)


def random_problem(rng: random.Random, count: int) -> tuple[list[int], int]:
    """Numbers and a target that the search can reach."""
    while True:
        numbers = random_numbers(rng, count)
        target = random_target(rng, numbers)
        if target is None:
            continue
        if count == 4 or search_three(rng, target, [number(n) for n in numbers], 0.0)[1] is not None:
            return numbers, target


def hopeless_problem(rng: random.Random) -> tuple[list[int], int]:
    """Three numbers and a target that they cannot make. None is 1: the search does not multiply by it."""
    while True:
        numbers, target = random_numbers(rng, 3), rng.randrange(10, 101)
        if not {1, target} & set(numbers) and search_three(rng, target, [number(n) for n in numbers], 0.0)[1] is None:
            return numbers, target


def hopeless_four(rng: random.Random) -> tuple[list[int], int]:
    """Four numbers and a target that no try leads to."""
    while True:
        numbers, target = random_numbers(rng, 4), rng.randrange(10, 101)
        if 1 in numbers or target in numbers:
            continue
        tries = tries_of([number(n) for n in numbers])
        if all(search_three(rng, target, left, 0.0)[1] is None for _, left in tries):
            return numbers, target


def hopeless_example(rng: random.Random, slips: float = 0.0, count: int | None = None) -> Example:
    """A problem that cannot be solved, which the answer says after a bounded search."""
    count = count or rng.choice([3, 4])
    numbers, target = hopeless_problem(rng) if count == 3 else hopeless_four(rng)
    return replace(solve(rng, numbers, target, phrased(rng, numbers, target), slips=slips), task="countdown, no way" if count == 3 else "countdown 4, no way")


def random_example(rng: random.Random, count: int, slips: float = 0.03) -> Example:
    """A problem that can be solved, and a search which may give up too early."""
    numbers, target = random_problem(rng, count)
    return solve(rng, numbers, target, phrased(rng, numbers, target), rng.choice(PATIENCE), slips)
