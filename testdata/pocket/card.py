"""Writes the model card from what the other scripts printed.

`card.py --evaluated FILE --evaluated-before FILE --measured FILE --supervised DIR --rl DIR`
takes the output of evaluate (of the final and of the supervised model) and of
measure.py, and the curves of both stages; all numbers in README.md come from there
or from the weights' file.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path

from average import SHARE
from export_fp8 import read_safetensors
from plot import read

HERE = Path(__file__).parent

CARD = """# Pocket

A language model of DeepSeek-V3's architecture, small enough to live in this repository, trained from scratch by the
recipe in this folder: {total:.1f} M parameters ({active:.1f} M at work for a token), {bytes:.1f} MB as BF16. It works out
arithmetic, comparisons, the letters of a word, series, dates and short puzzles inside `<think>`, checks itself in places, and
says so where it is asked something else. It is still wrong at times; the tables below say where.

It is made to try the engine and the page with, not to be relied on.

## Architecture

{layers} layers of width {hidden}: multi-head latent attention ({heads} heads, latent of {rank} and a rotated part of {rope}; queries are
not compressed), the first layer dense ({dense}), then {experts} routed experts of width {width}, {chosen} for each token, and {shared} shared
one. Scores are sigmoids, balanced by a bias and no auxiliary loss. One multi-token-prediction module, trained jointly.
Context {context}. The vocabulary of {vocabulary} holds bytes and the recipe's own words as whole tokens; every digit is a token of its own, and
so is every letter of a word that is not among them, so that any word can be spelt. The chat format is DeepSeek-R1's.

## Data

All text is made by the recipe (`data.py`), none is taken from elsewhere: sums, differences, products up to five by four digits and
quotients in columns; expressions with brackets; word problems of one to three steps, the longest with numbers that do not
matter; comparing and sorting whole numbers, decimals, fractions and negative numbers; the letters of a word; primes, powers,
roots, Roman numerals; clock, calendar, units, percentages; series; who is taller; Countdown with three and four numbers, by a
search that tries, rejects, checks and says so where it found no way after a bounded number of tries; chats of two and three
turns; small talk; and an honest refusal of anything else, asked in ten kinds. Words come from Debian's wamerican-huge, which is
read when text is made and is not in this repository, and are made up besides; one word in eight is kept for held-out problems.
Some workings hold a wrong turn that is noticed and put right; the wrong part is read in training but not learnt.

Two searches of three with four numbers are given up after four tries, and most with three numbers do not look a second
time. That is on purpose: it leaves something for reinforcement to find out, which sees only whether the answer is
right. In an expression, chance says which of the operations that are ready comes next, and whether what is left is written
with the brackets that are needed or with all of them, so that samples go different ways.

`heldout.jsonl` holds the {held} problems that every version was measured with, `heldout-new.jsonl` {new} of the tasks that came
with the second version, `heldout-outside.jsonl` {outside} prompts to be refused. None of them, and no sum or product among them as a
step of something else, is in the training data; `test_data.py` checks that.

## Training

One command, `recipe`, from scratch:

| stage | minutes | |
|---|---|---|
| supervised | {sft_minutes:.0f} | {sft_tokens:.1f} M tokens in {sft_steps} steps (padding included), the last loss {sft_loss:.4f} |
| GRPO | {rl_minutes:.0f} | {rl_rounds} rounds, groups of 16 |
| averaging | | {share:.0f} % of these weights, {rest:.0f} % of those before GRPO |

The last step (`average.py`) gives back what reinforcement of Countdown wears down elsewhere. Minutes are of work on all cores, with
Muon for matrices and AdamW for the rest (AdamW alone in reinforcement). The learning rate follows that clock, so running the recipe
anew gives a model like this one, not this one.

![loss](curves/loss.svg)

Rewards are rules (`rewards.py`): 1 for a right answer, 0.1 for its form, less of that where the answer is longer than one and a half
times the recipe's own. Half of the problems are Countdown, a quarter come from the newer tasks; expressions and pairs of numbers
are only rehearsed: their answers are held to the supervised model by the KL and get no reward, which makes samples alike.

![reward](curves/reward.svg)

![length](curves/length.svg)

## Targets

| target | wanted | measured | |
|---|---|---|---|
{targets}

## Held-out problems through the engine

Greedy, q8, by `testdata/pocket/evaluate --all`; chats of several turns are in the next section. The conversation is the final model's:

{evaluated}

## Measured in PyTorch

By `measure.py`; q8 and q4 are the engine's formats.

{measured}

## FP8

`export_fp8.py --out DIR` writes a copy in DeepSeek's own number format: e4m3 in blocks of 128 x 128. `test_model.py`
converts the shipped weights, packs them with `tabseek pack` and has the engine answer with them.

## How to retrain

With Python 3.11 and PyTorch 1.13 or later (a CPU with AVX-512 BF16, or a GPU, is several times faster than others):

    apt-get install wamerican-huge
    testdata/pocket/recipe RUN          # called again, it goes on from its last checkpoint
    cd testdata/pocket
    python3 card.py --evaluated RUN/evaluated.md --evaluated-before RUN/evaluated-before.md --measured RUN/measured.md --supervised RUN/sft --rl RUN/rl
    python3 -m unittest

