"""How well a model does on worked examples."""

from __future__ import annotations

import torch

import data
from model import Pocket
from tokenizer import EOS, decode


def padded(rows: list[list[int]], width: int) -> torch.Tensor:
    """Rows as one tensor [B, width], zeros on the right."""
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    for row, sequence in enumerate(rows):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
    return tokens


@torch.no_grad()
def exactness(model: Pocket, examples: list[data.Example]) -> tuple[dict[str, float], float]:
    """Share of examples of each task whose every token is the greedy choice, and share of MTP drafts that are right.

    A greedy decoder that is fed its own right choices writes exactly the wanted
    text, so one pass over that text tells whether it would. A search of Countdown
    with four numbers has many right texts; there the share says little.
    """
    exact: dict[str, list[bool]] = {}
    drafted, accepted = 0, 0
    for at in range(0, len(examples), 20):
        chunk = examples[at : at + 20]
        starts = [len(data.prompt(e.question)) for e in chunk]
        rows = [data.prompt(e.question) + data.completion(e)[0] for e in chunk]
        tokens = padded(rows, max(map(len, rows)))
        hidden = model.hidden(tokens)
        best = model.lm_head(hidden).argmax(-1)
        draft = model.lm_head(model.draft(hidden, tokens)).argmax(-1)
        for row, (example, start, sequence) in enumerate(zip(chunk, starts, rows)):
            end = len(sequence)
            exact.setdefault(example.task, []).append(bool((best[row, start - 1 : end - 1] == tokens[row, start:end]).all()))
            right = draft[row, start - 1 : end - 2] == tokens[row, start + 1 : end]
            drafted, accepted = drafted + right.numel(), accepted + int(right.sum())
    return {task: sum(of) / len(of) for task, of in exact.items()}, accepted / drafted


@torch.no_grad()
def complete(model: Pocket, prompts: list[list[int]], limit: int = 160) -> list[list[int]]:
    """Greedy continuations of the prompts, without the end-of-sequence token."""
    rows = [list(p) for p in prompts]
    running = list(range(len(rows)))
    for _ in range(limit):
        if not running:
            break
        width = max(len(rows[i]) for i in running)
        hidden = model.hidden(padded([rows[i] for i in running], width))
        last = torch.tensor([len(rows[i]) - 1 for i in running])
        best = model.lm_head(hidden[torch.arange(len(running)), last]).argmax(-1).tolist()
        for i, token in zip(running, best):
            rows[i].append(token)
        running = [i for i in running if rows[i][-1] != EOS]
    return [row[len(p) :][:-1] if row[-1] == EOS else row[len(p) :] for row, p in zip(rows, prompts)]


def answers(model: Pocket, examples: list[data.Example]) -> list[str]:
    """What the model answers to each question, reasoning left out."""
    written: list[str] = []
    for at in range(0, len(examples), 50):
        written += [decode(tokens) for tokens in complete(model, [data.prompt(e) for e in examples[at : at + 50]])]
    return [text.split("</think>")[-1].strip() for text in written]
