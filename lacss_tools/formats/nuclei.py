"""Measurements of the nuclei in cells: how large they are beside the cell, how bright beside the cytoplasm."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from lacss_tools.arrays import Image, Labels
from lacss_tools.formats.shape import Pixels

HEADER = ["nuclei", "nucleus_area", "nc_ratio"]
COMPARTMENTS = ("nucleus", "cytoplasm")
INSIDE = 0.5
"""a nucleus is that of the cell with at least this fraction of its pixels"""


@dataclass(frozen=True)
class NucleusLabels:
    """NucleusLabels in the rows of a window, and how many pixels each (by its number) has in the whole image."""

    labels: Labels
    areas: Int64[np.ndarray, " n"]

    def rows(self, top: int, bottom: int) -> "NucleusLabels":
        """Return those in rows `top` to `bottom`."""
        return NucleusLabels(self.labels[top:bottom], self.areas)


def whole(labels: Labels) -> NucleusLabels:
    """Return the nuclei of a whole image."""
    return NucleusLabels(labels, np.bincount(labels.ravel()))


def header(channels: tuple[str, ...] | range) -> list[str]:
    """Return the names of the columns for an image with these channels."""
    return HEADER + [f"{part}_mean_{name}" for name in channels for part in COMPARTMENTS]


def measure(pixels: Pixels, image: Image | None, nuclei: NucleusLabels) -> list[list[Any]]:
    """Return one row per cell of `pixels`.

    How many nuclei have half of their pixels or more in it; the pixels of all nuclei in it; these over the pixels of
    the cytoplasm, which are the others; and of every channel the mean in both. What has no pixels has no mean: ''.
    """
    number = nuclei.labels[pixels.y, pixels.x].astype(np.int64)
    inside = (number > 0).astype(np.float64)
    area = pixels.sums(inside)
    rest = pixels.area - area
    columns = [_quotient(area, rest)]
    for plane in () if image is None else image:
        values = plane[pixels.y, pixels.x].astype(np.float64)
        columns += [_quotient(pixels.sums(values * inside), area), _quotient(pixels.sums(values * (1 - inside)), rest)]
    counts = _counts(pixels, number, nuclei.areas)
    return [
        [int(counts[k]), int(area[k]), *("" if np.isnan(part[k]) else float(f"{part[k]:.6g}") for part in columns)]
        for k in range(len(pixels.area))
    ]


def _counts(
    pixels: Pixels, number: Int64[np.ndarray, " pixel"], areas: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " cell"]:
    """Return how many nuclei have half of their pixels or more in each cell."""
    cell = np.repeat(np.arange(len(pixels.area)), pixels.area)
    pairs, shared = np.unique(np.stack([cell, number])[:, number > 0], axis=1, return_counts=True)
    own = pairs[0][shared >= INSIDE * areas[pairs[1]]]
    counts: np.ndarray = np.bincount(own, minlength=len(pixels.area))
    return counts


def _quotient(total: Float[np.ndarray, " n"], count: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    out: np.ndarray = np.full(len(count), np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
