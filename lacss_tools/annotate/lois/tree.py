"""Pieces of the level sets of a blob response, as a tree: each lies in the next lower one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from lacss_tools.arrays import Plane

REACH = 4.0
"""a uniform ellipse reaches to squared Mahalanobis distance 4 from its centre"""
CUT_OFF = 1.7
"""pieces at the image border are taken to be larger by this factor, since a part of them is outside"""
LEVELS = np.geomspace(0.002, 0.13, 14)
"""levels of the response, for intensities whose 1st and 99.8th percentile are 0 and 1"""


@dataclass(frozen=True)
class Tree:
    """All pieces of all levels, parents before children; lengths and areas in pixels of the filtered image."""

    centre: Float[np.ndarray, "piece 2"]
    diameter: Float[np.ndarray, " piece"]
    area: Float[np.ndarray, " piece"]
    fit: Float[np.ndarray, " piece"]
    """IoU with the ellipse of the same moments"""
    peak: Float[np.ndarray, " piece"]
    level: Int[np.ndarray, " piece"]
    parent: Int[np.ndarray, " piece"]
    """index of the piece of the level below that holds this one; -1 on the lowest level"""

    def __len__(self) -> int:
        return len(self.area)


def grow(response: Plane) -> Tree:
    """Return the pieces (4-connected, response above the level) of all levels and how they contain each other."""
    from scipy import ndimage

    height = response.ravel()
    pixels = np.flatnonzero(height > LEVELS[0])
    innermost = np.full(height.shape, -1, dtype=np.int32)
    members, parents = [], []
    first = 0
    for level in LEVELS:
        pixels = pixels[height[pixels] > level]
        if len(pixels) == 0:
            break
        pieces, count = ndimage.label(response > level)
        piece = pieces.ravel()[pixels] - 1
        parent = np.empty(count, dtype=int)
        parent[piece] = innermost[pixels]
        innermost[pixels] = piece + first
        members.append((pixels, piece, first, count))
        parents.append(parent)
        first += count
    if not members:
        return Tree(np.zeros((0, 2)), *(np.zeros(0) for _ in range(4)), *(np.zeros(0, dtype=int) for _ in range(2)))
    return _measure(response, innermost, members, parents)


def _measure(
    response: Plane,
    innermost: Int[np.ndarray, " pixel"],
    members: list[tuple[np.ndarray, np.ndarray, int, int]],
    parents: list[np.ndarray],
) -> Tree:
    """Return the tree with the moments of each piece: those of its own pixels and those of all pieces inside it."""
    pixels = np.flatnonzero(innermost >= 0)
    owner = innermost[pixels]
    y, x = (values.astype(float) for values in np.divmod(pixels, response.shape[1]))
    n = sum(count for *_, count in members)
    rim = (y == 0) | (x == 0) | (y == response.shape[0] - 1) | (x == response.shape[1] - 1)
    sums = np.stack([np.bincount(owner, v, n) for v in (np.ones(len(y)), y, x, y * y, x * x, y * x, rim)])
    peak = np.zeros(n)
    np.maximum.at(peak, owner, response.ravel()[pixels])
    for (_, _, first, count), parent in zip(members[:0:-1], parents[:0:-1], strict=True):
        for row in sums:
            np.add.at(row, parent, row[first : first + count])
        np.maximum.at(peak, parent, peak[first : first + count])
    area = sums[0]
    cy, cx = sums[1:3] / area
    # a pixel is a square: 1/12 is its own variance
    yy, xx = sums[3] / area - cy * cy + 1 / 12, sums[4] / area - cx * cx + 1 / 12
    moments = np.stack([area, cy, cx, yy, xx, sums[5] / area - cy * cx])
    return Tree(
        centre=moments[1:3].T,
        diameter=np.sqrt(4 / np.pi * area) * np.where(sums[6] > 0, CUT_OFF, 1),
        area=area,
        fit=np.concatenate([_fit(*member, response.shape[1], moments) for member in members]),
        peak=peak,
        level=np.repeat(np.arange(len(members)), [count for *_, count in members]),
        parent=np.concatenate(parents),
    )


def _fit(
    pixels: np.ndarray, piece: np.ndarray, first: int, count: int, width: int, moments: Float[np.ndarray, "6 piece"]
) -> Float[np.ndarray, " piece_of_level"]:
    """Return the IoU of each piece of one level with the ellipse of its moments."""
    area, cy, cx, yy, xx, yx = moments[:, first : first + count]
    determinant = np.maximum(yy * xx - yx**2, 1e-6)
    y, x = np.divmod(pixels, width)
    dy, dx = y - cy[piece], x - cx[piece]
    distance = xx[piece] * dy * dy - 2 * yx[piece] * dy * dx + yy[piece] * dx * dx
    inside = np.bincount(piece, distance <= (REACH * determinant)[piece], count)
    iou: np.ndarray = inside / (4 * np.pi * np.sqrt(determinant) + area - inside)
    return iou
