"""The training loop: a generator that makes one step at a time and knows no files."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lacss_tools.errors import LacssError
from lacss_tools.network.backbone import COARSE_STRIDE
from lacss_tools.network.device import autocast, compiled, return_memory
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.network.losses import aux_loss, full_loss, lpn_offset_loss, lpn_score_loss, weak_loss
from lacss_tools.network.lpn import lpn_targets
from lacss_tools.network.patches import patches_around
from lacss_tools.train.crops import Batch, TrainingImage
from lacss_tools.train.distributed import ALONE, World
from lacss_tools.train.optimizer import optimizers
from lacss_tools.train.recorded import recorded_pass
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.supply import place, supply

CHECK_EVERY = 10
"""steps between two looks at whether the loss is still a number (each makes a GPU wait) and at unused memory"""


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
    """best validation AP50 so far"""
    stale: int = 0
    """validations since then"""
    looks: int = 0
    """validations so far, of those that the budget asks for"""
    looked: int = -1
    """step of the last validation"""
    since: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Return the seconds of training so far, over all sessions."""
        return self.seconds + time.monotonic() - self.since

    def progress(self, settings: TrainSettings, world: World = ALONE) -> float:
        """Return the part of the training that is done, by time (of the first process) or by steps."""
        if settings.minutes is not None:
            return world.agree(self.elapsed() / (60 * settings.minutes))
        return self.step / settings.steps


@dataclass(frozen=True)
class StepReport:
    """One finished step: its number, the part of the training done and the loss terms."""

    step: int
    progress: float
    losses: dict[str, Tensor]
    diverged: Tensor
    """the first step whose gradient was not a number, infinite while there is none"""

    def numbers(self) -> dict[str, float]:
        """Return the losses as numbers (waits for the device)."""
        return {name: round(float(value.detach()), 5) for name, value in self.losses.items()}


def start(model: Lacss, settings: TrainSettings, device: torch.device) -> State:
    """Return the state before the first step."""
    import copy

    model = model.to(device).train()
    average = copy.deepcopy(model).eval().requires_grad_(False)
    return State(model, average, optimizers(model, settings, device))


def run_steps(
    state: State, fields: list[TrainingImage], settings: TrainSettings, device: torch.device, world: World = ALONE
) -> Iterator[StepReport]:
    """Train until the budget is spent, yielding after each step; raises LacssError when the loss is not a number.

    Nothing here reads a value back from the device except every CHECK_EVERY steps, so a GPU never waits for the host.
    """
    network = image_pass(state.model, settings, device, world)  # before threads draw batches
    batches = supply(place(fields, device), settings, state.step, device, world.rank)
    diverged = torch.full((), math.inf, device=device)
    while (progress := state.progress(settings, world)) < 1:
        set_learning_rate(state, settings, progress)
        batch = next(batches).to(device)
        with autocast(device):
            maps = network(batch.image)
            losses = compute_losses(state.model, maps, batch, settings, progress)
        total = torch.stack(list(losses.values())).sum()
        state.model.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        world.average_gradients(state.model)
        norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
        for optimizer in state.optimizers:
            optimizer.step()
        update_average(state, settings)
        state.step += 1
        diverged = torch.where(torch.isfinite(norm), diverged, diverged.clamp(max=state.step))
        if state.step % CHECK_EVERY == 0:
            check_finite(diverged, settings)
            return_memory(device)
        yield StepReport(state.step, min(1.0, state.progress(settings, world)), losses, diverged)


def image_pass(
    model: Lacss, settings: TrainSettings, device: torch.device, world: World = ALONE
) -> Callable[[Tensor], Maps]:
    """Return the pass over images in the fastest form that the device has; the parameters stay those of `model`."""
    if device.type != "cuda" or settings.compile or world.size > 1:  # what is recorded must not meet an exchange
        return compiled(model, settings.compile)
    return recorded_pass(model, (settings.batch, model.settings.channels, settings.crop, settings.crop), device)


def check_finite(diverged: Tensor, settings: TrainSettings) -> None:
    """Raise LacssError when `diverged`, the first step whose gradient was not a number, is finite."""
    step = float(diverged)
    if math.isfinite(step):
        raise LacssError(
            f"Training diverged: the loss is not a number at step {int(step)}. Continue from the last checkpoint with "
            f"--resume --learning-rate {settings.learning_rate / 3:.2g} (it was {settings.learning_rate:g}), or start "
            "again with another --seed."
        )


def set_learning_rate(state: State, settings: TrainSettings, progress: float) -> None:
    """Give every optimizer its learning rate at this part of the training."""
    rate = settings.learning_rate * schedule(progress, settings.warmup, settings.decay)
    for group in (group for optimizer in state.optimizers for group in optimizer.param_groups):
        group["lr"] = rate * group["factor"]


def schedule(progress: float, warmup: float, decay: float) -> float:
    """Return the factor on the learning rate: linear rise over `warmup`, then 1, then over `decay` linear to 1 %."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    return 0.01 + 0.99 * min(1.0, (1 - progress) / decay) if decay > 0 else 1.0


def update_average(state: State, settings: TrainSettings) -> None:
    """Move the running average towards the weights; early on faster, so that the start is forgotten."""
    weight = max(1 - settings.ema, 1 / (settings.ema_share * state.step + 1))
    old: list[Tensor] = list(state.average.parameters())
    new: list[Tensor] = list(state.model.parameters())
    with torch.no_grad():
        torch._foreach_lerp_(old, new, weight)


def label_weight(settings: TrainSettings, progress: float) -> float:
    """Return how much of the instance loss is taken against labels (full, or pseudo-labels that fade)."""
    if settings.supervision == "full":
        return 1.0
    start = min(1.0, max(0.0, 2 * (1 - progress / settings.pseudo))) if settings.pseudo > 0 else 0.0
    return 1 - settings.weak_loss * (1 - start)


def compute_losses(
    model: Lacss, maps: Maps, batch: Batch, settings: TrainSettings, progress: float
) -> dict[str, Tensor]:
    """Return the loss terms of a batch by name; their sum is minimised (all weights 1)."""
    shape = (batch.image.shape[2], batch.image.shape[3])
    scores, offsets = lpn_targets(batch.lois, batch.counts, tuple(maps.scores.shape), settings.lpn_radius)  # type: ignore[arg-type]
    weight = label_weight(settings, progress)
    mixed = settings.supervision == "mixed"
    patches = patches_around(batch.lois, batch.batch, shape, model.segmentor.patch_size)
    logits = model.segmentor.patch_logits(maps.features, batch.lois, patches)
    with torch.autocast(batch.image.device.type, enabled=False):
        losses = {
            "score": settings.location_weight * lpn_score_loss(maps.scores, scores),
            "offset": settings.location_weight * lpn_offset_loss(maps.offsets, offsets, scores, COARSE_STRIDE),
        }
        if mixed:  # what a person outlined is believed wholly
            believed = weight + (1 - weight) * batch.outlined
            losses["labels"] = full_loss(logits, patches, batch.labels, batch.own, believed)
            if weight < 1:
                losses["weak"] = weak_loss(logits, patches, batch.mask, 1 - believed)
        elif weight > 0:
            losses["labels"] = weight * full_loss(logits, patches, batch.labels, batch.own)
        if weight < 1 and not mixed:
            losses["weak"] = (1 - weight) * weak_loss(logits, patches, batch.mask)
    if model.auxnet is not None and weight < 1:
        border = model.auxnet(batch.image)
        with torch.autocast(batch.image.device.type, enabled=False):
            losses["aux"] = aux_loss(border, logits, patches)
    return losses
