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

from machine import DEVICE, clock, mixed

import torch
import torch.nn.functional as F
from torch import Tensor

import chats
import clock
import countdown
import data
import decimals
import division
import expressions
import letters
import logic
import outside
import pairs
import properties
import series
import steps
from example import Example
from generate import Written, generate
from model import Config, Pocket
from rewards import Problem, accuracy, reward
from score import answer_of, padded
from tokenizer import decode
from train import DRAFT_WEIGHT, save

GROUP = 16
CLIP = 0.2
KL_WEIGHT = 0.02
UPDATES = 2  # a round's groups are learnt in so many parts; from the second on the ratio is not 1
QUIET = 4  # of a group without advantages every so many answers are still learnt: the KL alone, which holds what is known
LIMIT = 900  # tokens of an answer
TOKENS_AT_ONCE = 8000
NEW: list[data.Maker] = [
    pairs.long_product, division.random_example, decimals.random_example, letters.random_example, properties.random_example, clock.random_example,
    series.random_example, logic.random_example, steps.random_example, chats.random_example, outside.random_example,
]
# How often each kind of problem comes. Where there is no way, to say so is what is right: patience must not turn into
# invention. What does not come here gets worse, so some of the rest comes too, mostly what is hardest.
MAKERS: list[tuple[int, data.Maker]] = [
    (6, lambda rng: countdown.random_example(rng, 3)),
    (6, lambda rng: countdown.random_example(rng, 4)),
    (2, countdown.hopeless_example),
    (1, lambda rng: expressions.random_example(rng, 3)),
    (2, lambda rng: expressions.random_example(rng, 5)),
    (1, lambda rng: pairs.random_example(rng, rng.choice("+-*/"))),
    (6, lambda rng: rng.choice(NEW)(rng)),
]
# These learn from the KL alone. Rewards would make their samples alike, and a vote lives on samples that differ.
REHEARSED = ("expressions", "long expressions", "sums", "differences", "products", "quotients")
# Tasks with a column in the curve; the others share one.
SHOWN = ("countdown 3", "countdown 4", "countdown, no way", "countdown 4, no way", *REHEARSED)
REST = "the rest"
SEARCH = 550  # tokens of the longest search that the recipe writes


def problem_of(example: Example) -> Problem:
    """What the rewards need to know of an example. A search may be as long as the longest: how soon it finds is luck."""
    if example.task in ("countdown 3", "countdown 4"):
        _, *numbers, target = example.key
        return Problem(example.question, str(target), example.task, tuple(numbers), length=SEARCH)
    length = SEARCH if example.task.startswith("countdown") else len(data.completion(example)[0])
    return Problem(example.question, example.boxed, example.task, before=example.before, length=length)


def random_problem(rng: random.Random) -> Problem:
    """A problem that is not held out."""
    weights, makers = zip(*MAKERS)
    maker = rng.choices(makers, weights)[0]
    while True:
        example = maker(rng)
        if example.key not in data.EXCLUDED and data.EXCLUDED.isdisjoint(example.pairs):
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
    prompts = [data.prompt(p.question, p.before) for p in problems for _ in range(GROUP)]
    written = generate(model, prompts, LIMIT, temperature=1.0, seed=seed)
    answers = []
    for i, problem in enumerate(problems):
        group = range(i * GROUP, (i + 1) * GROUP)
        rewards = [reward(problem, decode(w.tokens[: len(w.tokens) - w.ended]), w.ended, len(w.tokens)) for w in (written[j] for j in group)]
        told = [0.0] * GROUP if problem.task in REHEARSED else advantages(rewards)
        answers += [Answer(problem, prompts[j], written[j], r, a) for j, r, a in zip(group, rewards, told)]
    return answers


