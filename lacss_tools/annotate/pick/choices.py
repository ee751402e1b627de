"""Everything about one image that a pick needs: read once, and which candidate is suggested."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lacss_tools.annotate.candidates.choice import best, score_candidates
from lacss_tools.arrays import Image, Masks, Points
from lacss_tools.errors import InputError
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.stains import Stain
from lacss_tools.points import inside_image, values_at


@dataclass(frozen=True)
class Choices:
    """Everything about one image that a pick needs."""

    image: Image
    masks: Masks
    thresholds: list[float]
    lois: Points
    typical_area: float | None = None
    """area per LOI, in pixels, that is usual in the set"""

    @cached_property
    def scores(self) -> Float[np.ndarray, " n"]:
        """The score, 0 to 1, of each candidate."""
        return score_candidates(self.masks, self.lois, self.image, self.typical_area)

    def suggestion(self) -> int:
        """Return the number (from 1) of the candidate with the highest score; the middle one without LOIs."""
        return best(self.scores) + 1

    def score(self) -> float:
        """Return the score, 0 to 1, of the suggestion."""
        return float(self.scores.max())

    def lois_inside(self) -> list[int]:
        """Return for each candidate how many LOIs lie on its cells."""
        inside = self.lois[inside_image(self.lois, self.masks.shape[1:])]
        return [int(np.count_nonzero(values_at(mask, inside))) for mask in self.masks]


def read_choices(image_file: Path, candidates: Path, table: Path, typical_area: float | None, cells: Stain) -> Choices:
    """Read image, candidates and, if it exists, LOI table; InputError when image and candidates differ in size."""
    image = cells.read(image_file)
    masks, thresholds = read_candidates(candidates)
    if masks.shape[1:] != image.shape[1:]:
        raise InputError(
            f"{candidates} is {masks.shape[1:]} pixels and {image_file} {image.shape[1:]}. "
            "Delete it and run lacss graphcut again."
        )
    return Choices(image, masks, thresholds, read_points(table), typical_area)


def read_points(table: Path) -> Points:
    """Return the LOIs of a table; none where there is no table."""
    return read_lois(table)[0] if table.exists() else np.zeros((0, 2))
