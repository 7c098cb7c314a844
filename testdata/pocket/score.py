"""The answers a model writes by itself, how many of them are right, and its choices along a given text."""

from __future__ import annotations

import torch
from torch import Tensor

import data
from generate import Written, generate
from model import Pocket
from rewards import Problem, accuracy
from tokenizer import END_THINK, EOS, decode

LIMIT = 1200  # tokens of an answer
AT_ONCE = 128  # answers written together


def padded(rows: list[list[int]], device: torch.device) -> Tensor:
    """Rows as one tensor [B, T], zeros on the right."""
    tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for row, sequence in enumerate(rows):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
    return tokens.to(device)


@torch.no_grad()
def choices(model: Pocket, rows: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens [B, T]; the model's first choice after each of them [B, T]; the MTP layer's for the one after that [B, T-1]."""
    tokens = padded(rows, model.lm_head.weight.device)
    hidden = model.hidden(tokens)
    return tokens, model.lm_head(hidden).argmax(-1), model.lm_head(model.draft(hidden, tokens)).argmax(-1)


def write_answers(model: Pocket, problems: list[Problem], temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, limit: int = LIMIT) -> list[Written]:
    """What the model writes to each problem; those of like length are written together."""
    prompts = [data.prompt(p.question, p.before) for p in problems]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    written: list[Written] = [Written([], False)] * len(prompts)
    for at in range(0, len(order), AT_ONCE):
        rows = order[at : at + AT_ONCE]
        for row, answer in zip(rows, generate(model, [prompts[i] for i in rows], limit, temperature, top_p, seed + at)):
            written[row] = answer
    return written


def answer_of(written: Written) -> str:
    """The answer without its reasoning; "" where there is none."""
    if not written.ended or END_THINK not in written.tokens:
        return ""
    return decode([t for t in written.tokens[written.tokens.index(END_THINK) + 1 :] if t != EOS]).strip()


def judged(model: Pocket, problems: list[Problem]) -> tuple[list[Written], list[bool]]:
    """What the model greedily writes to each problem, and which answers are right."""
    written = write_answers(model, problems)
    return written, [accuracy(p, answer_of(w)) for p, w in zip(problems, written)]


def by_task(problems: list[Problem], right: list[bool]) -> dict[str, tuple[int, int]]:
    """How many of how many are right, for each task."""
    table: dict[str, tuple[int, int]] = {}
    for problem, good in zip(problems, right):
        count, of = table.get(problem.task, (0, 0))
        table[problem.task] = (count + good, of + 1)
    return table
