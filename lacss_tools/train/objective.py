"""What a training minimises: the loss terms of a batch, and how labels and the weak loss share them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lacss_tools.network.backbone import COARSE_STRIDE
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.network.losses import aux_loss, full_loss, lpn_offset_loss, lpn_score_loss, weak_loss
from lacss_tools.network.lpn import best_proposals, lpn_targets
from lacss_tools.network.patches import patches_around
from lacss_tools.train.crops import Batch
from lacss_tools.train.settings import TrainSettings

Losses = dict[str, Tensor]


def label_weight(settings: TrainSettings, progress: float) -> float:
    """Return how much of the instance loss is taken against labels (full, or pseudo-labels that fade)."""
    if settings.supervision == "full":
        return 1.0
    start = min(1.0, max(0.0, 2 * (1 - progress / settings.pseudo))) if settings.pseudo > 0 else 0.0
    return 1 - settings.weak_loss * (1 - start)


@dataclass(frozen=True)
class Balance:
    """How much of the instance loss is taken against labels, and which of its terms there are at all."""

    weight: float | Tensor
    labels: bool
    weak: bool


def balance(settings: TrainSettings, progress: float) -> Balance:
    """Return the balance at this part of the training."""
    weight = label_weight(settings, progress)
    return Balance(weight, weight > 0, weight < 1)


def compute_losses(
    model: Lacss, maps: Maps, batch: Batch, settings: TrainSettings, progress: float
) -> dict[str, Tensor]:
    """Return the loss terms of a batch by name; their sum is minimised (all weights 1)."""
    return balanced_losses(model, maps, batch, settings, balance(settings, progress))


def balanced_losses(model: Lacss, maps: Maps, batch: Batch, settings: TrainSettings, now: Balance) -> Losses:
    """Return the same for a balance, whose weight may be a tensor on the device."""
    shape = (batch.image.shape[2], batch.image.shape[3])
    scores, offsets = lpn_targets(batch.lois, batch.batch, tuple(maps.scores.shape), settings.lpn_radius)  # type: ignore[arg-type]
    weight, mixed = now.weight, settings.supervision == "mixed"
    trust = None if batch.doubt is None else 1 - (1 - settings.unsure) * batch.doubt
    places = batch.lois
    if settings.proposals:
        places = best_proposals(batch.lois, batch.batch, maps.scores, maps.offsets, settings.proposals)
    patches = patches_around(places, batch.batch, shape, model.segmentor.patch_size)
    logits = model.segmentor.patch_logits(maps.features, places, patches)
    with torch.autocast(batch.image.device.type, enabled=False):
        losses = {
            "score": settings.location_weight * lpn_score_loss(maps.scores, scores),
            "offset": settings.location_weight * lpn_offset_loss(maps.offsets, offsets, scores, COARSE_STRIDE),
        }
        if mixed:  # what a person outlined is believed wholly
            believed = weight + (1 - weight) * batch.outlined
            losses["labels"] = full_loss(logits, patches, batch.labels, batch.own, believed, trust)
            if now.weak:
                losses["weak"] = weak_loss(logits, patches, batch.mask, 1 - believed, trust)
        elif now.labels:
            losses["labels"] = weight * full_loss(logits, patches, batch.labels, batch.own, trust=trust)
        if now.weak and not mixed:
            losses["weak"] = (1 - weight) * weak_loss(logits, patches, batch.mask, trust=trust)
    if model.auxnet is not None and now.weak:
        border = model.auxnet(batch.image)
        with torch.autocast(batch.image.device.type, enabled=False):
            losses["aux"] = aux_loss(border, logits, patches)
    return losses
