"""The set in numbers."""

from dataclasses import dataclass

import numpy as np

from lacss_tools.annotate.check.findings import JudgedImage


@dataclass(frozen=True)
class Overview:
    """The set in numbers; None where nothing can be said. Lengths in pixels, fractions 0 to 1."""

    n_images: int
    n_lois: int
    n_masks: int
    lois_per_image: float | None
    """median, as the two below"""
    nearest: float | None
    mask_fraction: float | None
    area_per_loi: float | None
    nucleus_diameter: float | None
    doubles: float | None
    """fraction of all LOIs, as the two below"""
    outside: float | None
    on_dark: float | None
    lonely: float | None
    """fraction of the whole mask area"""


def overview(judged: list[JudgedImage], nucleus: float | None) -> Overview:
    """Return the numbers of the set."""
    lois = [one.image.lois for one in judged if one.image.lois is not None]
    masks = [one.image.mask for one in judged if one.image.mask is not None]
    nearest = np.concatenate([one.nearest[np.isfinite(one.nearest)] for one in lois] or [np.zeros(0)])
    lonely = [(mask.fraction, mask.lonely) for mask in masks if mask.lonely is not None]
    return Overview(
        n_images=len(judged),
        n_lois=sum(len(one.points) for one in lois),
        n_masks=len(masks),
        lois_per_image=_median([len(one.points) for one in lois]),
        nearest=_median(nearest.tolist()),
        mask_fraction=_median([mask.fraction for mask in masks]),
        area_per_loi=_median([area for one in judged if (area := one.area_per_loi) is not None]),
        nucleus_diameter=nucleus,
        doubles=_pooled([one.doubled for one in judged if one.image.lois is not None]),
        outside=_pooled([mask.outside for mask in masks if mask.outside is not None]),
        on_dark=_pooled([one.on_dark for one in lois if one.on_dark is not None]),
        lonely=sum(fraction * part for fraction, part in lonely) / max(sum(fraction for fraction, _ in lonely), 1e-9)
        if lonely
        else None,
    )


def _median(values: list[float] | list[int]) -> float | None:
    return float(np.median(values)) if values else None


def _pooled(parts: list[np.ndarray]) -> float | None:
    together = np.concatenate([part.astype(float) for part in parts] or [np.zeros(0)])
    return float(together.mean()) if len(together) else None
