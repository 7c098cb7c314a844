"""The reinforcement stage, GRPO as in the DeepSeek-R1 paper: `rl.py --start DIR --out DIR [--resume] [--minutes N]`.

For each problem a group of answers is written. An answer's advantage is its
reward, less the group's mean, over the group's deviation. There is no critic and
no reward model: rewards.py holds rules.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from machine import DEVICE, mixed

import torch
import torch.nn.functional as F
from torch import Tensor

import countdown
import data
import expressions
from example import Example
from generate import Written, generate
from model import Config, Pocket
from rewards import Problem, accuracy, reward
from score import answer_of, padded
from tokenizer import decode
from train import DRAFT_WEIGHT, save

GROUP = 16
CLIP = 0.2
KL_WEIGHT = 0.005
UPDATES = 2  # a round's groups are learnt in so many parts; from the second on the ratio is not 1
LIMIT = 900  # tokens of an answer
TOKENS_AT_ONCE = 8000
# How often each kind of problem comes. Where there is no way, to say so is what is right: patience must not turn into invention.
MAKERS: list[tuple[int, data.Maker]] = [
    (4, lambda rng: countdown.random_example(rng, 3)),
    (10, lambda rng: countdown.random_example(rng, 4)),
    (1, countdown.hopeless_example),
    (1, lambda rng: expressions.random_example(rng, 3)),
]
TASKS = ("countdown 3", "countdown 4", "countdown, no way", "expressions")


def problem_of(example: Example) -> Problem:
    """What the rewards need to know of an example."""
    if example.task.startswith("countdown "):
        _, *numbers, target = example.key
        return Problem(example.question, str(target), example.task, tuple(numbers))
    return Problem(example.question, example.boxed, example.task)


def random_problem(rng: random.Random) -> Problem:
    """A problem that is not held out."""
    weights, makers = zip(*MAKERS)
    maker = rng.choices(makers, weights)[0]
    while (example := maker(rng)).key in data.EXCLUDED:
        pass
    return problem_of(example)


@dataclass
class Answer:
    """A sampled answer. `old` and `reference` are its tokens' log-probabilities before the round and in the supervised model [T]."""

    problem: Problem
    prompt: list[int]
    written: Written
    reward: float
    advantage: float
    old: Tensor | None = None
    reference: Tensor | None = None


def advantages(rewards: list[float]) -> list[float]:
    """(r - mean) / deviation within a group; zeros where all are alike."""
    mean, deviation = statistics.fmean(rewards), statistics.pstdev(rewards)
    return [(r - mean) / deviation if deviation > 1e-6 else 0.0 for r in rewards]


def sample(model: Pocket, problems: list[Problem], seed: int) -> list[Answer]:
    """A group of answers for each problem, at temperature 1."""
    prompts = [data.prompt(p.question) for p in problems for _ in range(GROUP)]
    written = generate(model, prompts, LIMIT, temperature=1.0, seed=seed)
    answers = []
    for i, problem in enumerate(problems):
        group = range(i * GROUP, (i + 1) * GROUP)
        rewards = [reward(problem, decode(written[j].tokens[: len(written[j].tokens) - written[j].ended]), written[j].ended) for j in group]
        answers += [Answer(problem, prompts[j], written[j], r, a) for j, r, a in zip(group, rewards, advantages(rewards))]
    return answers


def chunks(answers: list[Answer]) -> list[list[Answer]]:
    """Answers of like length together, few enough to be learnt at once."""
    cut: list[list[Answer]] = [[]]
    for answer in sorted(answers, key=lambda a: len(a.prompt) + len(a.written.tokens)):
        if (len(cut[-1]) + 1) * (len(answer.prompt) + len(answer.written.tokens)) > TOKENS_AT_ONCE and cut[-1]:
            cut.append([])
        cut[-1].append(answer)
    return cut


def laid_out(answers: list[Answer]) -> tuple[Tensor, Tensor]:
    """Prompts and answers as tokens [B, T], and which of them the model wrote [B, T]."""
    rows = [a.prompt + a.written.tokens for a in answers]
    tokens = padded(rows, torch.device(DEVICE))
    own = torch.zeros_like(tokens, dtype=torch.bool)
    for row, answer in enumerate(answers):
        own[row, len(answer.prompt) : len(rows[row])] = True
    return tokens, own


