"""Draws the curves of a training as SVG: `plot.py --supervised DIR --rl DIR --out curves`."""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 260, 56, 34, 44
COLOURS = ["#4d6bfe", "#e8590c", "#2b8a3e", "#9c36b5", "#868e96"]

Line = tuple[str, list[float], list[float]]  # name, x, y


def read(path: Path) -> dict[str, list[float]]:
    """Columns of a CSV file with a header."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def smoothed(x: list[float], y: list[float], window: int) -> tuple[list[float], list[float]]:
    """Means of `window` neighbours each; what is not a number is left out."""
    pairs = [(a, b) for a, b in zip(x, y) if not math.isnan(b)]
    groups = [pairs[i : i + window] for i in range(0, len(pairs), window)]
    return [sum(a for a, _ in g) / len(g) for g in groups], [sum(b for _, b in g) / len(g) for g in groups]


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers between low and high."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def chart(title: str, across: str, lines: list[Line], log: bool = False) -> str:
    """One chart with a legend; `log` draws the heights as logarithms of base 10."""
    scaled = [(name, x, [math.log10(max(v, 1e-4)) if log else v for v in y]) for name, x, y in lines]
    xs, ys = [v for _, x, _ in scaled for v in x], [v for _, _, y in scaled for v in y]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys) if log else min(0.0, min(ys)), max(ys)
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + (WIDTH - LEFT - 12) * (x - x0) / (x1 - x0), HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (y - y0) / (y1 - y0)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', f'<text x="{LEFT}" y="16" font-size="13">{title}</text>']
    for value in ticks(y0, y1):
        _, y = at(x0, value)
        label = f"{10**value:.2g}" if log else f"{value:g}"
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 12}" stroke="#ddd"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for value in ticks(x0, x1):
        x, _ = at(value, y0)
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{value:g}</text>')
    out.append(f'<text x="{WIDTH - 12}" y="{HEIGHT - 4}" text-anchor="end">{across}</text>')
    for i, (name, x, y) in enumerate(scaled):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in (at(*p) for p in zip(x, y)))
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[i]}" stroke-width="1.5"/>')
        out.append(f'<text x="{LEFT + 112 * i}" y="32" fill="{COLOURS[i]}">{name}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--supervised", type=Path, required=True)
    parser.add_argument("--rl", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("curves"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    taught, reinforced = read(args.supervised / "curve.csv"), read(args.rl / "curve.csv")
    millions = [t / 1e6 for t in taught["tokens"]]
    losses: list[Line] = [(name, *smoothed(millions, taught[name], 5)) for name in ("loss", "draft loss")]

    def lines(*names: str) -> list[Line]:
        return [(name, *smoothed(reinforced["round"], reinforced[name], 5)) for name in names]

    for name, text in (
        ("loss", chart("Supervised stage: loss of the next token and of the MTP draft", "million tokens", losses, log=True)),
        ("reward", chart("RL: mean reward, and right answers by task", "round", lines("reward", "countdown 3", "countdown 4", "long expressions", "countdown, no way"))),
        ("length", chart("RL: mean length of an answer in tokens", "round", lines("length"))),
    ):
        (args.out / f"{name}.svg").write_text(text)


if __name__ == "__main__":
    main()
