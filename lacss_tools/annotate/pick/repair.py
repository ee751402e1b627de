"""What a person changes when no candidate will do: another threshold, strokes of a brush, points. Arrays only."""

from dataclasses import dataclass, field

import numpy as np

from lacss_tools.annotate.candidates.choice import unsure_pixels
from lacss_tools.arrays import Mask, Masks, Points
from lacss_tools.web.stroke import Stroke


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
