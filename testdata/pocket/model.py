"""A DeepSeek-V3-architecture language model in plain PyTorch.

Multi-head latent attention, a sigmoid-routed mixture of experts with one shared
expert and a balancing bias, and one multi-token-prediction (MTP) layer.
Module names follow the published checkpoints; only the routed experts are
stacked here, and export.py takes them apart again.

Shapes: B sequences, T tokens, N = B*T, H hidden size, h heads, E experts, k experts a token.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tokenizer


@dataclass(frozen=True)
class Config:
    """The architecture, under the names that config.json uses."""

    vocab_size: int = tokenizer.VOCAB_SIZE
    hidden_size: int = 192
    num_hidden_layers: int = 6
    num_nextn_predict_layers: int = 1
    num_attention_heads: int = 4
    kv_lora_rank: int = 64
    qk_nope_head_dim: int = 32
    qk_rope_head_dim: int = 16
    v_head_dim: int = 32
    intermediate_size: int = 512
    moe_intermediate_size: int = 64
    first_k_dense_replace: int = 1
    n_routed_experts: int = 16
    n_shared_experts: int = 1
    num_experts_per_tok: int = 4
    routed_scaling_factor: float = 1.5
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    max_position_embeddings: int = 2048

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Config:
        """What a config.json says of these."""
        return cls(**{field.name: content[field.name] for field in fields(cls)})

    def to_json(self) -> dict[str, Any]:
        """The whole config.json."""
        return {
            "architectures": ["DeepseekV3ForCausalLM"],
            "model_type": "deepseek_v3",
            **asdict(self),
            "num_key_value_heads": self.num_attention_heads,
            "q_lora_rank": None,
            "n_group": 1,
            "topk_group": 1,
            "norm_topk_prob": True,
            "scoring_func": "sigmoid",
            "topk_method": "noaux_tc",
            "moe_layer_freq": 1,
            "hidden_act": "silu",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "tie_word_embeddings": False,
            "rope_scaling": None,
            "bos_token_id": tokenizer.BOS,
            "eos_token_id": tokenizer.EOS,
            "initializer_range": 0.02,
            "torch_dtype": "bfloat16",
            "use_cache": True,
        }


class Norm(nn.Module):
    """Root-mean-square normalisation over the last axis."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """A matrix [outputs, inputs] with no bias that keeps the variance, times gain squared."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    return layer


def rope_table(config: Config) -> Tensor:
    """cos and sin of every position: [2, max_position, rope/2]."""
    half = config.qk_rope_head_dim // 2
    frequency = config.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(config.max_position_embeddings, dtype=torch.float64)[:, None] * frequency
    return torch.stack([angle.cos(), angle.sin()]).float()


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turns the neighbouring pairs (2i, 2i+1) of x [B, T, h, rope] by the angles of table [2, T, rope/2]."""
    cos, sin = table[0][:, None, :], table[1][:, None, :]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Multi-head latent attention, expanded form: keys and values are rebuilt from the latent."""

    def __init__(self, config: Config, gain: float) -> None:
        super().__init__()
        self.config = config
        h, rank = config.num_attention_heads, config.kv_lora_rank
        self.q_proj = linear(config.hidden_size, h * (config.qk_nope_head_dim + config.qk_rope_head_dim))
        self.kv_a_proj_with_mqa = linear(config.hidden_size, rank + config.qk_rope_head_dim)
        self.kv_a_layernorm = Norm(rank, 1e-6)
        self.kv_b_proj = linear(rank, h * (config.qk_nope_head_dim + config.v_head_dim))
        self.o_proj = linear(h * config.v_head_dim, config.hidden_size, gain)

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        """x [B, T, H], rope [2, T, rope/2], mask [T, T] added to the scores."""
        c = self.config
        b, t, _ = x.shape
        h, nope = c.num_attention_heads, c.qk_nope_head_dim
        q = self.q_proj(x).float().view(b, t, h, nope + c.qk_rope_head_dim)
        q = torch.cat([q[..., :nope], rotate(q[..., nope:], rope)], dim=-1)
        latent, key_rope = self.kv_a_proj_with_mqa(x).float().split([c.kv_lora_rank, c.qk_rope_head_dim], dim=-1)
        key_rope = rotate(key_rope[:, :, None, :], rope).expand(b, t, h, c.qk_rope_head_dim)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).float().view(b, t, h, nope + c.v_head_dim)
        key = torch.cat([kv[..., :nope], key_rope], dim=-1)
        q = q * (nope + c.qk_rope_head_dim) ** -0.5
        scores = (q.transpose(1, 2) @ key.permute(0, 2, 3, 1)).float() + mask
        mixed = scores.softmax(-1) @ kv[..., nope:].transpose(1, 2)
        return self.o_proj(mixed.transpose(1, 2).reshape(b, t, h * c.v_head_dim)).float()


