"""Measures trained checkpoints in PyTorch and prints the card's tables: `measure.py --supervised DIR --final DIR [--quick]`.

All weights are rounded to BF16 first, as in the exported file.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from machine import DEVICE

import torch

import data
from generate import Written
from model import Config, Pocket, rounded_to_bf16
from quantise import quantised
from outside import ANSWERS
from rewards import OUTSIDE, Problem, accuracy, boxed, odd_words, read_problems
from score import answer_of, by_task, choices, judged, padded, write_answers

VOTES = (4, 8, 16)
# Rows of the table of votes, and the tasks that each is about.
VOTED = {
    "expressions": ("expressions",), "long expressions": ("long expressions",), "both kinds of expressions": ("expressions", "long expressions"),
    "countdown 3": ("countdown 3",), "countdown 4": ("countdown 4",), "both kinds of Countdown": ("countdown 3", "countdown 4"),
}
TEMPERATURE, TOP_P = 0.6, 0.95
ROWS_AT_ONCE = 24
BOUND = 600  # tokens within which a search without a way should have said so

Answers = list[Written]


def load(folder: Path) -> Pocket:
    """A checkpoint's model as the exported file holds it."""
    model = Pocket(Config()).to(DEVICE)
    model.load_state_dict(torch.load(folder / "checkpoint.pt", map_location=DEVICE)["model"])
    return rounded_to_bf16(model).to(DEVICE)


def share(right: int, of: int) -> str:
    """A count and what it is in percent."""
    return f"{right} of {of} ({100 * right / of:.1f} %)"


