"""Answers of many prompts at once, with a latent cache: the absorbed form of multi-head latent attention.

A cached row holds only the normed latent and the rotated key part, R + rope
numbers a token and layer. Prompts are padded on the left, which attention with
rotated keys does not notice, since it knows only distances.

Shapes: B answers, T new tokens, S cached ones, h heads, R latent rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model import Attention, Pocket, rotate
from tokenizer import EOS


class Cache:
    """Latent rows of every layer [B, limit, R + rope], and which of them are padding."""

    def __init__(self, model: Pocket, prompts: list[list[int]], limit: int) -> None:
        c = model.config
        width = max(map(len, prompts))
        device = model.lm_head.weight.device
        self.rows = [torch.zeros(len(prompts), width + limit, c.kv_lora_rank + c.qk_rope_head_dim, device=device) for _ in range(c.num_hidden_layers)]
        self.hidden = torch.zeros(len(prompts), width + limit, dtype=torch.bool, device=device)
        for row, prompt in enumerate(prompts):
            self.hidden[row, : width - len(prompt)] = True
        self.filled = 0

    def keep(self, rows: Tensor) -> None:
        """Drops all answers but these."""
        self.rows = [layer[rows] for layer in self.rows]
        self.hidden = self.hidden[rows]


def attend(attention: Attention, x: Tensor, rope: Tensor, rows: Tensor, at: int, mask: Tensor) -> Tensor:
    """Attention of x [B, T, H] over rows [B, S, R + rope], of which those from `at` on are written here; mask [B, 1, T, S]."""
    c = attention.config
    b, t, _ = x.shape
    h, nope, rank, end = c.num_attention_heads, c.qk_nope_head_dim, c.kv_lora_rank, at + x.shape[1]
    latent, key_rope = attention.kv_a_proj_with_mqa(x).split([rank, c.qk_rope_head_dim], dim=-1)
    rows[:, at:end] = torch.cat([attention.kv_a_layernorm(latent), rotate(key_rope[:, :, None, :], rope)[:, :, 0]], dim=-1)
    up = attention.kv_b_proj.weight.view(h, nope + c.v_head_dim, rank)
    q = attention.q_proj(x).view(b, t, h, nope + c.qk_rope_head_dim)
    into_latent = torch.einsum("bthn,hnr->bthr", q[..., :nope], up[:, :nope])
    q = torch.cat([into_latent, rotate(q[..., nope:], rope)], dim=-1).view(b, t * h, -1) * (nope + c.qk_rope_head_dim) ** -0.5
    past = rows[:, :end]
    scores = torch.bmm(q, past.transpose(1, 2)).view(b, t, h, end) + mask[:, :, None]
    mixed = torch.bmm(scores.softmax(-1).view(b, t * h, end), past[..., :rank]).view(b, t, h, rank)
    values = torch.einsum("bthr,hvr->bthv", mixed, up[:, nope:])
    return attention.o_proj(values.reshape(b, t, h * c.v_head_dim))


def advance(model: Pocket, tokens: Tensor, cache: Cache) -> Tensor:
    """tokens [B, T] after what is cached -> logits of what follows the last [B, V]."""
    at, t = cache.filled, tokens.shape[1]
    end = at + t
    mask = model.mask[at:end, :end] + torch.zeros(len(tokens), 1, end, device=tokens.device).masked_fill(cache.hidden[:, None, :end], -1e30)
    x = model.model.embed_tokens(tokens)
    for layer, rows in zip(model.model.layers, cache.rows):
        x = x + attend(layer.self_attn, layer.input_layernorm(x), model.rope[:, at:end], rows, at, mask)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    cache.filled = end
    return model.lm_head(model.model.norm(x[:, -1]))


@dataclass
class Written:
    """What follows a prompt: its tokens, the end-of-sequence token included if it came to that."""

    tokens: list[int]
    ended: bool


def choose(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> Tensor:
    """One token for each row of logits [B, V]; temperature 0 takes the best."""
    if temperature == 0:
        return logits.argmax(-1)
    probability = (logits / temperature).softmax(-1)
    if top_p < 1:
        ordered, index = probability.sort(dim=-1, descending=True)
        ordered[ordered.cumsum(-1) - ordered > top_p] = 0
        probability = torch.zeros_like(probability).scatter(1, index, ordered)
    return torch.multinomial(probability, 1, generator=generator)[:, 0]


@torch.no_grad()
def generate(model: Pocket, prompts: list[list[int]], limit: int, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0) -> list[Written]:
    """Continues every prompt until its end or for `limit` tokens. Answers that have ended leave the batch."""
    device = model.lm_head.weight.device
    generator = torch.Generator(device=device).manual_seed(seed)
    cache = Cache(model, prompts, limit)
    width = max(map(len, prompts))
    fed = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=device)
    written = [Written([], False) for _ in prompts]
    running = list(range(len(prompts)))
    for _ in range(limit):
        chosen = choose(advance(model, fed, cache), temperature, top_p, generator)
        for row, token in zip(running, chosen.tolist()):
            if not written[row].ended:
                written[row].tokens.append(token)
                written[row].ended = token == EOS
        going = [i for i, row in enumerate(running) if not written[row].ended]
        if not going:
            break
        if len(going) < 0.8 * len(running):  # copying the cache for every one that ends would cost more than it saves
            keep = torch.tensor(going, device=device)
            cache.keep(keep)
            chosen = chosen[keep]
            running = [running[i] for i in going]
        fed = chosen[:, None]
    return written
