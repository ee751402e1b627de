"""What a person changes when no candidate will do: another threshold, strokes of a brush, points. Arrays only."""

from dataclasses import dataclass, field

import numpy as np

from lacss_tools.annotate.candidates.choice import unsure_pixels
from lacss_tools.arrays import Mask, Masks, Points


@dataclass(frozen=True)
class Stroke:
    """The path of a brush: (y, x) points in pixels, joined by straight lines, and a radius in pixels."""

    points: Points
    radius: float
    erase: bool


@dataclass(frozen=True)
class Repair:
    """Everything that was changed on one image before it was saved."""

    candidate: int
    """number, from 1, of the candidate that the repair began with, or of the one nearest to `threshold`"""
    threshold: float | None = None
    """where the image was cut anew; None starts from the candidate"""
    on_saved: bool = False
    """whether the repair began with the mask on disk, itself perhaps repaired before"""
    strokes: tuple[Stroke, ...] = ()
    removed: frozenset[int] = frozenset()
    """rows, from 0, of the LOIs that were deleted"""
    added: Points = field(default_factory=lambda: np.zeros((0, 2)))
    """(y, x) of the LOIs that were added"""

    @property
    def touches_lois(self) -> bool:
        """Whether the LOI table changes."""
        return bool(self.removed) or len(self.added) > 0

    @property
    def kinds(self) -> list[str]:
        """The names of the repairs, as the journal has them."""
        made = {"threshold": self.threshold is not None, "brush": bool(self.strokes), "lois": self.touches_lois}
        return [name for name, was in made.items() if was]


def unsure_after(repair: Repair, candidates: Masks, mask: Mask) -> Mask:
    """Return where the repaired mask is unsure: where its candidate is, but not where a person painted."""
    unsure = unsure_pixels(candidates, repair.candidate - 1)
    if repair.strokes or repair.on_saved:
        unsure &= mask == candidates[repair.candidate - 1]
    return unsure


def paint(mask: Mask, strokes: tuple[Stroke, ...]) -> Mask:
    """Return the mask after the strokes, in order: pixels whose centre is within the radius of the path change.

    >>> stroke = Stroke(np.array([[0.0, 1.0], [0.0, 3.0]]), radius=0.5, erase=False)
    >>> paint(np.zeros((2, 5), bool), (stroke,)).astype(int).tolist()
    [[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    out = mask.copy()
    for stroke in strokes:
        for start, end in zip(stroke.points[:1], stroke.points[:1], strict=True):
            _paint_line(out, start, end, stroke)
        for start, end in zip(stroke.points[:-1], stroke.points[1:], strict=True):
            _paint_line(out, start, end, stroke)
    return out


def _paint_line(mask: Mask, start: np.ndarray, end: np.ndarray, stroke: Stroke) -> None:
    """Set or clear, in place, the pixels within the radius of the line from `start` to `end`."""
    low = np.clip(np.floor(np.minimum(start, end) - stroke.radius), 0, mask.shape).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + stroke.radius) + 1, 0, mask.shape).astype(int)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    (dy, dx), length2 = end - start, float(((end - start) ** 2).sum())
    along = ((y - start[0]) * dy + (x - start[1]) * dx) / length2 if length2 else np.zeros((1, 1))
    along = np.clip(along, 0, 1)
    distance2 = (y - start[0] - along * dy) ** 2 + (x - start[1] - along * dx) ** 2
    mask[low[0] : high[0], low[1] : high[1]][distance2 <= stroke.radius**2] = not stroke.erase
