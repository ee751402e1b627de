"""Nuclei as the roundest pieces among all level sets of a blob filter: one piece per nucleus, of any size.

Raising a level through the difference-of-Gaussians response cuts the image into ever more pieces; pieces of one level
lie inside pieces of the level below, so they form a tree (as in maximally stable regions and their successors: Matas
et al. 2002; Arteta et al. 2012). In it, a clump of touching nuclei is one bent piece whose children are round, and a
nucleus with bright spots is one round piece whose children are small. Going up from the leaves, each piece is compared
with what it splits into, and the better of the two stays. The weights were tuned on a third of two annotated sets
(docs/results.md says which).
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from lacss_tools.annotate.lois.optics import average, mended
from lacss_tools.annotate.lois.settings import MIN_RESPONSE
from lacss_tools.annotate.lois.tree import LEVELS, Tree, grow
from lacss_tools.arrays import Plane, Points
from lacss_tools.contrast import Range, full_range, percentile_range
from lacss_tools.points import values_at

COMPRESSION = 3.0
"""the logarithm ln(1 + 3n) makes dim nuclei count beside bright ones"""
WORKING_DIAMETER = 10
"""pixels across a nucleus to which images of larger ones are averaged"""
SIGMA_PER_DIAMETER = 0.17
SIGMA_RATIO = 1.19
"""narrow Gaussian in nucleus diameters, and wide over narrow; the ratio is that of the paper, 5.0 / 4.2"""
ABOVE_NOISE = 5.0
"""standard deviations of the response to noise that a nucleus must exceed"""

# a piece is worth its fit to an ellipse, less the logarithms below, weighted
SPREAD = 1.2
"""the lowest level reaches past the edge of a nucleus by this factor"""
TOO_SMALL = 0.36
TOO_BIG, BIG = 0.14, 0.7
"""the weights of being smaller, and larger than this factor, than the diameter that is looked for"""
# a split is worth the mean of its pieces and these signs of two nuclei
VALLEY, COVER, LIKENESS = 0.07, 0.28, 0.047
"""weights of a dark gap, of covering the whole, and of unlike brightness"""
SMALLEST = 0.4
"""pieces narrower than this fraction of the diameter are debris"""
FAINT = 0.2
"""pieces with less than this fraction of the usual response are debris, small ones sooner"""
LARGE, LARGE_FROM = 2.2, 2.0
"""a second look for nuclei this many times as large; what it finds counts from this size on"""
SPOTS_COVER, SPOTS_DARKER = 0.4, 0.85
"""spots of one large nucleus cover less than this fraction of it, and it is brighter than this fraction of them"""
QUANTILE, FROM_QUANTILE, ROUNDS = 0.1, 1.15, 10
"""the typical diameter is 1.15 times the 10th percentile, which clumps cannot raise; at most so many rounds"""
SMALLEST_LOOK, FALLBACK_DIAMETER = 4.0, 20.0
"""pixels: below the first nothing is looked for; the second serves images without nuclei"""


Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""centres (nucleus, 2), peak responses and diameters"""
Each = Callable[[Callable[[np.ndarray], np.ndarray], list[np.ndarray]], Iterable[np.ndarray]]


def find_nuclei(
    dapi: Plane, diameter: float, min_response: float
) -> tuple[Points, Float[np.ndarray, " nucleus"], Float[np.ndarray, " nucleus"]]:
    """Return centres (y, x) of nuclei about `diameter` pixels across, their peak responses and their diameters.

    Intensities are mapped to ln(1 + 3n) with n from 0 at the 1st to 1 at the 99.8th percentile, so that a dim nucleus
    beside a bright one keeps its edge, and gain and offset of the camera do not matter. Strongest first.
    """
    fine = _find(dapi, diameter, min_response)
    coarse = _find(dapi, LARGE * diameter, min_response)
    centres, peaks, diameters = _replace_spots(dapi, fine, coarse, diameter)
    order = np.argsort(-peaks, kind="stable")
    return centres[order], peaks[order], diameters[order]


