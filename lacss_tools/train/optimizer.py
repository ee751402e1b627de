"""The optimizers: Muon for the convolutions inside the network, AdamW for all other parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.train.settings import TrainSettings

NARROWEST = 16
"""convolutions of fewer channels, in or out, are first or last layers: AdamW learns them"""
ROUNDS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""of the odd polynomial a x + b x^3 + c x^5, which sends singular values from 0 to 1 near 1 in a few rounds"""
MATCH_ADAM = 0.2
"""root mean square of an update per unit of learning rate, about that of Adam"""


def optimizers(model: nn.Module, settings: TrainSettings, device: torch.device) -> tuple[torch.optim.Optimizer, ...]:
    """Return the optimizers that learn all parameters of `model` between them.

    Each group carries a `factor`: its learning rate is that of the training times this.
    """
    inner = [p for p in model.parameters() if p.ndim == 4 and min(p.shape[:2]) >= NARROWEST]
    matrices = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in matrices]
    adam = torch.optim.AdamW(
        [{"params": rest, "factor": 1.0}], lr=settings.learning_rate, weight_decay=settings.weight_decay,
        betas=(0.9, 0.99), fused=True if device.type == "cuda" else None,
    )  # fmt: skip
    if not inner:
        return (adam,)
    groups = [{"params": inner, "factor": settings.muon}]
    return adam, Muon(groups, lr=settings.learning_rate * settings.muon, weight_decay=settings.muon_decay)


def orthogonalise(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """Return the matrix with its singular values moved near 1 (0.7 to 1.2), by five rounds of a polynomial.

    Newton-Schulz iteration of Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    near: Tensor = x.T if tall else x
    return near


class Muon(torch.optim.Optimizer):
    """Steps along the orthogonalised momentum of each weight, taken as a matrix (output channels by all others).

    W <- (1 - lr decay) W - lr 0.2 sqrt(max(m, n)) O(g + mu (M - g)),  M <- mu M + (1 - mu) g,  with O near the closest
    orthogonal matrix: all directions of a layer learn equally fast. Jordan et al. 2024; the factor, which lets the
    learning rates of Adam serve, and the decay from Liu et al., "Muon is scalable for LLM training" (2025).
    """

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.0, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step by the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    self._move(weight, weight.grad, group["lr"], group["momentum"])

    def _move(self, weight: Tensor, gradient: Tensor, rate: float, keep: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - keep)
        ahead = torch.lerp(gradient, momentum, keep).flatten(1)
        size = MATCH_ADAM * max(ahead.shape) ** 0.5
        weight.add_(orthogonalise(ahead).view_as(weight), alpha=-rate * size)
