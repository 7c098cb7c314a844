"""The engine's 8- and 4-bit numbers in PyTorch: a model whose weights went through them and back.

Blocks of 32 along a row share a float16 scale. q8 holds every matrix so; q4
holds those of attention and experts in 4 bits, embedding and head in 8. Norms and
router stay float32.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from model import Pocket, rounded_to_bf16

BLOCK = 32


def blocks_of(matrix: Tensor) -> Tensor:
    """matrix [..., K] -> [..., ceil(K/32), 32], the last block filled up with zeros."""
    return F.pad(matrix, (0, -matrix.shape[-1] % BLOCK)).unflatten(-1, (-1, BLOCK))


def q8(matrix: Tensor) -> Tensor:
    """The matrix [..., K] after 8 bits: whole multiples, up to 127, of amax / 127."""
    block = blocks_of(matrix)
    scale = block.abs().amax(-1, keepdim=True) / 127
    whole = (block / scale.clamp(min=1e-30)).round()
    return (whole * scale.half().float()).flatten(-2)[..., : matrix.shape[-1]]


def q4(matrix: Tensor) -> Tensor:
    """The matrix [..., K] after 4 bits: whole multiples, -8 to 7, of the value of largest size over -8."""
    block = blocks_of(matrix)
    largest = block.gather(-1, block.abs().argmax(-1, keepdim=True))
    scale = largest / -8
    inverse = torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)
    whole = (block * inverse + 8.5).floor().clamp(max=15) - 8
    return (whole * scale.half().float()).flatten(-2)[..., : matrix.shape[-1]]


@torch.no_grad()
def round_weights(model: Pocket, bits: int) -> None:
    """Sends every matrix through 8 or 4 bits and back, in place."""
    c = model.config
    rounded = {8: q8, 4: q4}[bits]
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2 or name.endswith("mlp.gate.weight"):
            continue
        if "embed_tokens" in name or "lm_head" in name:
            parameter.copy_(q8(parameter))
        elif name.endswith("kv_b_proj.weight"):  # the engine keeps the keys' part transposed, head by head
            heads = parameter.view(c.num_attention_heads, -1, c.kv_lora_rank)
            keys, values = heads[:, : c.qk_nope_head_dim], heads[:, c.qk_nope_head_dim :]
            parameter.copy_(torch.cat([rounded(keys.transpose(1, 2)).transpose(1, 2), rounded(values)], dim=1).view_as(parameter))
        else:
            parameter.copy_(rounded(parameter))


def quantised(model: Pocket, bits: int) -> Pocket:
    """A BF16-rounded copy whose matrices went through 8 or 4 bits."""
    copy = rounded_to_bf16(model)
    round_weights(copy, bits)
    return copy


@contextmanager
def four_bits(model: Pocket, enabled: bool = True) -> Iterator[None]:
    """Within, the model works with 4-bit weights. Gradients taken there, applied to the real ones after, teach it to bear them."""
    if not enabled:
        yield
        return
    kept = [parameter.detach().clone() for parameter in model.parameters()]
    round_weights(model, 4)
    yield
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), kept):
            parameter.copy_(value)
