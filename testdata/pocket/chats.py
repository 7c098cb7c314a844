"""Chats of two and three turns: going on with a result, "are you sure?", and "explain".

Past reasoning is not shown to the model, so a later turn has only what was asked and answered.
"""

from __future__ import annotations

import random
import re

import decimals
import expressions
import letters
import pairs
from arithmetic import Working, work_out
from example import Example, boxed

ON = {
    "+": ["and plus {n}?", "plus {n}?", "add {n}", "and {n} more?", "Now add {n}.", "+ {n}", "and if you add {n}?"],
    "-": ["and minus {n}?", "minus {n}?", "take away {n}", "Now subtract {n}.", "- {n}", "and {n} less?"],
    "*": ["and times {n}?", "times {n}?", "multiply that by {n}", "Now multiply it by {n}.", "* {n}", "and {n} times that?"],
    "/": ["and divided by {n}?", "divided by {n}?", "divide that by {n}", "Now divide it by {n}.", "/ {n}"],
}
SURE = ["are you sure?", "Are you sure?", "Are you sure", "Really?", "is that right?", "Is that correct?", "Check it again.", "Can you check that?", "are you certain?", "That is wrong.", "I think that is wrong.", "sure?"]
EXPLAIN = ["explain", "Explain.", "How did you get that?", "why?", "Why?", "Can you explain that?", "how?", "Show me how."]
MOST = 9999


def opening(rng: random.Random) -> Example:
    """A pair of numbers whose answer can be gone on with."""
    while True:
        example = pairs.random_example(rng, rng.choices("+-*", weights=[4, 3, 3])[0])
        if example.boxed.isdigit() and int(example.boxed) <= MOST:
            return example


def turn(example: Example) -> tuple[str, str]:
    """What remains of a turn in the chat."""
    return example.question, example.answer


def went_on(rng: random.Random, first: Example) -> Example:
    """The same chat with one operation more on the last result."""
    value = int(first.boxed)
    divisors = [d for d in range(2, 10) if value and value % d == 0]
    sign = rng.choice("+-*" + "/" * bool(divisors))
    n = rng.choice(divisors) if sign == "/" else rng.randrange(2, 10) if sign == "*" or value < 10 else rng.randrange(1, min(value, 500))
    if sign == "-" and n > value:
        sign = "+"
    working = Working()
    result = work_out(working, sign, value, n)
    text = f"{value} {sign} {n} = {result}"
    before = (*first.before, turn(first))
    key = ("chat", *(question for question, _ in before), sign, n)
    return Example("follow-ups", rng.choice(ON[sign]).format(n=n), working.text(), boxed(text, result), str(result), key, first.pairs | working.pairs | {first.key}, before)


def follow_up(rng: random.Random) -> Example:
    """A second turn, or a third."""
    chat = went_on(rng, opening(rng))
    return went_on(rng, chat) if rng.random() < 0.4 and int(chat.boxed) <= MOST else chat


def mistaken(rng: random.Random, example: Example) -> str:
    """The example's answer with another value: a digit changed, or the other of the two numbers compared."""
    value = example.boxed
    if example.task == "decimals":
        wrong = next(n for n in example.key[1:] if n != value)
        larger = "larger" in example.answer
        return boxed(f"{wrong} is {'larger' if larger else 'smaller'} than {value}.", wrong)
    at = rng.randrange(len(value))
    digit = str((int(value[at]) + rng.choice([1, 2, 8, 9])) % 10)
    wrong = str(int(value[:at] + digit + value[at + 1 :]))
    if wrong == value:
        return mistaken(rng, example)
    line = example.answer.split("\n")[0]
    return boxed(line[: len(line) - len(value)] + wrong, wrong)


def checkable(rng: random.Random) -> Example:
    """Something that was answered with a number, and can be worked out once more."""
    while True:
        example = rng.choices([opening, lambda r: expressions.random_example(r, rng.choice([2, 3])), decimals.comparison, letters.count], weights=[5, 2, 2, 2])[0](rng)
        if re.fullmatch(r"[-\d.]+", example.boxed) and (example.task == "decimals" or example.boxed.isdigit()):
            return example


def sure(rng: random.Random, right: bool | None = None) -> Example:
    """A checked answer: kept where it was right, mended where it was wrong."""
    example = checkable(rng)
    right = rng.random() < 0.6 if right is None else right
    past = example.answer if right else mistaken(rng, example)
    said = past.rsplit("{", 1)[1].rstrip("}")
    reasoning = f"{example.question}\n{example.plain_reasoning()}\nI said {said}: {'ok' if right else f'no, {example.boxed}'}"
    answer = ("Yes, I checked it.\n" if right else "No, I was wrong.\n") + example.answer
    task = "are you sure, right" if right else "are you sure, wrong"
    return Example(task, rng.choice(SURE), reasoning, answer, example.boxed, ("sure", example.question, said), example.pairs | {example.key}, ((example.question, past),))


def explained(rng: random.Random) -> Example:
    """The working of a sum, a difference or a short product, told in the answer."""
    while True:
        example = opening(rng)
        lines = example.plain_reasoning().split("\n")
        if len(lines) < 8 and not any("no" in line for line in lines):
            break
    steps = ", ".join(line.rstrip(":") for line in lines[1:-1] if not line.startswith("check")) or lines[-1]
    text = f"Digit by digit, from the right: {steps}.\n{example.answer}"
    return Example("explanations", rng.choice(EXPLAIN), f"{example.question}\n{example.plain_reasoning()}", text, example.boxed, ("explain", example.question), example.pairs | {example.key}, (turn(example),))


def random_example(rng: random.Random) -> Example:
    """A chat of one of these kinds."""
    return rng.choices([follow_up, sure, explained], weights=[4, 5, 1])[0](rng)