`tokenizer.py` learns the words of `pieces.json` anew; weights trained with others are then of no use.
The learning rate follows the clock, so a run ends in time whatever the machine; a faster one sees more text.
"""


def table(text: str, heading: str) -> dict[str, list[str]]:
    """Cells after the first of each row of the first table below a heading, by the first cell."""
    rows: dict[str, list[str]] = {}
    for line in text[text.index(heading) :].splitlines()[1:]:
        if line.startswith("|---"):
            continue
        if line.startswith("|"):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows[first] = cells
        elif rows:
            break
    return rows


def percent(cell: str) -> float:
    """The percentage in a cell."""
    return float(re.search(r"([\d.]+) %", cell).group(1))


def side_by_side(before: str, after: str) -> str:
    """What evaluate printed of two models, as one table; the conversations are the second's."""
    theirs, mine = table(before, "| task"), table(after, "| task")
    rows = [f"| {task} | {theirs[task][0]} | {cells[0]} |" for task, cells in mine.items() if task != "task"]
    return "\n".join(["| task | supervised | after RL |", "|---|---|---|", *rows]) + "\n\n" + after[after.index("> ") :]


def target_rows(evaluated: str, measured: str) -> str:
    """The targets, each with what was measured."""
    engine, greedy, votes = (
        {task: [percent(cell) for cell in cells] for task, cells in table(text, heading).items() if task != "task"}
        for text, heading in ((evaluated, "| task"), (measured, "#### Greedy"), (measured, "#### Samples"))
    )
    rows: list[tuple[str, float, float]] = [(f"{task}, greedy, q8, engine", wanted, engine[task][-1]) for task, wanted in (
        ("sums", 98), ("products", 95), ("sums and differences to 4 digits", 98), ("two-digit products", 95), ("expressions", 90),
        ("word problems", 90), ("countdown 3", 60), ("countdown 4", 60))]
    chats = {task: cells[2] for task, cells in greedy.items()}  # q8
    rows += [(f"{task}, greedy, q8, {where}", wanted, of) for where, task, wanted, of in (
        *(("engine", task, wanted, engine[task][-1]) for task, wanted in (
            ("decimals", 97), ("letters", 95), ("long products", 85), ("division", 95), ("series", 85), ("logic", 85), ("word problems of three steps", 85))),
        *(("PyTorch", task, wanted, chats[task]) for task, wanted in (("are you sure, right", 97),)))]
    for name, wanted in (("Out of scope, refused", 99), ("No way, recognised", 90), ("Answers of known words alone", 100)):
        rows.append((f"{name}, greedy, PyTorch", wanted, percent(re.search(rf"{name}.*", measured).group())))
    rows.append(("In scope, not refused, greedy, PyTorch", 99, 100 - percent(re.search("In scope, refused.*", measured).group())))
    for task in ("countdown 3", "countdown 4"):
        before, after = engine[task]
        rows.append((f"{task} after RL, above the supervised {before:.1f} %, greedy, q8, engine", before + 0.1, after))
        before, after, *_ = votes[task]
        rows.append((f"{task} after RL, above the supervised {before:.1f} %, sampled", before + 0.1, after))
    for task, cells in votes.items():
        rows.append((f"majority of 8 over pass@1, {task}, points", 3, cells[3] - cells[1]))
    rows.append(("MTP drafts accepted", 95, percent(re.search(r"Share of drafts accepted.*", measured).group())))
    rows.append(("q4 against BF16, all problems, points", -2, greedy["all"][3] - greedy["all"][1]))
    return "\n".join(f"| {name} | {wanted:.1f} | {got:.1f} | {'met' if got >= wanted - 1e-9 else '**missed**'} |" for name, wanted, got in rows)


def parameters(folder: Path, config: dict[str, int]) -> tuple[int, int]:
    """All parameters, the MTP module's copies of embedding and head left out; and those at work for a token in the main model."""
    total, active = 0, 0.0
    mtp = f"model.layers.{config['num_hidden_layers']}."
    for name, (_, shape, _) in read_safetensors(folder / "model.safetensors").items():
        size = math.prod(shape)
        if name.startswith((mtp + "embed_tokens", mtp + "shared_head.head")):
            continue
        total += size
        if not name.startswith(mtp) and name != "model.embed_tokens.weight":
            active += size * config["num_experts_per_tok"] / config["n_routed_experts"] if ".experts." in name else size
    return total, int(active)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("evaluated", "evaluated-before", "measured", "supervised", "rl"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    config = json.loads((HERE / "hf" / "config.json").read_text())
    total, active = parameters(HERE / "hf", config)
    taught, reinforced = read(args.supervised / "curve.csv"), read(args.rl / "curve.csv")
    evaluated = side_by_side(args.evaluated_before.read_text(), args.evaluated.read_text().strip())
    measured = args.measured.read_text().strip()
    text = CARD.format(
        total=total / 1e6, active=active / 1e6, bytes=sum(f.stat().st_size for f in (HERE / "hf").iterdir()) / 1e6,
        layers=config["num_hidden_layers"], hidden=config["hidden_size"], heads=config["num_attention_heads"], rank=config["kv_lora_rank"],
        rope=config["qk_rope_head_dim"], dense=config["intermediate_size"], experts=config["n_routed_experts"], width=config["moe_intermediate_size"],
        chosen=config["num_experts_per_tok"], shared=config["n_shared_experts"], context=config["max_position_embeddings"], vocabulary=config["vocab_size"],
        **{name: len((HERE / file).read_text().splitlines()) for name, file in (("held", "heldout.jsonl"), ("new", "heldout-new.jsonl"), ("outside", "heldout-outside.jsonl"))},
        sft_minutes=taught["minutes"][-1], sft_tokens=taught["tokens"][-1] / 1e6,
        sft_steps=int(taught["step"][-1]), sft_loss=taught["loss"][-1], rl_minutes=reinforced["minutes"][-1],
        rl_rounds=int(reinforced["round"][-1]), share=100 * SHARE, rest=100 * (1 - SHARE), targets=target_rows(evaluated, measured), evaluated=evaluated, measured=measured,
    )
    (HERE / "README.md").write_text(text)


if __name__ == "__main__":
    main()