def _find(dapi: Plane, diameter: float, min_response: float) -> Found:
    step = min(max(1, round(diameter / WORKING_DIAMETER)), *dapi.shape)
    small = compress(average(dapi, step))
    sigma = SIGMA_PER_DIAMETER * diameter / step
    tree = grow(blob_response(small, sigma))
    chosen = select(tree, diameter / step, max(min_response, ABOVE_NOISE * response_noise(small, sigma)))
    centres: Points = (tree.centre[chosen] + 0.5) * step - 0.5
    return centres, tree.peak[chosen], tree.diameter[chosen] * step


def _replace_spots(dapi: Plane, fine: Found, coarse: Found, diameter: float) -> Found:
    """Return the fine pieces, but one coarse piece for those that are spots of one large nucleus.

    They are spots when they cover little of it and the rest is hardly darker: gaps between nuclei are dark.
    """
    from scipy.spatial import cKDTree

    centres, _, diameters = fine
    if len(centres) == 0:
        return fine
    whole = np.flatnonzero(coarse[2] > LARGE_FROM * diameter)
    if len(whole) == 0:
        return fine
    level, tree, spot = compress(dapi), cKDTree(centres), np.zeros(len(centres), dtype=bool)
    at = values_at(level, centres)
    large = []
    for k in whole:
        inside = np.array(tree.query_ball_point(coarse[0][k], coarse[2][k] / 2), dtype=int)
        if len(inside) < 2 or (diameters[inside] ** 2).sum() > SPOTS_COVER * coarse[2][k] ** 2:
            continue
        if _mean_in_disc(level, coarse[0][k], 0.4 * coarse[2][k]) > SPOTS_DARKER * at[inside].mean():
            spot[inside] = True
            large.append(k)
    together = [np.concatenate([a[~spot], b[large]]) for a, b in zip(fine, coarse, strict=True)]
    return together[0], together[1], together[2]


def _mean_in_disc(image: Plane, centre: np.ndarray, radius: float) -> float:
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.ceil(centre + radius).astype(int) + 1
    y, x = np.ogrid[low[0] : min(high[0], image.shape[0]), low[1] : min(high[1], image.shape[1])]
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return float(image[low[0] : high[0], low[1] : high[1]][inside].mean())


def estimate_diameter(images: list[np.ndarray], each: Each = map) -> float:
    """Return the typical nucleus diameter in pixels, from the nuclei that are found in planes of any sizes.

    Beginning with an eighth of the image side, the diameter that is looked for is replaced by that of the nuclei found
    (1.15 times the 10th percentile, which clumps cannot raise; pieces under half of the usual diameter are debris and
    do not count), until it stays or comes back to where it was. Without any nuclei, 20. `each(function, images)` is
    `map`, or does the same in several processes.
    """
    diameter = min((min(image.shape) for image in images), default=0) / 8
    tried = []
    for _ in range(ROUNDS):
        tried.append(diameter)
        found = each(partial(_diameters, diameter=diameter), images) if diameter > SMALLEST_LOOK else []
        diameters = np.concatenate([*found, np.zeros(0)])
        if len(diameters) == 0:
            return FALLBACK_DIAMETER
        whole = diameters[diameters > _usual(diameters, diameters) / 2]
        diameter = FROM_QUANTILE * float(np.quantile(whole, QUANTILE))
        # it may go round for ever where the working scale changes
        if any(abs(diameter - before) < 0.01 * before for before in tried):
            break
    return diameter


def _diameters(image: Plane, diameter: float) -> Float[np.ndarray, " nucleus"]:
    return find_nuclei(mended(image), diameter, MIN_RESPONSE)[2]


def compress(image: Plane) -> Plane:
    """Return ln(1 + 3n) / ln 4, n running from 0 at the 1st to 1 at the 99.8th percentile; a constant becomes 0."""
    n = np.clip(nucleus_range(image).scale(image, 1e-12), 0, 1)
    level: Plane = np.log1p(np.float32(COMPRESSION) * n) / np.float32(np.log1p(COMPRESSION))
    return level


def nucleus_range(image: Plane, step: int = 1) -> Range:
    """Return the 1st and 99.8th percentile of every `step`th pixel of every `step`th line.

    The whole range of the image where these are equal.
    """
    usual = percentile_range(image[::step, ::step], (1.0, 99.8))
    return full_range(image) if usual.is_empty else usual


