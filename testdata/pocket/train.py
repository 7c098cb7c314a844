"""The supervised stage: `train.py --out DIR [--resume] [--start FOLDER] [--minutes N]`.

The data follow from the seed alone. The learning rate follows the clock (of the
work done, where that is on a CPU), so that a run ends in time whatever the machine's speed. A checkpoint holds all that a
resumed run needs to go on.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from machine import DEVICE, clock, mixed

import torch
import torch.nn.functional as F
from torch import Tensor

import data
import lexicon
from export import read_folder
from model import Config, Pocket, rounded_to_bf16
from optimizer import Optimizer
from quantise import four_bits
from rewards import Problem, read_problems
from score import by_task, judged

POOL = 16  # batches made and length-sorted together
DRAFT_WEIGHT = 0.3  # share of the MTP loss, as in the V3 report
WARM_UP = 100  # steps
BALANCE = 1e-3  # how far a step moves the routers' bias; nothing in the last tenth
FOUR_BITS = 0.75  # share of the training after which every other step is made with 4-bit weights


def learning_rate(step: int, done: float, peak: float) -> float:
    """Linear warm-up, then a cosine over the run (done goes from 0 to 1) down to a hundredth of the peak."""
    return peak * min(1, (step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, done))))


def pad(batch: list[data.Sequence]) -> tuple[Tensor, Tensor]:
    """tokens [B, T] and which of them are to be learnt [B, T].

    Short rows are filled up with their own text again: nobody learns it, and the
    load of the experts stays that of text, where zeros would claim one for themselves.
    """
    width = max(len(tokens) for tokens, _ in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    learn = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (sequence, wanted) in enumerate(batch):
        tokens[row] = torch.tensor(sequence).repeat(-(-width // len(sequence)))[:width]
        learn[row, : len(sequence)] = torch.tensor(wanted)
    return tokens.to(DEVICE), learn.to(DEVICE)


def losses(model: Pocket, tokens: Tensor, learn: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the next token, and of the MTP layer's token after it."""
    hidden = model.hidden(tokens)
    main = F.cross_entropy(model.lm_head(hidden[:, :-1][learn[:, 1:]]).float(), tokens[:, 1:][learn[:, 1:]])
    # The last row of a draft has no target, and a draft is wanted only where its target is to be learnt.
    wanted = learn[:, 2:]
    drafted = model.draft(hidden, tokens)[:, :-1]
    return main, F.cross_entropy(model.lm_head(drafted[wanted]).float(), tokens[:, 2:][wanted])


def save(path: Path, content: dict[str, object]) -> None:
    """Writes a checkpoint whole or not at all."""
    torch.save(content, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


class Run:
    """A training run: the model, its optimizer, and how far it is."""

    def __init__(self, out: Path, seed: int, resume: bool, start: Path | None) -> None:
        torch.manual_seed(seed)
        self.checkpoint = out / "checkpoint.pt"
        self.curve = out / "curve.csv"
        self.model = (read_folder(start) if start else Pocket(Config())).to(DEVICE)
        self.optimizer = Optimizer(self.model)
        self.step, self.pool, self.seconds, self.tokens = 0, 0, 0.0, 0
        if resume and self.checkpoint.exists():
            saved = torch.load(self.checkpoint, map_location=DEVICE)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.pool, self.seconds, self.tokens = saved["progress"]
        else:
            self.curve.write_text("step,minutes,tokens,loss,draft loss\n")

    def save(self) -> None:
        """Writes the checkpoint."""
        progress = (self.step, self.pool, self.seconds, self.tokens)
        save(self.checkpoint, {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "progress": progress})

    def learn(self, batch: list[data.Sequence], rate: float, done: float) -> tuple[float, float]:
        """One step; returns both losses."""
        tokens, learn = pad(batch)
        with four_bits(self.model, done > FOUR_BITS and self.step % 2 == 0):
            with mixed():
                main, draft = losses(self.model, tokens, learn)
            (main + DRAFT_WEIGHT * draft).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step(rate)
        for router in self.model.routers():
            router.balance(BALANCE if done < 0.9 else 0.0)
        self.step += 1
        self.tokens += tokens.numel()
        return main.item(), draft.item()


def check(run: Run, problems: list[Problem]) -> None:
    """Prints the share of problems that are worked out right, task by task."""
    table = by_task(problems, judged(rounded_to_bf16(run.model), problems)[1])
    print(f"step {run.step} right {' '.join(f'{task}: {right / of:.2f}' for task, (right, of) in table.items())}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--minutes", type=float, default=150)
    parser.add_argument("--batch", type=int, default=6000, help="tokens of a batch")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--start", type=Path, help="exported folder whose weights are trained further, from the first on with text as late in a run")
    args = parser.parse_args()
    if not lexicon.listed():
        parser.error(f"{lexicon.LIST} is missing: install the package {lexicon.PACKAGE}")
    args.out.mkdir(parents=True, exist_ok=True)

    run = Run(args.out, args.seed, args.resume, args.start)
    print(f"{sum(p.numel() for p in run.model.parameters())} parameters, from step {run.step}", flush=True)
    held_out = [problem for file in data.HELD_OUT_FILES for problem in read_problems(file)[::4]]
    before, started, saved, checked = run.seconds, clock(), time.time(), time.time()
    while run.seconds < 60 * args.minutes:
        batches = data.batches(args.seed, run.pool, args.batch, POOL, 1.0 if args.start else run.seconds / (60 * args.minutes))
        run.pool += 1
        for batch in batches:
            done = run.seconds / (60 * args.minutes)
            main_loss, draft_loss = run.learn(batch, learning_rate(run.step, done, args.rate), done)
            run.seconds = before + clock() - started
            if run.step % 10 == 0:
                line = f"{run.step},{run.seconds / 60:.3f},{run.tokens},{main_loss:.4f},{draft_loss:.4f}"
                with run.curve.open("a") as curve:
                    curve.write(line + "\n")
                print(line, flush=True)
        if time.time() - saved > 150:
            run.save()
            saved = time.time()
        if time.time() - checked > 1800:
            stopped = clock()
            check(run, held_out[::4])
            checked, started = time.time(), started + clock() - stopped  # a look at the model is no training
    run.save()
    check(run, held_out)


if __name__ == "__main__":
    main()
