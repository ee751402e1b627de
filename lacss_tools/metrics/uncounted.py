"""What does not count in a comparison: outlines that are ambiguous, and cells where nobody has outlined any.

No segmentation can be right about an outline that holds two cells, nor about cells of which only some are outlined.
Such outlines leave the truth, and detections on them leave the detections, before anything is matched (as COCO does
with `iscrowd`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from lacss_tools.arrays import Mask
from lacss_tools.cells import INSIDE, Cells
from lacss_tools.metrics.overlap import overlap

MOSTLY = 0.5
"""a cell lies where more than this fraction of its pixels do"""


@dataclass(frozen=True)
class Uncounted:
    """What of one image does not count."""

    ambiguous: Bool[np.ndarray, " m"]
    """which true cells"""
    region: Mask | None = None
    """where cells are outlined; None: everywhere"""
    partial: bool = False
    """whether only some cells are outlined, so that a detection counts only where it touches one that is"""


def leave_out(detections: Cells, truth: Cells, uncounted: Uncounted) -> tuple[Cells, Cells]:
    """Return the detections and true cells of an image that count.

    True cells: those that are not ambiguous and lie in the region. Detections: those of which not more than half lies
    on ambiguous outlines, that lie in the region and, where the outlines are partial, touch a true cell.
    """
    counts, found = ~uncounted.ambiguous, np.ones(len(detections), bool)
    if uncounted.ambiguous.any():
        found &= fraction_shared(detections, truth.select(np.flatnonzero(uncounted.ambiguous))) <= MOSTLY
    if uncounted.region is not None:
        counts &= fraction_inside(truth, uncounted.region) >= MOSTLY
        found &= fraction_inside(detections, uncounted.region) >= MOSTLY
    if uncounted.partial:
        found &= touches(detections, truth)
    return detections.select(np.flatnonzero(found)), truth.select(np.flatnonzero(counts))


def fraction_shared(cells: Cells, others: Cells) -> Float[np.ndarray, " n"]:
    """Return which fraction of each cell's pixels lies on other cells (on several: their sum, at most 1)."""
    both = overlap(cells, others)
    shared = np.asarray(both.shared.sum(axis=1), dtype=np.float64)
    fraction: np.ndarray = np.minimum(1.0, shared / np.maximum(both.areas, 1))
    return fraction


def fraction_inside(cells: Cells, region: Mask) -> Float[np.ndarray, " n"]:
    """Return which fraction of each cell's pixels lies in the region."""
    inside = [
        np.count_nonzero((crop >= INSIDE) & region[y0:y1, x0:x1])
        for crop, (y0, x0, y1, x1) in zip(cells.crops, cells.boxes.tolist(), strict=True)
    ]
    fraction: np.ndarray = np.array(inside, dtype=np.float64) / np.maximum(cells.areas(), 1)
    return fraction


def touches(cells: Cells, others: Cells) -> Bool[np.ndarray, " n"]:
    """Return which cells share a pixel with any of the others."""
    touching: np.ndarray = np.diff(overlap(cells, others).shared.indptr) > 0
    return touching
