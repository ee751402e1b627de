"""What can be counted in one image without knowing the truth. Arrays only."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from lacss_tools.annotate.candidates.choice import with_loi
from lacss_tools.annotate.check.overlooked import overlooked
from lacss_tools.annotate.check.sizes import ONE_NUCLEUS, nucleus_sizes, share_a_nucleus
from lacss_tools.annotate.lois.exposure import fault
from lacss_tools.arrays import Mask, Plane, Points
from lacss_tools.contrast import percentile_range
from lacss_tools.points import inside_image, values_at

NO_VALLEY = 0.9
"""LOIs lie in one nucleus when the DAPI between them stays above this fraction of the dimmer one, over background"""
DAPI_SIGMA, DAPI_BACKGROUND, DAPI_BRIGHT = 1.5, 20.0, 99.8
"""smoothing in pixels, and the percentiles that count as background and as bright, when DAPI is looked up"""
DARK = 0.05
"""below this fraction of the way from background to bright there is no nucleus"""


@dataclass(frozen=True)
class LoiFacts:
    """What the LOIs of one image show, alone and with its DAPI image. Lengths in pixels."""

    points: Points
    response: Float[np.ndarray, " point"]
    nearest: Float[np.ndarray, " point"]
    """distance to the nearest other LOI; infinite when there is none"""
    beyond: Bool[np.ndarray, " point"]
    """outside the image"""
    dapi: Float[np.ndarray, " point"] | None
    """how bright the DAPI is there: 0 is background, 1 is bright; None without DAPI"""
    one_nucleus: Bool[np.ndarray, " point"] | None
    """a stronger LOI lies in the same nucleus of the DAPI; None without DAPI"""
    diameter: Float[np.ndarray, " point"] | None = None
    """of the nucleus there in the DAPI; None without DAPI"""
    missed: int = 0
    """nuclei that the DAPI shows without a LOI"""
    calm: bool = True
    """whether the DAPI is even, and hardly anything in it is brighter than nuclei"""
    fault: str | None = None
    """of the exposure of the DAPI, as `lois.exposure` calls it"""

    @property
    def on_dark(self) -> Bool[np.ndarray, " point"] | None:
        """Return which LOIs lie where the DAPI is hardly brighter than background; None without DAPI."""
        return None if self.dapi is None else self.dapi < DARK


@dataclass(frozen=True)
class MaskFacts:
    """What the mask of one image shows, alone and with image and LOIs. Fractions are 0 to 1."""

    fraction: float
    """of the image"""
    step: float | None
    """mean log intensity on the mask minus off it, -1 to 1; None without image, or for an empty or full mask"""
    outside: Bool[np.ndarray, " point"] | None
    """for each LOI whether it lies off the mask; None without LOIs"""
    lonely: float | None
    """fraction of the mask's area in regions without a LOI; None without LOIs"""
    stain: Float[np.ndarray, " point"] | None = None
    """how bright the cell image is around each LOI: 0 is background, 1 is the mask's median; None without image"""


def measure_lois(
    points: Points, response: np.ndarray, shape: tuple[int, int] | None, dapi: Plane | None, nucleus: float | None
) -> LoiFacts:
    """Measure the LOIs of an image of `shape` (None: unknown); `nucleus` is the diameter of a nucleus."""
    beyond = np.zeros(len(points), dtype=bool)
    if shape is not None:
        beyond = ~inside_image(points, shape)
    level = one_nucleus = diameter = seen = wrong = None
    if dapi is not None:
        wrong = fault(dapi)
        seen = None if nucleus is None else overlooked(dapi, points, nucleus)
        bright = dapi_level(dapi if seen is None else seen.dapi)
        level = _look_up(bright, points).astype(np.float64)
        if nucleus is not None:
            sizes = nucleus_sizes(dapi, points, nucleus)
            diameter = sizes.diameter
            pairs = weaker_of_pairs(points, response, ONE_NUCLEUS * float(diameter.max(initial=0.0)))
            one_nucleus = share_a_nucleus(points, pairs, sizes) | in_one_nucleus(points, response, bright, nucleus)
    missed, calm = (0, True) if seen is None else (seen.missed, seen.calm)
    nearest = nearest_distances(points)
    return LoiFacts(points, response, nearest, beyond, level, one_nucleus, diameter, missed, calm, wrong)