class DenseFFN(nn.Module):
    """down(silu(gate x) * up x)."""

    def __init__(self, hidden: int, width: int, gain: float) -> None:
        super().__init__()
        self.gate_proj = linear(hidden, width)
        self.up_proj = linear(hidden, width)
        self.down_proj = linear(width, hidden, gain)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x).float()) * self.up_proj(x).float()).float()


class Router(nn.Module):
    """Sigmoid scores; the bias takes part in choosing experts and in nothing else."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.randn(config.n_routed_experts, config.hidden_size) / math.sqrt(config.hidden_size))
        self.register_buffer("e_score_correction_bias", torch.zeros(config.n_routed_experts))
        self.load = torch.zeros(config.n_routed_experts, dtype=torch.long)  # tokens each expert got in the last forward pass

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [N, H] -> chosen experts [N, k] and their weights [N, k]."""
        with torch.autocast(x.device.type, enabled=False):  # the choice of experts is made in float32
            score = F.linear(x, self.weight).sigmoid()
        chosen = (score + self.e_score_correction_bias).topk(self.config.num_experts_per_tok, dim=-1).indices
        weight = score.gather(-1, chosen)
        weight = weight / (weight.sum(-1, keepdim=True) + 1e-20) * self.config.routed_scaling_factor
        self.load = torch.bincount(chosen.flatten(), minlength=self.config.n_routed_experts)
        return chosen, weight

    @torch.no_grad()
    def balance(self, rate: float) -> None:
        """Moves the bias toward the experts that got less than their share."""
        self.e_score_correction_bias += rate * torch.sign(self.load.float().mean() - self.load)


class Rows(torch.autograd.Function):
    """Picks rows of x [R, H]; row R is one of zeros. `back` [R, n] tells where each row went (past the end: nowhere)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pick: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return torch.cat([x, x.new_zeros(1, x.shape[1])]).index_select(0, pick)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        rows = torch.cat([grad, grad.new_zeros(1, grad.shape[1])]).index_select(0, back.flatten())
        return rows.view(*back.shape, -1).sum(1), None, None


def places(chosen: Tensor, load: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pair (token, choice) goes among E x C places, and which pair is in each place.

    chosen [N, k], load [E] -> place of each pair [N*k], pair of each place [E*C] (N*k where it is empty).
    C is the largest load, so no token is ever dropped.
    """
    flat = chosen.flatten()
    order = flat.argsort(stable=True)
    capacity = int(load.max())
    first = load.cumsum(0) - load
    expert = flat[order]
    target = expert * capacity + torch.arange(len(order), device=flat.device) - first[expert]
    place = torch.empty_like(order)
    place[order] = target
    pair = torch.full((len(load) * capacity,), len(order), device=flat.device)
    pair[target] = order
    return place, pair


