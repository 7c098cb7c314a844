"""Averages the weights of the supervised and of the reinforced model: `average.py --supervised DIR --rl DIR --out DIR`.

Reinforcement of one skill wears down others, and the way back along the straight
line between the two models gives them back at little cost, or none (WiSE-FT,
arXiv 2109.01903; WARP, arXiv 2406.16768).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from machine import DEVICE

import torch
from torch import Tensor

from train import save

SHARE = 0.7  # of the reinforced model; chosen by problems that are not held out


def averaged(supervised: dict[str, Tensor], reinforced: dict[str, Tensor]) -> dict[str, Tensor]:
    """SHARE of the reinforced weights and the rest of the supervised ones."""
    return {name: torch.lerp(supervised[name].float(), value.float(), SHARE) for name, value in reinforced.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("supervised", "rl", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="folder of a checkpoint")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    supervised, reinforced = (torch.load(folder / "checkpoint.pt", map_location=DEVICE)["model"] for folder in (args.supervised, args.rl))
    save(args.out / "checkpoint.pt", {"model": averaged(supervised, reinforced)})


if __name__ == "__main__":
    main()
