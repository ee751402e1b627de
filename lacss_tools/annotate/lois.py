"""Locations of interest (LOIs): one point per nucleus, by difference of Gaussians (paper, Methods)."""

import numpy as np
from jaxtyping import Bool, Float

from lacss_tools.annotate.settings import LoiSettings
from lacss_tools.arrays import Plane, Points

MERGE_REACH = 1.2
ALWAYS_MERGE = 0.3
TRUNCATE = 3.0
SINGLE_SOLIDITY = 0.9
FALLBACK_DIAMETER = 4.2 / 0.25


def find_lois(dapi: Plane, settings: LoiSettings, diameter: float) -> tuple[Points, Float[np.ndarray, " point"]]:
    """Return (y, x) of the LOIs, strongest first, and their responses.

    The response is the difference of Gaussians on intensities whose 1st and 99.8th percentile are mapped to 0 and 1,
    so gain and offset of the camera do not matter. LOIs are its 4-connected maxima above `min_response`; with
    `settings.sigma` that is all (the paper's rule), else maxima of one nucleus of `diameter` pixels merge. Positions
    are refined to a part of a pixel by a parabola. A constant image has none.
    """
    response = difference_of_gaussians(normalise(dapi), *settings.sigmas(diameter))
    at = np.argwhere(local_maxima(response) & (response > settings.min_response))
    strength = response[at[:, 0], at[:, 1]]
    order = np.argsort(-strength, kind="stable")
    at, strength = at[order], strength[order]
    keep = _merge(response, at, strength, settings, diameter)
    return refine(response, at[keep]), strength[keep].astype(np.float64)


def normalise(dapi: Plane) -> Plane:
    """Map the 1st and 99.8th percentile to 0 and 1; a constant image becomes 0."""
    low, high = np.percentile(dapi[::2, ::2], [1, 99.8])
    if high <= low:
        low, high = float(dapi.min()), float(dapi.max())
    scaled: Plane = (dapi - np.float32(low)) / np.float32(max(high - low, 1e-12))
    return scaled


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


def _merge(response: Plane, at: np.ndarray, strength: np.ndarray, settings: LoiSettings, diameter: float) -> np.ndarray:
    """Return the indices of the maxima that stay: going down in strength, each that is not part of a kept one."""
    from scipy.spatial import cKDTree

    paper = settings.sigma is not None
    closest = settings.min_distance if settings.min_distance is not None else (0 if paper else ALWAYS_MERGE * diameter)
    reach = closest if paper else max(closest, MERGE_REACH * diameter)
    if reach <= 0 or len(at) < 2:
        return np.arange(len(at))
    kept = np.zeros(len(at), dtype=bool)
    near = cKDTree(at).query_ball_point(at, reach)
    for k, neighbours in enumerate(near):
        stronger = [j for j in neighbours if j < k and kept[j]]
        kept[k] = not any(
            np.hypot(*(at[k] - at[j])) < closest
            or (not paper and _lowest_between(response, at[k], at[j]) > (1 - settings.dip) * strength[k])
            for j in stronger
        )
    return np.flatnonzero(kept)


def _lowest_between(response: Plane, start: np.ndarray, end: np.ndarray) -> float:
    steps = int(np.abs(start - end).max()) + 1
    y, x = np.rint(np.linspace(start, end, steps)).astype(int).T
    return float(response[y, x].min())


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


def estimate_diameter(images: list[Plane]) -> float:
    """Return the typical nucleus diameter in pixels: sqrt(4/pi * area) of the median single nucleus.

    Nuclei are cut out at Otsu's threshold of the log intensity above background; only compact pieces (solidity over
    0.9) count, since clumps of nuclei are not convex. Without any, the diameter that gives the paper's sigmas.
    """
    areas = [area for image in images for area in _nucleus_areas(image)]
    return float(np.sqrt(4 / np.pi * np.median(areas))) if areas else FALLBACK_DIAMETER


def _nucleus_areas(image: Plane) -> list[float]:
    from scipy import ndimage
    from skimage.filters import threshold_otsu
    from skimage.measure import label, regionprops

    smooth = ndimage.gaussian_filter(image, 1.0)
    low, high = np.percentile(smooth, [20, 99.5])
    if high <= low:
        return []
    level = np.log(np.maximum(smooth - low, 0) / (high - low) + 0.02)
    nuclei = ndimage.binary_opening(level > threshold_otsu(level))
    return [float(r.area) for r in regionprops(label(nuclei)) if r.area > 20 and r.solidity > SINGLE_SOLIDITY]