def blob_response(image: Plane, sigma: float) -> Plane:
    """Return the difference of Gaussians of `sigma` and 1.19 `sigma` pixels; beyond the border the edge repeats."""
    from scipy.ndimage import gaussian_filter

    response: Plane = gaussian_filter(image, sigma, mode="nearest", truncate=3)
    response -= gaussian_filter(image, SIGMA_RATIO * sigma, mode="nearest", truncate=3)
    return response


def response_noise(image: Plane, sigma: float) -> float:
    """Return the standard deviation of the blob filter's response to the white noise of the image.

    The noise is the median size of the mixed second difference, which smooth images do not have (Immerkaer 1996),
    times the norm of the difference of the two Gaussian kernels.
    """
    second = image[:, 2:] - 2 * image[:, 1:-1] + image[:, :-2]
    mixed = second[2:] - 2 * second[1:-1] + second[:-2]
    if mixed.size == 0:
        return 0.0
    white = float(np.median(np.abs(mixed))) / (0.6745 * 6)
    narrow, wide = sigma**2, (SIGMA_RATIO * sigma) ** 2
    norm = np.sqrt(max(1 / narrow + 1 / wide - 4 / (narrow + wide), 0) / (4 * np.pi))
    return float(white * norm)


def select(tree: Tree, diameter: float, min_response: float) -> Int[np.ndarray, " nucleus"]:
    """Return the indices of the pieces that are nuclei, one inside another never."""
    large = np.log(tree.diameter / (SPREAD * diameter))
    worth = tree.fit - TOO_SMALL * np.maximum(-large, 0) - TOO_BIG * np.maximum(large - np.log(BIG), 0)
    usable = (tree.diameter > SMALLEST * diameter) & (tree.peak > min_response)
    split, children = _decide(tree, worth, usable)
    chosen, stack = [], [i for i in range(len(tree)) if tree.parent[i] < 0]
    while stack:
        i = stack.pop()
        if split[i]:
            stack += children[i]
        elif usable[i]:
            chosen.append(i)
    found = np.array(sorted(chosen), dtype=int)
    nuclei: np.ndarray = found[_clear(tree, found)]
    return nuclei


def _decide(
    tree: Tree, worth: Float[np.ndarray, " piece"], usable: Bool[np.ndarray, " piece"]
) -> tuple[list[bool], list[list[int]]]:
    """Return for each piece whether what it splits into is better, and its usable children."""
    n = len(tree)
    best, area, peak, level = worth.tolist(), tree.area.tolist(), tree.peak.tolist(), tree.level.tolist()
    covered = tree.area.tolist()
    split = [False] * n
    children: list[list[int]] = [[] for _ in range(n)]
    for i in range(n - 1, -1, -1):
        if parts := children[i]:
            together = sum(best[j] for j in parts) / len(parts)
            if len(parts) > 1:
                first, second = sorted((peak[j] for j in parts), reverse=True)[:2]
                valley = 1 - LEVELS[min(level[i] + 1, len(LEVELS) - 1)] / second
                cover = sum(covered[j] for j in parts) / area[i]
                sign = VALLEY * valley + COVER * (cover - 0.5) + LIKENESS * np.log(second / first)
                together += sign
            if together > best[i]:
                best[i], split[i], covered[i] = together, True, sum(covered[j] for j in parts)
        if usable[i] and tree.parent[i] >= 0:
            children[tree.parent[i]].append(i)
    return split, children


def _clear(tree: Tree, found: Int[np.ndarray, " nucleus"]) -> Bool[np.ndarray, " nucleus"]:
    """Return which pieces are not faint; a piece smaller than the usual must be brighter by as much."""
    if len(found) == 0:
        return np.zeros(0, dtype=bool)
    size, peak = tree.diameter[found], tree.peak[found]
    clear: np.ndarray = peak * np.minimum(1, size / _usual(size, size)) > FAINT * _usual(peak, size)
    return clear


def _usual(values: np.ndarray, diameter: np.ndarray) -> float:
    """Return the median weighted by area: a hundred specks do not outweigh five nuclei."""
    order = np.argsort(values)
    area = np.cumsum(diameter[order] ** 2)
    return float(values[order][np.searchsorted(area, area[-1] / 2)])
