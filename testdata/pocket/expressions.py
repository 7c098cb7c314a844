"""Expressions with brackets, worked out one operation after the other.

Where several operations could be next, chance decides, and so it does between
two ways of writing what is left: with the brackets that are needed, or with all
of them. Samples that went different ways do not make the same mistakes, which is
what a vote lives on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Union

from arithmetic import Working, work_out
from example import Example, boxed


@dataclass(frozen=True)
class Op:
    """`left sign right`; a node may also be a plain number."""

    sign: str
    left: "Node"
    right: "Node"


Node = Union[int, Op]
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}
MOST = 999  # no intermediate result is larger
LONG = 5  # operations from which on an expression is a task of its own


def write(node: Node, all_brackets: bool = False) -> str:
    """Infix text with only the brackets that are needed, or with a pair around every operation in another."""
    if isinstance(node, int):
        return str(node)
    left, right = write(node.left, all_brackets), write(node.right, all_brackets)
    if isinstance(node.left, Op) and (all_brackets or STRENGTH[node.left.sign] < STRENGTH[node.sign]):
        left = f"({left})"
    if isinstance(node.right, Op) and (all_brackets or STRENGTH[node.right.sign] <= STRENGTH[node.sign]):
        right = f"({right})"
    return f"{left} {node.sign} {right}"


def apply(sign: str, a: int, b: int) -> int | None:
    """The result, or None where it is negative, uneven, too large or too hard to be a step."""
    if sign == "/":
        return a // b if 1 < b < 10 and a % b == 0 else None
    value = {"+": a + b, "-": a - b, "*": a * b}[sign]
    easy = sign != "*" or min(a, b) < 10 or max(a, b) < 40
    return value if 0 <= value <= MOST and easy else None


def value_of(node: Node) -> int | None:
    """The whole expression's value, None where a step is not allowed."""
    if isinstance(node, int):
        return node
    left, right = value_of(node.left), value_of(node.right)
    return None if left is None or right is None else apply(node.sign, left, right)


def ready(node: Node) -> int:
    """How many operations can be worked out next: those whose operands are both numbers."""
    if isinstance(node, int):
        return 0
    return ready(node.left) + ready(node.right) or 1


def reduce(node: Op, at: int, working: Working) -> Node:
    """Works out the operation that is number `at`, from the left, among those that are ready."""
    before = ready(node.left)
    if at < before:
        return Op(node.sign, reduce(node.left, at, working), node.right)
    if before + ready(node.right):
        return Op(node.sign, node.left, reduce(node.right, at - before, working))
    return work_out(working, node.sign, node.left, node.right)


def work_through(rng: random.Random, node: Node) -> tuple[int, Working]:
    """The value of the whole expression, and its working: the expression, and after each step what is left of it."""
    all_brackets = rng.random() < 0.5
    working = Working([write(node, all_brackets)])
    while isinstance(node, Op):
        node = reduce(node, rng.randrange(ready(node)), working)
        if isinstance(node, Op) and (isinstance(node.left, Op) or isinstance(node.right, Op)):
            working.lines.append(write(node, all_brackets))
    return node, working


def random_tree(rng: random.Random, operations: int) -> Node:
    """A random shape with random small numbers in it."""
    if operations == 0:
        return rng.randrange(2, 10) if rng.random() < 0.55 else rng.randrange(10, 30) if rng.random() < 0.7 else rng.randrange(30, 100)
    before = rng.randrange(operations)
    sign = rng.choices("+-*/", weights=[3, 3, 3, 2])[0]
    return Op(sign, random_tree(rng, before), random_tree(rng, operations - 1 - before))


def random_expression(rng: random.Random, operations: int) -> Node:
    """A random expression all of whose steps are allowed."""
    while True:
        node = random_tree(rng, operations)
        if value_of(node) is not None:
            return node


PHRASES = ["What is {e}?", "What is {e}?", "{e}", "{e}", "{e} =", "{e} = ?", "Calculate {e}.", "Compute {e}", "Work out {e}.", "How much is {e}?", "what is {e}"]


def solve(rng: random.Random, node: Node, question: str, task: str = "expressions") -> Example:
    """The worked answer to a question about this expression."""
    value, working = work_through(rng, node)
    text = write(node)
    return Example(task, question, working.text(), boxed(f"{text} = {value}", value), str(value), ("expression", text), frozenset(working.pairs))


def random_example(rng: random.Random, operations: int | None = None) -> Example:
    """An expression of two to five operations, mostly three."""
    operations = operations or rng.choices([2, 3, 4, 5], weights=[2, 6, 4, 6])[0]
    node = random_expression(rng, operations)
    text = write(node)
    if rng.random() < 0.25:
        text = text.replace(" ", "")
    return solve(rng, node, rng.choice(PHRASES).format(e=text), "expressions" if operations < LONG else "long expressions")
