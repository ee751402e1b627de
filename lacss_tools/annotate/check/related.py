"""Are LOIs, DAPI, image and mask of one place? How well each pair agrees, against the same pair shifted.

The agreement of two planes is their product, summed. Shifted against each other (around the edges, by every number of
pixels) they show what chance gives: agreement is told in standard deviations of that. Unlike a count of LOIs on the
mask, this knows that cells come in groups, and that in mixed tissue as many nuclei lie off the mask as on it: what ties
LOIs to a mask then is that nuclei avoid its border.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Mask, Plane, Points
from lacss_tools.points import clipped_pixels

ACROSS = 8.0
"""pixels across a nucleus to which larger images are averaged"""
FINE, COARSE = 8.0, 1.0
"""Gaussians, as fractions 1 / FINE and 1 / COARSE of a nucleus, between which lies what a mask and its image share"""
CAPPED = 0.3
"""DAPI counts up to this level, so that a few bright specks do not outweigh the nuclei"""
RELATED, UNRELATED = 3.0, 2.0
"""standard deviations: what agrees more is of one place; what agrees less, in every way, is not, if others are"""
CLEAR = 6.0
"""images whose median agreement is above this would show it in every one of them"""
FEWEST = 5
"""LOIs that it takes"""

Real = Float[np.ndarray, "y x"]


@dataclass(frozen=True)
class Relation:
    """Agreement of pairs, in standard deviations of chance; None where one of the two is missing."""

    lois_dapi: float | None = None
    mask_image: float | None = None
    """whichever sign: cells may be darker"""
    lois_mask: tuple[float, ...] = ()
    """of LOIs, and of DAPI where the LOIs agree with it: with the mask, and with what is away from its border"""

    @property
    def best(self) -> float | None:
        """Return the clearest sign that LOIs and mask are of one place."""
        return max(self.lois_mask, default=None)


def relate(
    points: Points | None, dapi: Plane | None, level: Plane | None, mask: Mask | None, nucleus: float
) -> Relation:
    """Measure one image. `dapi` and `level` (of the cell image) run from 0 to 1; `nucleus` is a diameter in pixels."""
    step = max(1, int(nucleus / ACROSS))
    nucleus /= step
    dots = None if points is None or len(points) < FEWEST else points
    area = None if mask is None or mask.all() or not mask.any() else _shrink(mask.astype(np.float64), step)
    stain = None if level is None else _shrink(level, step)
    spots = None if dapi is None else np.minimum(_shrink(dapi, step), CAPPED)
    shape = next((plane.shape for plane in (area, stain, spots) if plane is not None), None)
    where = None if dots is None or shape is None else _dots(dots / step, shape)
    on_dapi = None if where is None or spots is None else agreement(where, spots)
    on_image = None if stain is None or area is None else _mask_on_image(stain, area, nucleus)
    if area is None or where is None:
        return Relation(on_dapi, on_image)
    away = _away_from_border(area > 0.5, nucleus / 2)
    signs = [agreement(where, area), agreement(where, away)]
    if spots is not None and on_dapi is not None and on_dapi >= RELATED:
        signs += [agreement(spots, area), agreement(spots, away)]
    return Relation(on_dapi, on_image, tuple(signs))


def agreement(first: Real, second: Real) -> float:
    """Return the product of two planes, summed, in standard deviations over all shifts of one against the other.

    >>> plane = np.random.default_rng(0).random((40, 50))
    >>> agreement(plane, plane) > 20, abs(agreement(plane, np.roll(plane, 7, axis=1))) < 5
    (True, True)
    """
    from scipy import fft

    one, other = (fft.rfft2(plane - plane.mean()) for plane in (first, second))
    shifted = fft.irfft2(one * other.conj(), s=first.shape)
    return float(shifted[0, 0] / max(float(shifted.std()), 1e-12))


def unrelated(relations: Sequence[Relation | None]) -> list[bool]:
    """Return for which images of a set LOIs and mask are surely not of one place.

    Either the mask is not of its image; or nothing agrees, where the set as a whole does not agree either, or where it
    agrees so clearly that this image stands out. Few LOIs on a mask that covers much cannot tell.
    """
    known = [one.lois_mask for one in relations if one is not None and one.lois_mask]
    pooled = max((sum(signs) / len(signs) ** 0.5 for signs in _by_sign(known)), default=0.0)
    clear = float(np.median([max(signs) for signs in known])) >= CLEAR if len(known) > 1 else False
    return [one is not None and _is_unrelated(one, pooled, clear) for one in relations]


def _is_unrelated(one: Relation, pooled: float, clear: bool) -> bool:
    if one.best is None:
        return False
    if one.mask_image is not None and one.mask_image < RELATED:
        return True
    return one.best < UNRELATED and (clear or pooled < RELATED)


def _by_sign(known: list[tuple[float, ...]]) -> list[list[float]]:
    return [[signs[k] for signs in known if k < len(signs)] for k in range(max(map(len, known), default=0))]


# ---- planes ---------------------------------------------------------------------------------------------------------


def _mask_on_image(level: Real, area: Real, nucleus: float) -> float:
    """Return how well a mask fits the detail of its image: the sign of it, or how much of it there is."""
    from scipy.ndimage import gaussian_filter

    detail = gaussian_filter(level, nucleus / FINE) - gaussian_filter(level, nucleus / COARSE)
    rough = np.log(gaussian_filter(detail**2, nucleus / 4) + 1e-6)
    return max(abs(agreement(detail, area)), abs(agreement(rough, area)))


def _away_from_border(mask: Mask, distance: float) -> Real:
    from scipy.ndimage import distance_transform_edt

    away: np.ndarray = np.where(mask, distance_transform_edt(mask), distance_transform_edt(~mask)) > distance
    return away.astype(np.float64)


def _dots(points: Points, shape: tuple[int, ...]) -> Real:
    out = np.zeros(shape)
    np.add.at(out, tuple(clipped_pixels(points, shape).T), 1.0)
    return out


def _shrink(plane: Plane | Real, step: int) -> Float[np.ndarray, "_ _"]:
    """Return means of blocks; rows and columns that fill no block are left out."""
    height, width = plane.shape[0] // step, plane.shape[1] // step
    blocks = plane[: height * step, : width * step].reshape(height, step, width, step)
    means: np.ndarray = blocks.mean(axis=(1, 3), dtype=np.float64)
    return means