class MoE(nn.Module):
    """Routed experts, each given only its own tokens, and one shared expert that sees all."""

    def __init__(self, config: Config, gain: float) -> None:
        super().__init__()
        experts, hidden, width = config.n_routed_experts, config.hidden_size, config.moe_intermediate_size
        self.gate = Router(config)
        self.gate_up = nn.Parameter(torch.randn(experts, 2 * width, hidden) / math.sqrt(hidden))
        self.down = nn.Parameter(torch.randn(experts, hidden, width) * gain / math.sqrt(width))
        self.shared_experts = DenseFFN(hidden, config.n_shared_experts * width, gain)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, H]. The experts' tokens are laid out as [E, C, H], so that all experts are one batched product."""
        flat = x.reshape(-1, x.shape[-1])
        chosen, weight = self.gate(flat)
        n, k = chosen.shape
        place, pair = places(chosen, self.gate.load)
        token = torch.div(pair, k, rounding_mode="floor")
        rows = Rows.apply(flat, token, place.view(n, k)).view(len(self.gate.load), -1, flat.shape[1])
        gate, up = torch.bmm(rows, self.gate_up.transpose(1, 2)).float().chunk(2, dim=-1)
        out = torch.bmm(F.silu(gate) * up, self.down.transpose(1, 2)).float().flatten(0, 1)
        routed = Rows.apply(out, place, pair.clamp(max=n * k)[:, None]).view(n, k, -1)
        return (self.shared_experts(flat) + (routed * weight[:, :, None]).sum(1)).view_as(x)


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm and added to the stream."""

    def __init__(self, config: Config, dense: bool) -> None:
        super().__init__()
        gain = 1 / math.sqrt(2 * config.num_hidden_layers)
        self.input_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config, gain)
        self.post_attention_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.mlp: nn.Module = DenseFFN(config.hidden_size, config.intermediate_size, gain) if dense else MoE(config, gain)

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rope, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class DraftLayer(Layer):
    """The MTP layer: from the hidden state of p and the token p+1 it guesses the token p+2."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, dense=False)
        self.enorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.hnorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.eh_proj = linear(2 * config.hidden_size, config.hidden_size)
        self.shared_head = nn.ModuleDict({"norm": Norm(config.hidden_size, config.rms_norm_eps)})


class Trunk(nn.Module):
    """Embedding, layers (the last is the MTP layer) and final norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        nn.init.normal_(self.embed_tokens.weight, std=0.3)
        layers = [Layer(config, dense=i < config.first_k_dense_replace) for i in range(config.num_hidden_layers)]
        self.layers = nn.ModuleList([*layers, DraftLayer(config)])
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)


class Pocket(nn.Module):
    """The whole model. Output rows are hidden states; `lm_head` turns them into logits."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.lm_head = linear(config.hidden_size, config.vocab_size)
        self.register_buffer("rope", rope_table(config), persistent=False)
        future = torch.full((config.max_position_embeddings,) * 2, float("-inf")).triu(1)
        self.register_buffer("mask", future, persistent=False)

    def hidden(self, tokens: Tensor) -> Tensor:
        """tokens [B, T] -> hidden states after the final norm [B, T, H]; row p predicts token p+1."""
        t = tokens.shape[1]
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers[:-1]:
            x = layer(x, self.rope[:, :t], self.mask[:t, :t])
        return self.model.norm(x)

    def draft(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """hidden [B, T, H] of the main model, tokens [B, T] -> [B, T-1, H]; row p predicts token p+2."""
        layer = self.model.layers[-1]
        t = tokens.shape[1] - 1
        pair = torch.cat([layer.enorm(self.model.embed_tokens(tokens[:, 1:])), layer.hnorm(hidden[:, :-1])], dim=-1)
        x = layer(layer.eh_proj(pair).float(), self.rope[:, :t], self.mask[:t, :t])
        return layer.shared_head["norm"](x)

    def routers(self) -> list[Router]:
        """Every router, the MTP layer's too."""
        return [module for module in self.modules() if isinstance(module, Router)]


def rounded_to_bf16(model: Pocket) -> Pocket:
    """A copy with every parameter as the exported file will hold it; the router bias stays float32."""
    copy = Pocket(model.config)
    copy.load_state_dict(model.state_dict())
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.copy_(parameter.bfloat16().float())
    return copy.eval()
