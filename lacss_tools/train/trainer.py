"""The training loop: a generator that makes one step at a time and knows no files."""

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from lacss_tools.errors import LacssError
from lacss_tools.network.device import autocast, compiled, return_memory
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.train.crops import Batch, TrainingImage
from lacss_tools.train.distributed import ALONE, World
from lacss_tools.train.doubled import Pairs
from lacss_tools.train.objective import Losses, balance, balanced_losses, compute_losses, label_weight
from lacss_tools.train.optimizer import optimizers
from lacss_tools.train.recorded import Record, Recorder
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.supply import place, supply

CHECK_EVERY = 10
"""after so many steps it is checked whether their gradients were numbers, which makes a GPU wait"""
RETURN_EVERY = 50
"""after so many steps freed memory is given back to the system"""


@dataclass
class State:
    """All that changes while training; what a checkpoint must hold to continue exactly."""

    model: Lacss
    average: Lacss
    """running average of the weights; used for validation and kept as the result"""
    optimizers: tuple[torch.optim.Optimizer, ...]
    step: int = 0
    seconds: float = 0.0
    """time spent in earlier sessions of this run"""
    best: float = -1.0
    """best validation mAP so far"""
    stale: int = 0
    """validations since then"""
    validations: int = 0
    """how many there were so far, of those that the budget asks for"""
    validated: int = -1
    """step of the last validation"""
    doubled: list[Pairs] | None = None
    """of each image the pairs of LOIs that count as one cell; None as long as it is not settled"""
    since: float = field(default_factory=time.monotonic)
    trained: bool = False
    """whether the first weights were trained before"""

    def elapsed(self) -> float:
        """Return the seconds of training so far, over all sessions."""
        return self.seconds + time.monotonic() - self.since

    def progress(self, settings: TrainSettings, world: World = ALONE) -> float:
        """Return the fraction of the training that is done, by time (of the first process) or by steps."""
        if settings.minutes is not None:
            return world.agree(self.elapsed() / (60 * settings.minutes))
        return self.step / settings.steps


@dataclass(frozen=True)
class StepReport:
    """One finished step: its number, the fraction of the training done and the loss terms."""

    step: int
    progress: float
    losses: dict[str, Tensor]
    norm: Tensor
    """of the gradient"""
    spoilt: tuple[int, ...] = ()
    """steps since the last check whose gradient was not a number and counts as 0"""

    def fine(self) -> bool:
        """Return whether the gradient is a number (waits for the device), and with it the weights."""
        return bool(torch.isfinite(self.norm))

    def numbers(self) -> dict[str, float]:
        """Return the losses that are numbers (waits for the device)."""
        values = {name: round(float(value.detach()), 5) for name, value in self.losses.items()}
        return {name: value for name, value in values.items() if math.isfinite(value)}


def start(model: Lacss, settings: TrainSettings, device: torch.device, trained: bool = False) -> State:
    """Return the state before the first step; `trained` says whether its weights were trained before."""
    import copy

    model = model.to(device).train()
    average = copy.deepcopy(model).eval().requires_grad_(False)
    return State(model, average, optimizers(model, settings, device), trained=trained)


def run_steps(
    state: State, images: list[TrainingImage], settings: TrainSettings, device: torch.device, world: World = ALONE,
    until: float = 1.0,
) -> Iterator[StepReport]:  # fmt: skip
    """Train until the budget is spent, or this fraction of it, yielding after each step.

    Raises LacssError when the loss stays not a number.

    A single gradient that is not a number counts as 0. Nothing here reads a value back from the device except
    every CHECK_EVERY steps, so a GPU never waits for the host.
    """
    make = stepper(state, settings, device, world)
    batches = supply(place(images, device), settings, state.step, device, world.rank, world.part)
    norms: deque[Tensor] = deque(maxlen=CHECK_EVERY)
    progress = state.progress(settings, world)
    # read once a step, at its end, so that the check of a step knows whether it is the last
    while progress < until:
        set_learning_rate(state, settings, progress)
        world.begin(state.model, state.step, progress)
        losses, norm = make(next(batches).to(device), progress)
        state.step += 1
        norms.append(norm)
        progress = min(1.0, state.progress(settings, world))
        due = state.step % CHECK_EVERY == 0 or progress >= until
        spoilt = spoilt_steps(state.step, norms, settings, ending=progress == 1) if due else ()
        if state.step % RETURN_EVERY == 0:
            return_memory(device)
        yield StepReport(state.step, progress, losses, norm, spoilt)


Step = Callable[[Batch, float], tuple[Losses, Tensor]]
"""from a batch and the part of the training that is done to the loss terms and the norm of the gradient"""


def stepper(state: State, settings: TrainSettings, device: torch.device, world: World = ALONE) -> Step:
    """Return what makes one step, in the fastest form that the device has."""
    plain = plain_stepper(state, settings, world)
    # what is recorded must not meet an exchange; deterministic sums look at their indices on the host
    alone = world.size == 1 and not torch.are_deterministic_algorithms_enabled()
    return (
        recorded_stepper(state, settings, plain) if device.type == "cuda" and alone and not settings.compile else plain
    )


def plain_stepper(state: State, settings: TrainSettings, world: World = ALONE) -> Step:
    """Return what makes one step as it is written."""
    network = compiled(state.model, settings.compile)

    def make(batch: Batch, progress: float) -> tuple[Losses, Tensor]:
        loss = partial(compute_losses, state.model, batch=batch, settings=settings, progress=progress)
        return make_step(
            state, settings, network, batch, loss, average_weight(settings, state.step, state.trained), world
        )

    return make


