"""Nuclei that the DAPI shows and the LOIs miss, and whether something in it is so bright that they may be missed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lacss_tools.annotate.lois.nuclei import find_nuclei
from lacss_tools.annotate.lois.optics import BRIGHT, FEWEST, QUANTILE, is_calm, mended
from lacss_tools.annotate.lois.settings import MIN_RESPONSE
from lacss_tools.arrays import Plane, Points
from lacss_tools.points import values_at


@dataclass(frozen=True)
class Overlooked:
    """What a filter sees that needs no LOIs."""

    missed: int
    """nuclei without a LOI"""
    calm: bool
    """whether the background is even, and hardly anything is brighter than the nuclei"""
    dapi: Plane
    """the image, what is far brighter than nuclei as bright as this"""


def overlooked(dapi: Plane, points: Points, nucleus: float) -> Overlooked:
    """Compare LOIs with the nuclei, about `nucleus` pixels across, that the filter of method pieces sees."""
    plane = mended(dapi)
    centres, _, diameters = find_nuclei(plane, nucleus, MIN_RESPONSE)
    calm = len(centres) < FEWEST or is_calm(plane, nucleus, centres)
    if not calm:
        plane = _dimmed(plane, centres)
        centres, _, diameters = find_nuclei(plane, nucleus, MIN_RESPONSE)
    return Overlooked(_without(centres, diameters, points), calm, plane)


def _dimmed(plane: Plane, centres: Points) -> Plane:
    low = float(np.percentile(plane[::2, ::2], 1))
    nuclei = float(np.quantile(values_at(plane, centres), QUANTILE))
    dimmed: Plane = np.minimum(plane, np.float32(low + BRIGHT * (nuclei - low)))
    return dimmed


def _without(centres: Float[np.ndarray, "nucleus 2"], diameters: Float[np.ndarray, " nucleus"], points: Points) -> int:
    """Return how many nuclei have no point within their radius."""
    from scipy.spatial import cKDTree

    if not len(points):
        return len(centres)
    nearest = cKDTree(points).query(centres)[0]
    return int(np.count_nonzero(nearest > diameters / 2))
