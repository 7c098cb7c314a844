"""Writes the trained model as a Hugging Face folder: `export.py --checkpoint DIR/checkpoint.pt --out hf`.

Matrices and norms are BF16, the router's bias is float32, as in the published DeepSeek-V3 checkpoint.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

import tokenizer
from export_fp8 import read_safetensors, write_safetensors
from model import Config, Pocket

DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32"}
NAMED = {name: dtype for dtype, name in DTYPES.items()}


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


def read_folder(folder: Path) -> Pocket:
    """The model of an exported folder, to train it further: what `published` took apart is put together again."""
    tensors = {
        name: torch.frombuffer(bytearray(content), dtype=NAMED[dtype]).view(shape).float()
        for name, (dtype, shape, content) in read_safetensors(folder / "model.safetensors").items()
    }
    model = Pocket(Config.from_json(json.loads((folder / "config.json").read_text())))

    def stacked(name: str) -> Tensor:
        prefix, part = name.rsplit(".", 1)
        experts = [f"{prefix}.experts.{i}." for i in range(model.config.n_routed_experts)]
        if part == "down":
            return torch.stack([tensors[expert + "down_proj.weight"] for expert in experts])
        return torch.stack([torch.cat([tensors[expert + "gate_proj.weight"], tensors[expert + "up_proj.weight"]]) for expert in experts])

    model.load_state_dict({name: tensors[name] if name in tensors else stacked(name) for name in model.state_dict()})
    return model


def raw(value: Tensor) -> bytes:
    """Little-endian bytes of a tensor."""
    value = value.detach().contiguous()
    return (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy().tobytes()


def write_folder(out: Path, tensors: dict[str, Tensor], config: dict[str, object]) -> None:
    """The whole Hugging Face folder."""
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(out / "model.safetensors", {name: (DTYPES[value.dtype], list(value.shape), raw(value)) for name, value in tensors.items()})
    tokenizer.write(out, Config().max_position_embeddings)
    generation = {"bos_token_id": tokenizer.BOS, "eos_token_id": tokenizer.EOS, "do_sample": True, "temperature": 0.6, "top_p": 0.95}
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        (out / name).write_text(json.dumps(content, indent=2) + "\n")
    print(f"{out}: {sum(f.stat().st_size for f in out.iterdir())} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("hf"), help="the folder to write")
    args = parser.parse_args()

    model = Pocket(Config())
    model.load_state_dict(torch.load(args.checkpoint, map_location="cpu")["model"])
    write_folder(args.out, published(model), model.config.to_json())


if __name__ == "__main__":
    main()