def log_probabilities(model: Pocket, tokens: Tensor, own: Tensor) -> tuple[list[Tensor], Tensor]:
    """Log-probability of every token of each answer [its length], and the hidden states they came from [B, T, H]."""
    with mixed():
        hidden = model.hidden(tokens)
        logits = model.lm_head(hidden[:, :-1][own[:, 1:]]).float()
    chosen = logits.log_softmax(-1).gather(1, tokens[:, 1:][own[:, 1:]][:, None])[:, 0]
    return list(chosen.split(own.sum(1).tolist())), hidden


def draft_loss(model: Pocket, hidden: Tensor, tokens: Tensor, own: Tensor) -> Tensor:
    """The MTP layer's mean loss on the answers: it learns to guess what the changed model writes."""
    with mixed():
        drafted = model.lm_head(model.draft(hidden.detach(), tokens)[:, :-1][own[:, 2:]]).float()
    return F.cross_entropy(drafted, tokens[:, 2:][own[:, 2:]])


def objective(new: Tensor, old: Tensor, reference: Tensor, advantage: float) -> tuple[Tensor, Tensor]:
    """GRPO's loss of one answer, its tokens' mean, and its mean KL to the reference (estimated as e^d - d - 1)."""
    ratio = (new - old).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)
    away = reference - new
    kl = away.exp() - away - 1
    return (KL_WEIGHT * kl - gain).mean(), kl.mean()


def learn(model: Pocket, reference: Pocket, optimizer: torch.optim.Optimizer, answers: list[Answer]) -> float:
    """A round's updates from the groups that have something to tell; returns the mean KL."""
    telling = [a for a in answers if a.advantage != 0]
    with torch.no_grad():
        for chunk in chunks(telling) if telling else []:
            batch = laid_out(chunk)
            for answer, old, fixed in zip(chunk, log_probabilities(model, *batch)[0], log_probabilities(reference, *batch)[0]):
                answer.old, answer.reference = old, fixed
    kls: list[float] = []
    drafting = list(model.model.layers[-1].parameters())
    for part in range(UPDATES):
        mine = [a for i, a in enumerate(telling) if i // GROUP % UPDATES == part]
        if not mine:
            continue
        for chunk in chunks(mine):
            batch = laid_out(chunk)
            new, hidden = log_probabilities(model, *batch)
            parts = [objective(n, a.old, a.reference, a.advantage) for n, a in zip(new, chunk)]
            (sum(loss for loss, _ in parts) / len(mine)).backward()
            # The draft must not move what it shares with the policy, the embedding and the head.
            (DRAFT_WEIGHT * draft_loss(model, hidden, *batch) * len(chunk) / len(mine)).backward(inputs=drafting)
            kls += [kl.item() for _, kl in parts]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return statistics.fmean(kls) if kls else 0.0


def report(answers: list[Answer]) -> dict[str, float]:
    """Mean reward and length, and accuracy by task."""
    right: dict[str, list[bool]] = {task: [] for task in TASKS}
    for answer in answers:
        right[answer.problem.task].append(accuracy(answer.problem, answer_of(answer.written)))
    numbers = {"reward": statistics.fmean(a.reward for a in answers), "length": statistics.fmean(len(a.written.tokens) for a in answers)}
    return numbers | {task: statistics.fmean(of) if of else float("nan") for task, of in right.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, required=True, help="folder of the supervised checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--problems", type=int, default=16, help="of a round")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, curve = args.out / "checkpoint.pt", args.out / "curve.csv"

    model, reference = Pocket(Config()).to(DEVICE), Pocket(Config()).to(DEVICE)
    for each in (model, reference):
        each.load_state_dict(torch.load(args.start / "checkpoint.pt", map_location=DEVICE)["model"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.95), weight_decay=0.0, foreach=True)
    number, before = 0, 0.0
    if args.resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=DEVICE)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        number, before = saved["progress"]
    else:
        curve.write_text("round,minutes,reward,length," + ",".join(f'"{task}"' for task in TASKS) + ",kl\n")

    started = saved_at = time.time()
    seconds = before
    while seconds < 60 * args.minutes:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1.0, (number + 1) / 5, max(0.1, 3 * (1 - seconds / (60 * args.minutes))))
        rng = random.Random(f"{args.seed}/{number}")
        answers = sample(model, [random_problem(rng) for _ in range(args.problems)], number)
        kl = learn(model, reference, optimizer, answers)
        number += 1
        seconds = before + time.time() - started
        line = f"{number},{seconds / 60:.3f}," + ",".join(f"{v:.4f}" for v in report(answers).values()) + f",{kl:.5f}"
        with curve.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)
        if time.time() - saved_at > 120 or seconds >= 60 * args.minutes:
            save(checkpoint, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "progress": (number, seconds)})
            saved_at = time.time()


if __name__ == "__main__":
    main()
