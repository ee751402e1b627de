"""Nuclei inside the cut: pixels that must be cell, wherever a nucleus lies in stain (Boykov and Jolly, ICCV 2001)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from lacss_tools.arrays import Labels, Mask, Plane, Points

SPACING = 0.5
"""a nucleus is taken to be this many times as wide as the nearest other point is away (median), where only points are
known"""
NARROWEST, WIDEST, ALONE = 6.0, 24.0, 12.0
"""pixels: limits of that width, so that few points in an image do not reach far, and the width for a single point"""
SURE = 1 / 3
"""fraction of that width over which the disc around a point is taken for nucleus: an off-centre point stays inside"""
SECTORS, ENOUGH = 8, 5 / 8
"""directions in which stain is looked for around a nucleus, and the fraction of them that must have some. Half of them
see stain beside the edge of a sheet of cells"""
NEAR, FAR = 1.0, 2.0
"""nuclear widths within which the loosest and the middle mask must lie around a nucleus"""
HOLLOW = 2.0
"""how many nuclear widths a dark hollow may reach beyond its nucleus to be filled"""
NOISE = 1.0
"""sigma, in pixels, of the smoothing before hollows are looked for; raw pixels are full of them"""


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of one image."""

    labels: Labels
    """0 where there is none, 1 ... n on the nuclei, or on what is surely nucleus around a point"""
    width: float
    """pixels across a typical nucleus"""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.labels.max(initial=0))


def nuclei_at(points: Points, shape: tuple[int, int]) -> Nuclei:
    """Return small discs around points; what is too close to another point belongs to the nearest."""
    from scipy import ndimage
    from scipy.spatial import KDTree

    labels = np.zeros(shape, np.int32)
    if not len(points):
        return Nuclei(labels, ALONE)
    width = ALONE
    if len(points) > 1:
        width = float(np.clip(SPACING * np.median(KDTree(points).query(points, k=2)[0][:, 1]), NARROWEST, WIDEST))
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(shape) - 1).T
    labels[y, x] = np.arange(1, len(points) + 1)
    labels = _renumbered(labels)
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return Nuclei(np.where(distance <= SURE * width / 2, labels[tuple(nearest)], 0), width)


def nuclei_of(labels: Labels) -> Nuclei:
    """Return nuclei outlined in a label image, numbered anew."""
    labels = _renumbered(labels)
    areas = np.bincount(labels.ravel())[1:]
    return Nuclei(labels, float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else ALONE)


def _renumbered(labels: Labels) -> Labels:
    names, dense = np.unique(labels, return_inverse=True)
    out: Labels = (dense.reshape(labels.shape) + (names[0] > 0)).astype(np.int32)
    return out


def in_stain(nuclei: Nuclei, loose: Mask, middle: Mask) -> Bool[np.ndarray, " nucleus"]:
    """Return which nuclei have stain around them, by two masks that an image gives without its nuclei.

    In at least 5 of 8 directions there must be some of the loosest mask within a nuclear width of the nucleus, and some
    of the middle one within two. So a nucleus that is itself dark counts, one beside a stained cell does not, nor one
    in the haze that only the loosest mask takes for cell.
    """
    from scipy import ndimage

    enough = [
        _surrounded(nuclei, k, box, loose, NEAR) and _surrounded(nuclei, k, box, middle, FAR)
        for k, box in enumerate(ndimage.find_objects(nuclei.labels), start=1)
    ]
    return np.array(enough, dtype=bool)


def _surrounded(nuclei: Nuclei, k: int, box: tuple[slice, slice], mask: Mask, widths: float) -> bool:
    """Return whether most directions from nucleus k meet the mask; those in which the image ends do not count."""
    own = np.argwhere(nuclei.labels[box] == k) + [part.start for part in box]
    centre, reach = own.mean(axis=0), np.sqrt(len(own) / np.pi) + widths * nuclei.width
    low = np.maximum(np.ceil(centre - reach), 0).astype(int)
    high = np.minimum(np.floor(centre + reach) + 1, mask.shape).astype(int)
    window = np.s_[low[0] : high[0], low[1] : high[1]]
    y, x = np.ogrid[window]
    down, right = y - centre[0], x - centre[1]
    near = np.hypot(down, right) <= reach
    sector = ((np.arctan2(down, right) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    seen = np.bincount(sector[near & (nuclei.labels[window] != k)], minlength=SECTORS) > 0
    stained = np.bincount(sector[near & mask[window]], minlength=SECTORS) > 0
    return bool((stained & seen).sum() >= ENOUGH * seen.sum())


def fill_hollows(q: Plane, nuclei: Nuclei, chosen: Bool[np.ndarray, " nucleus"], bright: float) -> Plane:
    """Raise the hollow in which each chosen nucleus lies to the lowest rim around it; nothing becomes darker.

    A hollow that reaches further than two nuclear widths beyond its nucleus is background and stays. Beyond the image
    lies its mirror image. Nuclei of `bright` and more are in no hollow that matters.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(q, NOISE, mode="nearest")
    numbers = np.arange(1, nuclei.count + 1)
    dark = ndimage.minimum(smooth, nuclei.labels, numbers) < bright if nuclei.count else np.zeros(0, bool)
    margin = round(HOLLOW * nuclei.width)
    out, wide, labels = (np.pad(plane, margin, mode="symmetric") for plane in (q, smooth, nuclei.labels))
    for k, box in enumerate(ndimage.find_objects(nuclei.labels)):
        if chosen[k] and dark[k]:
            window = tuple(slice(part.start, part.stop + 2 * margin) for part in box)  # padded by the margin
            rim = _rim(wide[window])
            hollows, _ = ndimage.label(rim > wide[window])
            around = np.unique(hollows[labels[window] == k + 1])
            np.maximum(out[window], rim, out=out[window], where=np.isin(hollows, around[around > 0]))
    filled: Plane = out[margin : margin + q.shape[0], margin : margin + q.shape[1]]
    return filled


def _rim(level: Float32[np.ndarray, "_ _"]) -> Float32[np.ndarray, "_ _"]:
    """Return a window with every hollow filled that does not reach its edge."""
    from skimage.morphology import reconstruction

    start = np.full_like(level, level.max())
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        start[edge] = level[edge]
    rim: np.ndarray = reconstruction(start, level, method="erosion").astype(level.dtype)
    return rim
