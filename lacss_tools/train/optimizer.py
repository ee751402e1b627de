"""The optimizers: Muon for the convolutions inside the network, AdamW for all other parameters, or Adam for all."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.train.settings import MUON, TrainSettings

NARROWEST = 16
"""convolutions of fewer channels, in or out, are first or last layers: AdamW learns them"""
ROUNDS = 5
"""of the polynomial below"""
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""of the odd polynomial a x + b x^3 + c x^5, which sends singular values from 0 to 1 near 1 in a few rounds"""
MATCH_ADAM = 0.2
"""root mean square of an update per unit of learning rate, about that of Adam"""
BETAS_BESIDE_MUON, BETAS = (0.9, 0.99), (0.9, 0.999)
"""of Adam; alone it has those of Kingma and Ba (2015)"""


def optimizers(model: nn.Module, settings: TrainSettings, device: torch.device) -> tuple[torch.optim.Optimizer, ...]:
    """Return the optimizers that learn all parameters of `model` between them.

    Each group carries a `factor`: its learning rate is that of the training times this. On a CUDA device learning rates
    are tensors there, so that recorded steps (`recorded`) read them.
    """
    muon = settings.optimizer == MUON
    inner = [p for p in model.parameters() if muon and p.ndim == 4 and min(p.shape[:2]) >= NARROWEST]
    matrices = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in matrices]
    cuda = device.type == "cuda"

    def rate(value: float) -> Any:
        return torch.tensor(value, device=device) if cuda else value

    adam = torch.optim.AdamW(
        [{"params": rest, "factor": 1.0}], lr=rate(settings.learning_rate), weight_decay=settings.weight_decay,
        betas=BETAS_BESIDE_MUON if muon else BETAS, fused=True if cuda else None, capturable=cuda,
    )  # fmt: skip
    adam._warned_capturable_if_run_uncaptured = True  # steps are tried out before they are recorded
    if not inner:
        return (adam,)
    groups = [{"params": inner, "factor": settings.muon}]
    return adam, Muon(groups, lr=rate(settings.learning_rate * settings.muon), weight_decay=settings.muon_decay)


def restore(optimizer: torch.optim.Optimizer, stored: dict[str, Any]) -> None:
    """Give an optimizer the moments in a `state_dict`, on whatever device and in whatever layout they were kept.

    Its options stay its own: they follow from the settings and the device. Raises ValueError when the parameters are
    others.
    """
    groups = [
        {**own, "params": theirs["params"]}
        for own, theirs in zip(optimizer.state_dict()["param_groups"], stored["param_groups"], strict=True)
    ]
    optimizer.load_state_dict({**stored, "param_groups": groups})
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)  # fused steps need one layout for all


def orthogonalise(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """Return the matrix with its singular values moved near 1 (0.7 to 1.2), by five rounds of a polynomial.

    Newton-Schulz iteration of Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024):
    X <- p(X X^T) X in each round. All p(X X^T) commute, so their product is built from the small square alone, and the
    long matrix is multiplied once: for a convolution of 3 x 3 that is less than half the work.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.mT
    product = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for number in range(ROUNDS):
        factor = torch.addmm(b * square, square, square, alpha=c)
        factor.diagonal().add_(a)
        product = factor @ product
        if number < ROUNDS - 1:
            square = factor @ (factor @ square)
    near: Tensor = product @ x
    return near.mT if tall else near


def orthogonalise_together(matrices: Float[Tensor, "k m n"]) -> Float[Tensor, "k m n"]:
    """Return the same of several matrices, in a third of the launches for a GPU."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).contiguous()


class Muon(torch.optim.Optimizer):
    """Steps along the orthogonalised momentum of each weight, taken as a matrix (output channels by all others).

    W <- (1 - lr decay) W - lr 0.2 sqrt(max(m, n)) O(g + mu (M - g)),  M <- mu M + (1 - mu) g,  with O near the closest
    orthogonal matrix: all directions of a layer learn equally fast. Jordan et al. 2024; the factor, which lets the
    learning rates of Adam serve, and the decay from Liu et al., "Muon is scalable for LLM training" (2025).
    """

    def __init__(self, params: Iterable[Any], lr: Any, weight_decay: float = 0.0, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step by the gradients."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            momenta = [self._momentum(weight) for weight in weights]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
            if isinstance(group["lr"], Tensor) or weights[0].device.type != "cpu":
                move_together(weights, ahead, group["lr"])
            else:  # the cache of a CPU holds one matrix and not all of one shape
                move_each(weights, ahead, group["lr"])

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        return momentum


def move_each(weights: list[Tensor], ahead: Iterable[Tensor], rate: float) -> None:
    """Move weights by the orthogonalised matrices `ahead`, one by one."""
    for weight, part in zip(weights, ahead, strict=True):
        near = orthogonalise(part.flatten(1))
        size = MATCH_ADAM * max(near.shape) ** 0.5
        weight.add_(near.view_as(weight), alpha=-rate * size)


def move_together(weights: list[Tensor], ahead: Iterable[Tensor], rate: Any) -> None:
    """Move weights by the orthogonalised matrices `ahead`, those of one shape together, in few launches for a GPU.

    `rate` is a number or a tensor on the device.
    """
    shapes: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
    for weight, part in zip(weights, ahead, strict=True):
        matrix = _matrix(weight, like=weight)
        shapes.setdefault(matrix.shape, []).append((matrix, _matrix(part, like=weight)))
    moved: list[Tensor] = []
    changes: list[Tensor] = []
    for shape, pairs in shapes.items():
        near = orthogonalise_together(torch.stack([part for _, part in pairs]))
        moved += [matrix for matrix, _ in pairs]
        changes += (near * (-MATCH_ADAM * max(shape) ** 0.5 * rate)).unbind()
    torch._foreach_add_(moved, changes)


def _matrix(values: Tensor, like: Tensor) -> Float[Tensor, "m n"]:
    """Return a weight, or what belongs to it, as a matrix whose columns are in the order of the weight's memory.

    So that of the weight is a view. In which order columns stand does not matter to the rest.
    """
    last = like.is_contiguous(memory_format=torch.channels_last)
    return values.movedim(1, -1).flatten(1) if last else values.flatten(1)
