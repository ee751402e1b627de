"""Score candidate masks without truth: by LOIs, by the step in intensity at the border, by area."""

import numpy as np
from jaxtyping import Float

from lacss_tools.annotate.candidates.intensity import log_intensity, relative_intensity
from lacss_tools.arrays import Image, Mask, Masks, Plane, Points
from lacss_tools.points import values_at

NO_BORDER = 0.03
"""a smaller step in intensity, on a scale of 0 to 1, is no border and does not count"""
LOOSER = 0.05
"""the step counts this much less with every tighter candidate: people draw a little outside the steepest place"""
AWAY_FROM_MIDDLE = 0.01
"""what a candidate loses per place that it is away from the middle one, the automatic threshold"""
USUAL_FACTOR = 1.65
"""areas per LOI up to this many times more or less than the median of the set are nothing unusual"""
SMALLEST_SET = 8
"""images with LOIs that it takes to say what is usual"""
DOUBTFUL = 0.8
"""a choice that scores less should be checked by a person"""


def score_candidates(
    masks: Masks, points: Points, image: Image | None = None, typical_area: float | None = None
) -> Float[np.ndarray, " n"]:
    """Return for each candidate (n, y, x), loosest first, a score in 0..1. 0 without LOIs or for an empty mask.

    The product of four parts: `agreement` with the LOIs; with `image`, the `border_step` over the largest of all
    candidates; with `typical_area` (pixels, of the set, see `middle_area`), whether the area per LOI is usual: 1 up to
    a factor of 1.65, then falling in proportion; and 1 % less per place away from the middle candidate.
    """
    places = np.arange(len(masks))
    scores = np.array([agreement(mask, points) for mask in masks])
    scores *= 1 - AWAY_FROM_MIDDLE * np.abs(places - (len(masks) - 1) / 2)
    if typical_area is not None:
        scores *= [_usual(area_per_loi(mask, points), typical_area) for mask in masks]
    if image is not None:
        level = smooth_level(image)
        steps = np.array([border_step(mask, level) for mask in masks]) * (1 - LOOSER * places)
        scores *= np.maximum(steps, NO_BORDER) / max(steps.max(), NO_BORDER)
    return scores


def choose(masks: Masks, points: Points, image: Image | None = None, typical_area: float | None = None) -> int:
    """Return the index, from 0, of the best candidate; the middle one of equals."""
    return best(score_candidates(masks, points, image, typical_area))


def best(scores: Float[np.ndarray, " n"]) -> int:
    """Return the index of the highest score; of equals the one nearest to the middle.

    >>> best(np.array([0.4, 0.9, 0.9, 0.9, 0.9]))
    2
    """
    order = np.argsort(np.abs(np.arange(len(scores)) - (len(scores) - 1) / 2), kind="stable")
    return int(order[np.argmax(scores[order])])


def unsure_pixels(masks: Masks, number: int) -> Mask:
    """Return where candidate `number` (from 0) is unsure: in the next looser one, but not in the next tighter.

    The first and the last candidate have themselves in place of the one that is missing.

    >>> unsure_pixels(np.array([[[1, 1, 1, 0]], [[1, 1, 0, 0]], [[1, 0, 0, 0]]], bool), 1).astype(int).tolist()
    [[0, 1, 1, 0]]
    """
    looser, tighter = masks[max(number - 1, 0)], masks[min(number + 1, len(masks) - 1)]
    unsure: Mask = looser & ~tighter
    return unsure


# ---- LOIs -----------------------------------------------------------------------------------------------------------


def with_loi(mask: Mask, points: Points) -> Mask:
    """Return the part of the mask in 4-connected regions that hold a LOI."""
    from scipy import ndimage

    regions, _ = ndimage.label(mask)
    part: Mask = mask & np.isin(regions, np.unique(values_at(regions, points)))
    return part


def agreement(mask: Mask, points: Points) -> float:
    """Return the harmonic mean of two fractions: of the LOIs on the mask, and of its area in regions with a LOI."""
    if len(points) == 0 or not mask.any():
        return 0.0
    hit, explained = values_at(mask, points).mean(), with_loi(mask, points).sum() / mask.sum()
    return float(2 * hit * explained / max(hit + explained, 1e-9))


# ---- border ---------------------------------------------------------------------------------------------------------


def smooth_level(image: Image) -> Plane:
    """Return the log intensity (0 to 1, mean of the channels), smoothed by a Gaussian of 1 pixel against noise."""
    from scipy import ndimage

    total: Plane = np.stack([log_intensity(relative_intensity(channel)) for channel in image]).mean(axis=0)
    smooth: Plane = ndimage.gaussian_filter(total, 1.0, mode="nearest")
    return smooth


def border_step(mask: Mask, level: Plane) -> float:
    """Return the step of `level` across the border: |mean of its inner pixels - mean of its outer ones|, 0 to 1.

    The edge of the image is no border. A border that is too tight or too loose lies where intensity changes less.
    """
    # shifted views instead of scipy's morphology, which takes ten times as long; beyond the edge lies the same again
    padded = np.pad(mask, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    inner = mask & ~np.logical_and.reduce(neighbours)
    if not inner.any():
        return 0.0
    outer = np.logical_or.reduce(neighbours) & ~mask
    return float(abs(level[inner].mean() - level[outer].mean()))


# ---- area -----------------------------------------------------------------------------------------------------------


def area_per_loi(mask: Mask, points: Points) -> float | None:
    """Return the area of the mask in pixels over the number of LOIs on it; None without any."""
    on = np.count_nonzero(values_at(mask, points))
    return float(np.count_nonzero(mask) / on) if on else None


def middle_area(masks: Masks, points: Points) -> float | None:
    """Return the area per LOI of the middle candidate; the median over a set is its typical area."""
    return area_per_loi(masks[len(masks) // 2], points)


def typical(areas: list[float | None]) -> float | None:
    """Return the median of the areas per LOI of a set; None when fewer than eight images have one.

    >>> typical([100.0] * 4 + [110.0] * 4 + [None, 900.0])
    110.0
    """
    known = [area for area in areas if area is not None]
    return float(np.median(known)) if len(known) >= SMALLEST_SET else None


def _usual(area: float | None, typical_area: float) -> float:
    if not area:
        return 1.0  # nothing to compare; agreement is 0 already
    return min(1.0, USUAL_FACTOR / max(area / typical_area, typical_area / area))
