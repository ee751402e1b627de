"""Locations of interest (LOIs): one point per nucleus, by the network, by pieces of level sets or the paper's rule."""

from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from lacss_tools.annotate.lois.nuclei import (
    FALLBACK_DIAMETER,
    SIGMA_PER_DIAMETER,
    Found,
    find_nuclei,
    nucleus_range,
)
from lacss_tools.annotate.lois.optics import FEWEST, is_calm, mended
from lacss_tools.annotate.lois.settings import DOG, MIN_RESPONSE, NETWORK, LoiSettings
from lacss_tools.arrays import Plane, Points
from lacss_tools.points import values_at

TRUNCATE = 3.0
"""standard deviations to which the Gaussians reach"""
LOOKS = 3
"""at an image that is not calm: as haze and debris go, more nuclei appear, which tell better what these are"""


def find_lois(
    dapi: Plane, settings: LoiSettings, diameter: float | None = None
) -> tuple[Points, Float[np.ndarray, " point"]]:
    """Return (y, x) of the LOIs, strongest first, and their responses.

    With the method "network" they lie in the nuclei that the network sees (`network.find_nuclei`); with "pieces" they
    are the centres of those that `nuclei.find_nuclei` sees, about `diameter` pixels across. By the paper's rule
    (Methods) they are every 4-connected maximum of the difference of two Gaussians above `min_response`, on
    intensities whose 1st and 99.8th percentile are 0 and 1, refined to a fraction of a pixel by a parabola. Gain and
    offset of the camera never matter, nor do hot pixels, haze and debris (`light`, `optics`), and of points closer
    than `min_distance` the strongest stays. A constant image has none.
    """
    if settings.rule == NETWORK:
        from lacss_tools.annotate.lois import network

        found = network.find_nuclei(dapi, settings, diameter)
        return found.points, found.scores
    dapi = mended(dapi)
    if settings.rule == DOG:
        across = settings.gaussians[0] / SIGMA_PER_DIAMETER
        calm = dapi if is_calm(dapi, across) else find_in_calm(dapi, across, MIN_RESPONSE)[1]
        points, strength = find_maxima(calm, settings.gaussians, settings.least)
    else:
        (points, strength, _), _ = find_in_calm(dapi, diameter or FALLBACK_DIAMETER, settings.least)
    keep = apart(points, settings.min_distance)
    return points[keep], strength[keep]


def find_in_calm(dapi: Plane, diameter: float, min_response: float) -> tuple[Found, Plane]:
    """Return what `nuclei.find_nuclei` does, and the image in which: that given, unless haze or debris had to go."""
    calm, found = dapi, find_nuclei(dapi, diameter, min_response)
    for _ in range(LOOKS - 1):
        centres = found[0]
        if len(centres) < FEWEST or is_calm(dapi, diameter, centres):
            break
        from lacss_tools.annotate.lois.light import even

        calm = even(dapi, diameter, partial(values_at, points=centres))
        found = find_nuclei(calm, diameter, min_response)
    return found, calm


def find_maxima(
    dapi: Plane, sigma: tuple[float, float], min_response: float
) -> tuple[Points, Float[np.ndarray, " point"]]:
    """Return the maxima of the difference of Gaussians, strongest first, and their heights."""
    response = difference_of_gaussians(normalise(dapi), *sigma)
    at = np.argwhere(local_maxima(response) & (response > min_response))
    strength = response[at[:, 0], at[:, 1]].astype(np.float64)
    order = np.argsort(-strength, kind="stable")
    return refine(response, at[order]), strength[order]


def normalise(dapi: Plane) -> Plane:
    """Map the 1st and 99.8th percentile to 0 and 1; a constant image becomes 0."""
    return nucleus_range(dapi, step=2).scale(dapi, 1e-12)


def difference_of_gaussians(image: Plane, narrow: float, wide: float) -> Plane:
    """Return the narrow minus the wide Gaussian average; beyond the border the edge repeats."""
    from scipy.ndimage import gaussian_filter

    result: Plane = gaussian_filter(image, narrow, mode="nearest", truncate=TRUNCATE)
    result -= gaussian_filter(image, wide, mode="nearest", truncate=TRUNCATE)
    return result


def local_maxima(response: Plane) -> Bool[np.ndarray, "y x"]:
    """Return where no 4-neighbour is higher, one pixel of each plateau (the one nearest to its centre).

    Pixels on the border count when they exceed their neighbours inside. A constant image has no maximum.
    """
    framed = np.pad(response, 1, constant_values=-np.inf)
    around = np.stack([framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]])
    highest = around.max(axis=0)
    peaks: np.ndarray = response > highest
    flat = response == highest
    if flat.any():
        _add_plateaus(response, flat, peaks)
    return peaks


def _add_plateaus(response: Plane, flat: Bool[np.ndarray, "y x"], peaks: Bool[np.ndarray, "y x"]) -> None:
    from scipy import ndimage

    # a plateau is a connected set of equal pixels; it is a maximum when none of its neighbours is higher
    levels = {}
    components, count = ndimage.label(flat)
    for k, window in enumerate(ndimage.find_objects(components), start=1):
        rows, columns = (slice(max(0, s.start - 1), s.stop + 1) for s in window)
        part = components[rows, columns] == k
        value = response[rows, columns][part].max()
        equal = part & (response[rows, columns] == value)
        rim = ndimage.binary_dilation(equal) & ~equal
        if count and (rim.any() and (response[rows, columns][rim] < value).all()):
            pixels = np.argwhere(equal)
            centre = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()]
            levels[k] = (rows.start + centre[0], columns.start + centre[1])
    for y, x in levels.values():
        peaks[y, x] = True


def apart(points: Points, distance: float) -> Bool[np.ndarray, " point"]:
    """Return which points stay: going down in strength, each that has no kept one within `distance`."""
    from scipy.spatial import cKDTree

    kept = np.ones(len(points), dtype=bool)
    if distance > 0 and len(points) > 1:
        for k, near in enumerate(cKDTree(points).query_ball_point(points, distance)):
            kept[k] = not any(kept[j] for j in near if j < k)
    return kept


def refine(response: Plane, at: np.ndarray) -> Points:
    """Move each maximum to the top of the parabola through it and its neighbours, per axis, by half a pixel at most."""
    points = at.astype(np.float64)
    for axis in (0, 1):
        inner = (at[:, axis] > 0) & (at[:, axis] < response.shape[axis] - 1)
        step = np.eye(2, dtype=int)[axis]
        low, mid, high = (response[tuple((at[inner] + k * step).T)].astype(np.float64) for k in (-1, 0, 1))
        curve = low - 2 * mid + high
        shift = np.where(curve < 0, (low - high) / (2 * np.where(curve < 0, curve, -1)), 0)
        points[inner, axis] += np.clip(shift, -0.5, 0.5)
    return points