def accuracy_table(problems: list[Problem], columns: dict[str, list[bool]]) -> None:
    """Right answers by task, a column for each model."""
    print(f"| task | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    tables = [by_task(problems, right) for right in columns.values()]
    for task in tables[0]:
        print(f"| {task} | {' | '.join(share(*table[task]) for table in tables)} |")
    print(f"| all | {' | '.join(share(sum(right), len(right)) for right in columns.values())} |\n")


def refusals(problems: list[Problem], written: Answers) -> None:
    """Prints how many of what is to be refused is, how many of the rest too, how many bounded searches stop in time, and how many answers invent no word."""
    answers = [answer_of(w) for w in written]
    outside = [answer in ANSWERS for p, answer in zip(problems, answers) if p.task.startswith(OUTSIDE)]
    inside = [answer in ANSWERS for p, answer in zip(problems, answers) if not p.task.startswith(OUTSIDE)]
    stopped = [accuracy(p, answer) and len(w.tokens) <= BOUND for p, answer, w in zip(problems, answers, written) if p.task.endswith("no way")]
    known = [not odd_words(p, answer) for p, answer in zip(problems, answers)]
    for name, each in (("Out of scope, refused", outside), ("In scope, refused", inside), (f"No way, recognised within {BOUND} tokens", stopped), ("Answers of known words alone", known)):
        print(f"{name}: {share(sum(each), max(1, len(each)))}.\n")


def majority(answers: list[str]) -> str:
    """The box that most answers have, those without one left aside; the earlier among equals."""
    votes = Counter(box for box in map(boxed, answers) if box)
    return f"\\boxed{{{votes.most_common(1)[0][0]}}}" if votes else ""


def sampled(model: Pocket, problems: list[Problem], count: int) -> list[list[str]]:
    """So many answers to each problem."""
    written = write_answers(model, [p for p in problems for _ in range(count)], TEMPERATURE, TOP_P)
    return [[answer_of(w) for w in written[i * count : (i + 1) * count]] for i in range(len(problems))]


def right_votes(problem: Problem, answers: list[str], size: int) -> float:
    """Share of right majorities of this size. Every answer takes part once: 16 make two separate votes of 8."""
    right = [accuracy(problem, majority(answers[at : at + size])) for at in range(0, len(answers), size)]
    return sum(right) / len(right)


def vote_table(before: Pocket, after: Pocket, problems: list[Problem]) -> None:
    """pass@1 of both models, and the majority of several samples of the second."""
    most, few = max(VOTES), min(VOTES)
    rows: dict[str, list[list[float]]] = {}
    for task in dict.fromkeys(task for tasks in VOTED.values() for task in tasks):
        mine = [p for p in problems if p.task == task]
        rows[task] = [
            [right_votes(problem, first, 1), *(right_votes(problem, second, size) for size in (1, *VOTES))]
            for problem, first, second in zip(mine, sampled(before, mine, few), sampled(after, mine, most))
        ]
    titles = [f"supervised, pass@1 (mean of {few})", f"after RL, pass@1 (mean of {most})", *(f"majority of {size}" for size in VOTES)]
    print(f"| task | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
    for name, tasks in VOTED.items():
        columns = zip(*(row for task in tasks for row in rows[task]))
        print(f"| {name} | {' | '.join(f'{100 * sum(column) / len(column):.1f} %' for column in map(list, columns))} |")
    print()


def rows_of(problems: list[Problem], written: Answers) -> list[tuple[list[int], int]]:
    """Tokens of each question and answer, and where the answer begins; of like length together."""
    rows = [(data.prompt(p.question, p.before) + w.tokens, len(data.prompt(p.question, p.before))) for p, w in zip(problems, written)]
    return sorted(rows, key=lambda row: len(row[0]))


def acceptance(model: Pocket, rows: list[tuple[list[int], int]]) -> float:
    """Share of MTP drafts that are the token the model itself then writes."""
    drafted, accepted = 0, 0
    for at in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[at : at + ROWS_AT_ONCE]
        tokens, _, draft = choices(model, [sequence for sequence, _ in some])
        for row, (sequence, start) in enumerate(some):
            end = len(sequence)
            right = draft[row, start - 1 : end - 2] == tokens[row, start + 1 : end]
            drafted, accepted = drafted + right.numel(), accepted + int(right.sum())
    return accepted / drafted


@torch.no_grad()
def load_table(model: Pocket, rows: list[tuple[list[int], int]]) -> None:
    """How the tokens of answers are spread over the experts, layer by layer."""
    loads = [torch.zeros(model.config.n_routed_experts) for _ in model.routers()]
    for sequence, _ in rows[:: max(1, len(rows) // 200)]:  # one at a time: padding must not count
        choices(model, [sequence])
        for total, router in zip(loads, model.routers()):
            total += router.load.cpu()
    print("| layer | least | most | share of each expert, % (even: 6.3) |\n|---|---|---|---|")
    first = model.config.first_k_dense_replace
    for i, total in enumerate(loads):
        percent = 100 * total / total.sum()
        name = f"{first + i}" + (" (MTP)" if i == len(loads) - 1 else "")
        print(f"| {name} | {percent.min():.1f} | {percent.max():.1f} | {' '.join(f'{x:.1f}' for x in percent.tolist())} |")
    print()


@torch.no_grad()
def divergence(model: Pocket, other: Pocket, rows: list[tuple[list[int], int]]) -> float:
    """Mean KL(model || other) in nats, over the tokens of the model's answers."""
    total, count = 0.0, 0
    for at in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[at : at + ROWS_AT_ONCE]
        tokens = padded([sequence for sequence, _ in some], model.lm_head.weight.device)
        own = torch.zeros_like(tokens, dtype=torch.bool)
        for row, (sequence, start) in enumerate(some):
            own[row, start - 1 : len(sequence) - 1] = True
        mine, theirs = (each.lm_head(each.hidden(tokens)[own]).log_softmax(-1) for each in (model, other))
        total += float((mine.exp() * (mine - theirs)).sum())
        count += int(own.sum())
    return total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--supervised", type=Path, required=True, help="folder of the supervised checkpoint")
    parser.add_argument("--final", type=Path, required=True, help="folder of the final checkpoint")
    parser.add_argument("--quick", action="store_true", help="every eighth problem only")
    args = parser.parse_args()
    problems = [problem for file in data.HELD_OUT_FILES for problem in read_problems(file)][:: 8 if args.quick else 1]
    before, after = load(args.supervised), load(args.final)

    started = time.time()
    columns = {"supervised": judged(before, problems)[1]}
    written, columns["after RL"] = judged(after, problems)
    rows = rows_of(problems, written)
    eight, four = quantised(after, 8), quantised(after, 4)
    for name, model in (("after RL, q8", eight), ("after RL, q4", four)):
        columns[name] = judged(model, problems)[1]
    print("#### Greedy answers to held-out problems, PyTorch\n")
    accuracy_table(problems, columns)
    lengths = [len(w.tokens) for w in written]
    refusals(problems, written)
    print(f"Mean length of an answer: {sum(lengths) / len(lengths):.0f} tokens; the longest: {max(lengths)}.\n")
    print(f"#### Samples at temperature {TEMPERATURE}, top-p {TOP_P}, BF16 weights\n")
    vote_table(before, after, problems)
    print("#### Multi-token prediction\n")
    print(f"Share of drafts accepted on the greedy answers: {100 * acceptance(after, rows):.1f} %.\n")
    print("#### Expert load on the greedy answers\n")
    load_table(after, rows)
    print("#### Quantisation\n")
    print(f"KL from BF16 weights, mean over answer tokens: q8 {divergence(after, eight, rows):.2e} nats, q4 {divergence(after, four, rows):.2e} nats.\n")
    print(f"Measured in {(time.time() - started) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