def dapi_level(dapi: Plane) -> Plane:
    """Return how bright the smoothed DAPI is: 0 is background, 1 is bright."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(dapi, DAPI_SIGMA, mode="nearest")
    level: np.ndarray = percentile_range(smooth, (DAPI_BACKGROUND, DAPI_BRIGHT)).scale(smooth)
    return level


def measure_mask(mask: Mask, points: Points | None, level: Plane | None, around: float = 0.0) -> MaskFacts:
    """Measure one mask; `level` is `smooth_level` of its image, `around` how far a LOI's surroundings reach."""
    step = stain = None
    if level is not None and mask.any() and not mask.all():
        step = float(level[mask].mean() - level[~mask].mean())
        stain = None if points is None else stain_around(level, mask, points, around)
    if points is None:
        return MaskFacts(float(mask.mean()), step, None, None)
    lonely = 1 - with_loi(mask, points).sum() / max(int(mask.sum()), 1) if mask.any() else 0.0
    return MaskFacts(float(mask.mean()), step, ~values_at(mask, points), float(lonely), stain)


def stain_around(level: Plane, mask: Mask, points: Points, around: float) -> Float[np.ndarray, " point"]:
    """Return the mean level within a Gaussian of sigma `around` at points: 0 is that off the mask, 1 that on it.

    Medians; off the mask the lower quartile, as what lies there may be cells that the mask misses.
    """
    from scipy import ndimage

    low, high = np.percentile(level[~mask], 25), np.median(level[mask])
    there = _look_up(ndimage.gaussian_filter(level, around, mode="nearest"), points)
    stain: np.ndarray = (there.astype(np.float64) - low) / (high - low if abs(high - low) > 1e-6 else 1e-6)
    return stain


def nearest_distances(points: Points) -> Float[np.ndarray, " point"]:
    """Return for each point the distance to the nearest other one; infinite for a single point.

    >>> nearest_distances(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]])).tolist()
    [5.0, 5.0, 6.0]
    """
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return np.full(len(points), np.inf)
    distances: np.ndarray = cKDTree(points).query(points, 2)[0][:, 1]
    return distances


def weaker_of_pairs(points: Points, response: np.ndarray, distance: float) -> np.ndarray:
    """Return (pair, 2): indices of every two points at most `distance` apart, the weaker (or later) one first."""
    from scipy.spatial import cKDTree

    pairs: np.ndarray = (
        cKDTree(points).query_pairs(distance, output_type="ndarray") if len(points) else np.zeros((0, 2))
    )
    pairs = np.sort(pairs.astype(int).reshape(-1, 2), axis=1)[:, ::-1]
    weaker: np.ndarray = np.where((response[pairs[:, 0]] > response[pairs[:, 1]])[:, None], pairs[:, ::-1], pairs)
    return weaker


def too_close(points: Points, response: np.ndarray, distance: float) -> Bool[np.ndarray, " point"]:
    """Return which points have a stronger one at most `distance` away.

    >>> too_close(np.array([[0.0, 0.0], [0.0, 2.0], [9.0, 9.0]]), np.array([0.5, 0.7, 0.1]), 3.0).tolist()
    [True, False, False]
    """
    close = np.zeros(len(points), dtype=bool)
    close[weaker_of_pairs(points, response, distance)[:, 0]] = True
    return close


def in_one_nucleus(
    points: Points, response: np.ndarray, smooth_dapi: Plane, nucleus: float
) -> Bool[np.ndarray, " point"]:
    """Return which points have a stronger one within `nucleus` pixels and no valley of DAPI between the two."""
    same = np.zeros(len(points), dtype=bool)
    background = np.percentile(smooth_dapi, DAPI_BACKGROUND)
    for weak, strong in weaker_of_pairs(points, response, nucleus):
        steps = int(np.ceil(np.hypot(*(points[weak] - points[strong])))) + 2
        profile = _look_up(smooth_dapi, np.linspace(points[weak], points[strong], steps)) - background
        same[weak] |= bool(profile.min() > 0 and profile.min() >= NO_VALLEY * min(profile[0], profile[-1]))
    return same


def _look_up(plane: Plane, points: Points) -> np.ndarray:
    from scipy import ndimage

    values: np.ndarray = ndimage.map_coordinates(plane, points.T, order=1, mode="nearest")
    return values
