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
def exactness(model: Pocket, examples: list[data.Example]) -> tuple[float, float]:
    """Share of examples whose every token is the greedy choice, and share of MTP drafts that are right.

    A greedy decoder that is fed its own right choices writes exactly the
    wanted text, so one pass over that text tells whether it would.
    """
    exact, drafted, accepted = 0, 0, 0
    for at in range(0, len(examples), 50):
        chunk = examples[at : at + 50]
        rows = [data.prompt(e) + data.completion(e) for e in chunk]
        tokens = padded(rows, max(map(len, rows)))
        hidden = model.hidden(tokens)
        best = model.lm_head(hidden).argmax(-1)
        draft = model.lm_head(model.draft(hidden, tokens)).argmax(-1)
        for row, (example, sequence) in enumerate(zip(chunk, rows)):
            start, end = len(data.prompt(example)), len(sequence)
            exact += bool((best[row, start - 1 : end - 1] == tokens[row, start:end]).all())
            right = draft[row, start - 1 : end - 2] == tokens[row, start + 1 : end]
            drafted, accepted = drafted + right.numel(), accepted + int(right.sum())
    return exact / len(examples), accepted / drafted


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