def recorded_stepper(state: State, settings: TrainSettings, plain: Step, record: Record | None = None) -> Step:
    """Return what makes one step by replaying what was recorded for so many LOIs and these loss terms."""
    record = record or Recorder(lambda: changing(state))
    names: dict[tuple[bool, bool], list[str]] = {}

    def make(batch: Batch, progress: float) -> tuple[Losses, Tensor]:
        if not len(batch.lois):  # rare, and the losses are others
            return plain(batch, progress)
        now, parts = balance(settings, progress), {k: part for k, part in vars(batch).items() if part is not None}
        kind = (now.labels, now.weak)

        def function(inputs: list[Tensor]) -> list[Tensor]:
            *tensors, weight, share = inputs
            own = replace(batch, **dict(zip(parts, tensors, strict=True)))
            loss = partial(balanced_losses, state.model, batch=own, settings=settings, now=replace(now, weight=weight))
            losses, norm = make_step(state, settings, state.model, own, loss, share, ALONE)
            names[kind] = list(losses)
            return [torch.stack(list(losses.values())), norm]

        numbers = (label_weight(settings, progress), average_weight(settings, state.step, state.trained))
        dials = [torch.full((), value, device=batch.image.device) for value in numbers]
        results = record((len(batch.lois), *kind), function, [*parts.values(), *dials])
        losses, norm = (result.clone() for result in results)  # the next step overwrites them
        return dict(zip(names[kind], losses.unbind(), strict=True)), norm

    return make


def make_step(
    state: State, settings: TrainSettings, network: Callable[[Tensor], Maps], batch: Batch,
    loss: Callable[[Maps], Losses], share: float | Tensor, world: World,
) -> tuple[Losses, Tensor]:  # fmt: skip
    """Change the weights and their average (by `share`) by one step; return the loss terms and the gradient's norm."""
    state.model.zero_grad(set_to_none=True)
    losses = add_gradients(network, batch, loss)
    world.average_gradients(state.model)
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    drop_gradients(state.model, ~torch.isfinite(norm))
    for optimizer in state.optimizers:
        optimizer.step()
    update_average(state, share)
    return losses, norm


def add_gradients(network: Callable[[Tensor], Maps], batch: Batch, loss: Callable[[Maps], Losses]) -> Losses:
    """Add to the gradients those of the loss on a batch, and return its terms."""
    with autocast(batch.image.device):
        losses = loss(network(batch.image))
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    return {name: value.detach() for name, value in losses.items()}


def drop_gradients(model: Lacss, when: Tensor) -> None:
    """Make all gradients 0 when that is true, which nobody reads back from the device."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.masked_fill_(when, 0)


def spoilt_steps(last: int, norms: Collection[Tensor], settings: TrainSettings, ending: bool) -> tuple[int, ...]:
    """Return which steps up to the `last`, since the check before, had a gradient that was not a number.

    `norms` are those of the gradients of the last CHECK_EVERY steps, fewer soon after a start. LacssError when so many
    in a row, or all that were ever made, are no numbers, or a training that is `ending` does so on several.
    """
    fine = torch.isfinite(torch.stack(list(norms))).tolist()
    first = last - len(fine) + 1
    in_a_row = len(fine) if not any(fine) else fine[::-1].index(True)
    if in_a_row >= min(CHECK_EVERY, last) or (ending and in_a_row > 1):
        raise LacssError(
            f"Training diverged: the loss is not a number since step {last - in_a_row + 1}. Continue from the last "
            f"checkpoint with `resume` and `learning_rate` {settings.learning_rate / 3:.2g} (it was "
            f"{settings.learning_rate:g}), or start again with another `seed`."
        )
    checked = (last - 1) // CHECK_EVERY * CHECK_EVERY
    return tuple(step for step, number in enumerate(fine, first) if not number and step > checked)


def set_learning_rate(state: State, settings: TrainSettings, progress: float) -> None:
    """Give every optimizer its learning rate at this fraction of the training."""
    rate = settings.learning_rate * schedule(progress, settings.warmup, settings.decay)
    for group in (group for optimizer in state.optimizers for group in optimizer.param_groups):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate * group["factor"])
        else:
            group["lr"] = rate * group["factor"]


def schedule(progress: float, warmup: float, decay: float) -> float:
    """Return the factor on the learning rate: linear rise over `warmup`, then 1, then over `decay` linear to 1 %."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    return 0.01 + 0.99 * min(1.0, (1 - progress) / decay) if decay > 0 else 1.0


def average_weight(settings: TrainSettings, step: int, trained: bool = False) -> float:
    """Return how far the running average moves towards the weights; at first farther, to forget a random start."""
    return max(1 - settings.ema, 0 if trained else 1 / (settings.ema_share * step + 1))


def update_average(state: State, weight: float | Tensor) -> None:
    """Move the running average towards the weights."""
    old: list[Tensor] = list(state.average.parameters())
    new: list[Tensor] = list(state.model.parameters())
    with torch.no_grad():
        if isinstance(weight, Tensor):
            way = torch._foreach_sub(new, old)
            torch._foreach_mul_(way, weight)
            torch._foreach_add_(old, way)
        else:
            torch._foreach_lerp_(old, new, weight)


def changing(state: State) -> list[Tensor]:
    """Return all tensors that a step changes."""
    moments = [value for optimizer in state.optimizers for own in optimizer.state.values() for value in own.values()]
    tensors = [value for value in moments if isinstance(value, Tensor)]
    return [*state.model.parameters(), *state.average.parameters(), *tensors]