def chunks(answers: list[Answer]) -> list[list[Answer]]:
    """Answers of like length together, few enough to be learnt at once."""
    cut: list[list[Answer]] = []
    for answer in sorted(answers, key=lambda a: len(a.prompt) + len(a.written.tokens)):
        if not cut or (len(cut[-1]) + 1) * (len(answer.prompt) + len(answer.written.tokens)) > TOKENS_AT_ONCE:
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
    """A round's updates from the answers that have something to tell; returns the mean KL."""
    parts = [[a for i, a in enumerate(answers) if i // GROUP % UPDATES == part and (a.advantage or i % QUIET == 0)] for part in range(UPDATES)]
    with torch.no_grad():
        for chunk in chunks(sum(parts, [])):
            batch = laid_out(chunk)
            for answer, old, fixed in zip(chunk, log_probabilities(model, *batch)[0], log_probabilities(reference, *batch)[0]):
                answer.old, answer.reference = old, fixed
    kls: list[float] = []
    drafting = list(model.model.layers[-1].parameters())
    for part in parts:
        for chunk in chunks(part):
            batch = laid_out(chunk)
            new, hidden = log_probabilities(model, *batch)
            pulls = [objective(n, a.old, a.reference, a.advantage) for n, a in zip(new, chunk)]
            (sum(loss for loss, _ in pulls) / len(part)).backward()
            # The draft must not move what it shares with the policy, the embedding and the head.
            (DRAFT_WEIGHT * draft_loss(model, hidden, *batch) * len(chunk) / len(part)).backward(inputs=drafting)
            kls += [kl.item() for _, kl in pulls]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return statistics.fmean(kls)


def report(answers: list[Answer]) -> dict[str, float]:
    """Mean reward and length, and accuracy by task."""
    right: dict[str, list[bool]] = {task: [] for task in (*SHOWN, REST)}
    for answer in answers:
        right[answer.problem.task if answer.problem.task in SHOWN else REST].append(accuracy(answer.problem, answer_of(answer.written)))
    numbers = {"reward": statistics.fmean(a.reward for a in answers), "length": statistics.fmean(len(a.written.tokens) for a in answers)}
    return numbers | {task: statistics.fmean(of) if of else float("nan") for task, of in right.items()}


def learning_rate(number: int, done: float, peak: float) -> float:
    """Five rounds of warm-up, and a straight way down to a tenth of the peak in the last third of the run (done goes from 0 to 1)."""
    return peak * min(1.0, (number + 1) / 5, max(0.1, 3 * (1 - done)))


class Run:
    """A reinforcement run: the policy, the supervised model that it is held to, and how far it is."""

    def __init__(self, start: Path, out: Path, seed: int, resume: bool) -> None:
        self.checkpoint, self.curve, self.seed = out / "checkpoint.pt", out / "curve.csv", seed
        self.model, self.reference = Pocket(Config()).to(DEVICE), Pocket(Config()).to(DEVICE)
        for model in (self.model, self.reference):
            model.load_state_dict(torch.load(start / "checkpoint.pt", map_location=DEVICE)["model"])
        self.optimizer = torch.optim.AdamW(self.model.parameters(), betas=(0.9, 0.95), weight_decay=0.0, foreach=True)
        self.number, self.seconds = 0, 0.0
        if resume and self.checkpoint.exists():
            saved = torch.load(self.checkpoint, map_location=DEVICE)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.number, self.seconds = saved["progress"]
        else:
            self.curve.write_text("round,minutes,reward,length," + ",".join(f'"{task}"' for task in (*SHOWN, REST)) + ",kl\n")

    def save(self) -> None:
        """Writes the checkpoint."""
        save(self.checkpoint, {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "progress": (self.number, self.seconds)})

    def round(self, count: int, rate: float) -> list[float]:
        """Answers so many problems and learns from that; returns the numbers of the curve."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rng = random.Random(f"{self.seed}/{self.number}")
        answers = sample(self.model, [random_problem(rng) for _ in range(count)], self.number)
        kl = learn(self.model, self.reference, self.optimizer, answers)
        self.number += 1
        return [*report(answers).values(), kl]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, required=True, help="folder of the supervised checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--problems", type=int, default=16, help="of a round")
    parser.add_argument("--rate", type=float, default=2.5e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    run = Run(args.start, args.out, args.seed, args.resume)
    before, started, saved = run.seconds, clock(), time.time()
    while run.seconds < 60 * args.minutes:
        numbers = run.round(args.problems, learning_rate(run.number, run.seconds / (60 * args.minutes), args.rate))
        run.seconds = before + clock() - started
        line = f"{run.number},{run.seconds / 60:.3f}," + ",".join(f"{v:.4f}" for v in numbers)
        with run.curve.open("a") as curve:
            curve.write(line + "\n")
        print(line, flush=True)
        if time.time() - saved > 120:
            run.save()
            saved = time.time()
    run.save()


if __name__ == "__main__":
    main()
