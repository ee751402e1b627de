"""The optimizers of a training: Muon for the convolutions inside the network, AdamW for all other parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.train.recorded import Recorded
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


def orthogonalise(matrix: Float[Tensor, "*batch m n"]) -> Float[Tensor, "*batch m n"]:
    """Return the matrices with their singular values moved near 1 (0.7 to 1.2), by five rounds of a polynomial.

    Newton-Schulz iteration of Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    near: Tensor = x.mT if tall else x
    return near


def orthogonalise_all(matrices: list[Tensor]) -> list[Tensor]:
    """Return each matrix orthogonalised; those of one shape together, in few launches for a GPU."""
    shapes: dict[torch.Size, list[int]] = {}
    for k, matrix in enumerate(matrices):
        shapes.setdefault(matrix.shape, []).append(k)
    near = list(matrices)
    for chosen in shapes.values():
        for k, result in zip(chosen, orthogonalise(torch.stack([matrices[k] for k in chosen])), strict=True):
            near[k] = result
    return near


class Muon(torch.optim.Optimizer):
    """Steps along the orthogonalised momentum of each weight, taken as a matrix (output channels by all others).

    W <- (1 - lr decay) W - lr 0.2 sqrt(max(m, n)) O(g + mu (M - g)),  M <- mu M + (1 - mu) g,  with O near the closest
    orthogonal matrix: all directions of a layer learn equally fast. Jordan et al. 2024; the factor, which lets the
    learning rates of Adam serve, and the decay from Liu et al., "Muon is scalable for LLM training" (2025).
    """

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.0, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.recorded: dict[tuple[int, int], Recorded] = {}
        """by group, and number of weights that have a gradient"""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step by the gradients."""
        for number, group in enumerate(self.param_groups):
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            momenta = [self._momentum(weight) for weight in weights]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            ahead = [part.flatten(1) for part in torch._foreach_lerp(gradients, momenta, group["momentum"])]
            for weight, near in zip(weights, self._orthogonal(ahead, number), strict=True):
                size = MATCH_ADAM * max(near.shape) ** 0.5
                weight.add_(near.view_as(weight), alpha=-group["lr"] * size)

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        return momentum

    def _orthogonal(self, matrices: list[Tensor], group: int) -> list[Tensor]:
        if matrices[0].device.type == "cpu":  # whose cache holds one matrix and not all of one shape
            return [orthogonalise(matrix) for matrix in matrices]
        if matrices[0].device.type != "cuda":
            return orthogonalise_all(matrices)
        function = self.recorded.setdefault((group, len(matrices)), Recorded(orthogonalise_all))
        return function(matrices)
