"""Muon for matrices, AdamW for the rest, as one optimizer.

Muon (as used for Moonlight, arXiv 2502.16982): the momentum of a matrix is
orthogonalised by Newton-Schulz iterations and scaled to the size of AdamW's
updates, so that one learning rate serves both.
"""

from __future__ import annotations

from typing import Any, Iterable

import torch
from torch import Tensor

STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix: Tensor) -> Tensor:
    """matrix [..., m, n] with its singular values moved close to 1; computed in bfloat16."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = (x.transpose(-1, -2) if tall else x).reshape(-1, min(matrix.shape[-2:]), max(matrix.shape[-2:]))
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).bfloat16()
    for _ in range(STEPS):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = a * x + torch.bmm(b * gram + c * torch.bmm(gram, gram), x)
    x = x.view(*matrix.shape[:-2], *x.shape[-2:])
    return (x.transpose(-1, -2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Muon for its matrices; a stack of matrices [E, m, n] is as many."""

    def __init__(self, parameters: Iterable[Tensor], momentum: float = 0.95, weight_decay: float = 0.05) -> None:
        super().__init__(parameters, {"lr": 1e-3, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalised(parameter.grad.lerp(state["momentum"], group["momentum"]))
                scale = 0.2 * max(parameter.shape[-2:]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


class Optimizer:
    """Both kinds, stepped together. Embedding, head, router and norms are AdamW's."""

    def __init__(self, model: torch.nn.Module) -> None:
        named = list(model.named_parameters())
        matrices = [p for n, p in named if p.dim() >= 2 and not any(word in n for word in ("embed", "lm_head", "gate.weight"))]
        rest = [p for _, p in named if not any(p is m for m in matrices)]
        self.parts: list[torch.optim.Optimizer] = [Muon(matrices), torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.0, foreach=True)]

    def step(self, rate: float) -> None:
        """One update with the gradients at hand, which it then drops."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """The state of both."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Takes up such a state."""
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)
