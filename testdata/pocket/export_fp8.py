#!/usr/bin/env python3
"""Writes a copy of a BF16 model in DeepSeek's 8-bit numbers: `export_fp8.py [--source hf] --out DIR`.

As in the published DeepSeek-V3 checkpoint: matrices of attention and experts are
e4m3, with a float32 scale `X.weight_scale_inv` for each block of 128 x 128;
embedding, head, router, norms and eh_proj stay as they are. Needs no torch.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import struct
from array import array
from bisect import bisect_left
from pathlib import Path

HERE = Path(__file__).parent
BLOCK = 128
Tensor = tuple[str, list[int], bytes]  # dtype, shape, little-endian content


def e4m3_values() -> list[float]:
    """The value of every code from 0 to 126; 127 is not a number, and 128 more are the negative ones."""
    return [(code & 7) * 2**-9 if code < 8 else (8 + (code & 7)) * 2.0 ** ((code >> 3) - 10) for code in range(127)]


VALUES = e4m3_values()
MIDDLES = [(a + b) / 2 for a, b in zip(VALUES, VALUES[1:])]


def encode(value: float) -> int:
    """The nearest e4m3 code, the even one of two that are equally near; what is too large becomes 448."""
    size = abs(value)
    code = bisect_left(MIDDLES, size)
    if code < len(MIDDLES) and size == MIDDLES[code] and code % 2:
        code += 1
    return code | (128 if math.copysign(1, value) < 0 else 0)


def decode(code: int) -> float:
    """The value of a code."""
    return -VALUES[code - 128] if code >= 128 else VALUES[code]


def bf16_values(content: bytes) -> array:
    """BF16 numbers as floats: they are the upper halves of float32."""
    halves = array("H", content)
    return array("f", array("I", [half << 16 for half in halves]).tobytes())


def quantised(shape: list[int], values: array) -> tuple[bytes, list[int], array]:
    """Codes of a matrix [rows, columns], and the shape and content of its blocks' scales."""
    rows, columns = shape
    codes, scales = bytearray(rows * columns), array("f")
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            right = min(left + BLOCK, columns)
            spans = [(row * columns + left, row * columns + right) for row in range(top, min(top + BLOCK, rows))]
            largest = max(max(map(abs, values[a:b])) for a, b in spans)
            scale = array("f", [largest / VALUES[-1] or 1.0])[0]
            scales.append(scale)
            for a, b in spans:
                codes[a:b] = bytes(encode(v / scale) for v in values[a:b])
    return bytes(codes), [-(-rows // BLOCK), -(-columns // BLOCK)], scales


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    start = 8 + length
    return {name: (t["dtype"], t["shape"], data[start + t["data_offsets"][0] : start + t["data_offsets"][1]]) for name, t in header.items()}


def write_safetensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """One file: the header's length, the header, the tensors in its order."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(content for _, _, content in tensors.values()))


def is_quantised(name: str) -> bool:
    """Whether the published checkpoints hold this tensor in 8 bits."""
    return name.endswith("_proj.weight") and (".self_attn." in name or ".mlp." in name)


def convert(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, matrices of attention and experts in 8 bits with their scales."""
    out: dict[str, Tensor] = {}
    for name, (dtype, shape, content) in tensors.items():
        if not is_quantised(name):
            out[name] = (dtype, shape, content)
            continue
        codes, blocks, scales = quantised(shape, bf16_values(content))
        out[name] = ("F8_E4M3", shape, codes)
        out[name + "_scale_inv"] = ("F32", blocks, scales.tobytes())
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=HERE / "hf")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(args.source / name, args.out / name)
    config = json.loads((args.source / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [BLOCK, BLOCK]}
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(args.out / "model.safetensors", convert(read_safetensors(args.source / "model.safetensors")))
    print(f"{args.out}: {sum(f.stat().st_size for f in args.out.iterdir())} bytes")


if __name__ == "__main__":
    main()
