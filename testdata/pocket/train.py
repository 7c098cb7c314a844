"""Trains the pocket model: `train.py --out DIR [--resume] [--steps N]`.

Every step's batch, and so the whole run, follows from the seed alone. A
checkpoint holds everything a resumed run needs to go on as if never stopped.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

# OpenBLAS 0.3.21 does not know the newest processors and falls back to slow kernels; these run on any with AVX-512.
if "avx512vl" in Path("/proc/cpuinfo").read_text():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")

import torch
import torch.nn.functional as F
from torch import Tensor

import data
from model import Config, Pocket, rounded_to_bf16
from score import answers, exactness

POOL = 8  # batches made and length-sorted together
DRAFT_WEIGHT = 0.3  # share of the MTP loss, as in the V3 report


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 100 steps, then a cosine down to a fiftieth of the peak."""
    if step < 100:
        return peak * (step + 1) / 100
    done = (step - 100) / max(1, steps - 100)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def pad(batch: list[tuple[list[int], int]]) -> tuple[Tensor, Tensor]:
    """tokens [B, T], zero-padded on the right, and which of them are to be learnt [B, T]."""
    width = max(len(tokens) for tokens, _ in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    learn = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (sequence, start) in enumerate(batch):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
        learn[row, start : len(sequence)] = True
    return tokens, learn


def losses(model: Pocket, tokens: Tensor, learn: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the next token, and of the MTP layer's token after it."""
    hidden = model.hidden(tokens)
    main = F.cross_entropy(model.lm_head(hidden[:, :-1][learn[:, 1:]]), tokens[:, 1:][learn[:, 1:]])
    # The last row of a draft has no target, and a draft is wanted only where the token it builds on is the model's own.
    own = learn[:, 2:]
    drafted = model.draft(hidden, tokens)[:, :-1]
    return main, F.cross_entropy(model.lm_head(drafted[own]), tokens[:, 2:][own])


def optimizer_for(model: Pocket) -> torch.optim.AdamW:
    """AdamW; norms and the embedding do not decay."""
    decayed = [p for n, p in model.named_parameters() if p.dim() >= 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() < 2 or "embed" in n]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), foreach=True)


def save(path: Path, content: dict[str, object]) -> None:
    """Writes a checkpoint whole or not at all."""
    torch.save(content, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--check-every", type=int, default=200)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"

    torch.manual_seed(args.seed)
    model = Pocket(Config())
    optimizer = optimizer_for(model)
    first = 0
    if args.resume and checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, from step {first} to {args.steps}", flush=True)

    held_out = data.held_out()
    started, seen = time.time(), 0
    pool: list[list[tuple[list[int], int]]] = []
    for step in range(first, args.steps):
        if step % POOL == 0 or not pool:
            pool = data.batches(args.seed, step // POOL, args.batch, POOL)
        tokens, learn = pad(pool[step % POOL])
        rate = learning_rate(step, args.steps, args.rate)
        for group in optimizer.param_groups:
            group["lr"] = rate
        main_loss, draft_loss = losses(model, tokens, learn)
        optimizer.zero_grad(set_to_none=True)
        (main_loss + DRAFT_WEIGHT * draft_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for router in model.routers():
            router.balance(1e-3 if step < 0.9 * args.steps else 0.0)
        seen += tokens.numel()
        done = step + 1
        if done % 20 == 0:
            speed = seen / (time.time() - started)
            print(f"step {done} loss {main_loss.item():.4f} draft {draft_loss.item():.4f} rate {rate:.5f} tokens/s {speed:.0f}", flush=True)
        if done % 100 == 0 or done == args.steps:
            save(checkpoint, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done})
        if done % args.check_every == 0:
            exact, drafts = exactness(rounded_to_bf16(model), held_out[::3])
            print(f"step {done} exact {exact:.3f} of {len(held_out[::3])} held out, drafts accepted {drafts:.3f}", flush=True)

    rounded = rounded_to_bf16(model)
    exact, drafts = exactness(rounded, held_out)
    print(f"BF16 weights, {len(held_out)} held out: exact {exact:.4f}, drafts accepted {drafts:.4f}", flush=True)
    right = sum(got == want.answer for got, want in zip(answers(rounded, held_out), held_out))
    print(f"BF16 weights, greedy decoding: {right} of {len(held_out)} held-out answers right", flush=True)


if __name__ == "__main__":
    main()
