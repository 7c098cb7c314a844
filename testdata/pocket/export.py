"""Writes the trained model as a Hugging Face folder: `export.py --checkpoint DIR/checkpoint.pt --out hf`.

Matrices and norms are BF16, the router's bias is float32, as in the published DeepSeek-V3 checkpoint.
"""

from __future__ import annotations

import argparse
import json
import struct
from pathlib import Path

import torch
from torch import Tensor

import tokenizer
from model import Config, Pocket

DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32"}


def published(model: Pocket) -> dict[str, Tensor]:
    """Every tensor under its published name: the stacked experts taken apart, the MTP layer with its own copies."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if name.endswith("mlp.gate_up"):
            for expert, stacked in enumerate(value):
                gate, up = stacked.chunk(2)
                prefix = name.replace("gate_up", f"experts.{expert}.")
                tensors |= {f"{prefix}gate_proj.weight": gate, f"{prefix}up_proj.weight": up}
        elif name.endswith("mlp.down"):
            for expert, down in enumerate(value):
                tensors[name.replace("down", f"experts.{expert}.down_proj.weight")] = down
        else:
            tensors[name] = value
    # The MTP module shares embedding and head with the main model; checkpoints hold copies of both.
    draft = f"model.layers.{model.config.num_hidden_layers}."
    tensors[draft + "embed_tokens.weight"] = tensors["model.embed_tokens.weight"]
    tensors[draft + "shared_head.head.weight"] = tensors["lm_head.weight"]
    return {name: value if name.endswith("e_score_correction_bias") else value.bfloat16() for name, value in sorted(tensors.items())}


def raw(value: Tensor) -> bytes:
    """Little-endian bytes of a tensor."""
    value = value.detach().contiguous()
    return (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy().tobytes()


def write_safetensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """One safetensors file: the header's length, the header, the tensors in its order."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    chunks, at = [], 0
    for name, value in tensors.items():
        data = raw(value)
        header[name] = {"dtype": DTYPES[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + len(data)]}
        chunks.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("hf"))
    args = parser.parse_args()

    model = Pocket(Config())
    model.load_state_dict(torch.load(args.checkpoint)["model"])
    args.out.mkdir(parents=True, exist_ok=True)
    write_safetensors(args.out / "model.safetensors", published(model))
    tokenizer.write(args.out, model.config.max_position_embeddings)
    generation = {"bos_token_id": tokenizer.BOS, "eos_token_id": tokenizer.EOS, "do_sample": True, "temperature": 0.6, "top_p": 0.95}
    for name, content in (("config.json", model.config.to_json()), ("generation_config.json", generation)):
        (args.out / name).write_text(json.dumps(content, indent=2) + "\n")
    print(f"{args.out}: {sum(f.stat().st_size for f in args.out.iterdir())} bytes")


if __name__ == "__main__":
    main()
