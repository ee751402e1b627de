"""Shapes of all instances of a label image at once; the same figures as scikit-image's `regionprops`, cell by cell.

Screens have millions of cells, and one by one they would take as long as the network.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from lacss_tools.arrays import Labels

BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
"""steps (y, x) from a pixel to its neighbours beside it and at its corners"""
STRAIGHT, DIAGONAL, CORNER = (5, 7, 15, 17, 25, 27), (21, 33), (13, 23)
"""Benkrid and Crookes: kinds of border pixels, by 1 + 2 (border pixels beside it) + 10 (those at its corners)"""

ROUNDING = 1e-9
"""pixels; a centre this close to the hull lies in it"""


@dataclass(frozen=True)
class Pixels:
    """Pixels of all instances, those of one instance together and in the order of the rows."""

    label: Int64[np.ndarray, " n"]
    """of each instance, ascending"""
    start: Int64[np.ndarray, " n"]
    """first pixel of each instance"""
    area: Int64[np.ndarray, " n"]
    y: Int64[np.ndarray, " pixel"]
    x: Int64[np.ndarray, " pixel"]

    def sums(self, values: Float[np.ndarray, " pixel"]) -> Float[np.ndarray, " n"]:
        """Return the sum over each instance."""
        return np.add.reduceat(values, self.start) if len(self.start) else np.zeros(0)

    def spread(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " pixel"]:
        """Return the value of its instance at each pixel."""
        return np.repeat(values, self.area)


@dataclass(frozen=True)
class Shapes:
    """Of n instances: area in pixels, centroid and lengths in pixels, as `regionprops` defines them.

    Axes and eccentricity are those of the ellipse of equal second moments; `diameter` is that of the disc of equal
    area; `solidity` is the area over that of the convex hull; `perimeter` runs through the centres of border pixels.
    """

    area: Int64[np.ndarray, " n"]
    centroid: Float[np.ndarray, "n 2"]
    diameter: Float[np.ndarray, " n"]
    major: Float[np.ndarray, " n"]
    minor: Float[np.ndarray, " n"]
    eccentricity: Float[np.ndarray, " n"]
    solidity: Float[np.ndarray, " n"]
    perimeter: Float[np.ndarray, " n"]


def pixels_of(labels: Labels) -> Pixels:
    """Return the pixels of all instances (labels above 0)."""
    at = np.flatnonzero(labels)
    numbers = labels.ravel()[at]
    order = np.argsort(numbers, kind="stable")
    label, start, area = np.unique(numbers[order], return_index=True, return_counts=True)
    y, x = np.divmod(at[order], labels.shape[1])
    return Pixels(label.astype(np.int64), start, area, y, x)


def shapes(labels: Labels, pixels: Pixels) -> Shapes:
    """Return the shapes of the instances of `pixels`, which are those of `labels`."""
    area = pixels.area.astype(np.float64)
    centre = [pixels.sums(line.astype(np.float64)) / area for line in (pixels.y, pixels.x)]
    dy, dx = (line - pixels.spread(mean) for line, mean in zip((pixels.y, pixels.x), centre, strict=True))
    yy, xx, yx = (pixels.sums(product) / area for product in (dy * dy, dx * dx, dy * dx))
    root = np.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    large, small = (yy + xx) / 2 + root, np.maximum((yy + xx) / 2 - root, 0)
    flat = np.divide(small, large, out=np.ones_like(small), where=large > 0)
    return Shapes(
        area=pixels.area,
        centroid=np.stack(centre, axis=1),
        diameter=np.sqrt(4 / np.pi * area),
        major=4 * np.sqrt(large),
        minor=4 * np.sqrt(small),
        eccentricity=np.sqrt(1 - flat),
        solidity=solidity(pixels),
        perimeter=perimeter(labels, pixels),
    )


def perimeter(labels: Labels, pixels: Pixels) -> Float[np.ndarray, " n"]:
    """Return the length of each instance's border, by the kind of each of its pixels (Benkrid and Crookes 2000)."""
    framed = np.pad(labels, 1)
    inner = framed[1:-1, 1:-1]
    same = [inner == framed[1 + dy : labels.shape[0] + 1 + dy, 1 + dx : labels.shape[1] + 1 + dx] for dy, dx in BESIDE]
    border = ~np.logical_and.reduce(same)[pixels.y, pixels.x]
    y, x = pixels.y[border] + 1, pixels.x[border] + 1
    line, own = np.zeros_like(framed), framed[y, x]
    line[y, x] = own
    beside, corners = (
        sum((line[y + dy, x + dx] == own).astype(np.int64) for dy, dx in part) for part in (BESIDE, CORNERS)
    )
    kind = 1 + 2 * beside + 10 * corners
    length = np.zeros(1 + 2 * len(BESIDE) + 10 * len(CORNERS) + 1)
    length[list(STRAIGHT)], length[list(DIAGONAL)], length[list(CORNER)] = 1, np.sqrt(2), (1 + np.sqrt(2)) / 2
    each = np.zeros(len(pixels.y))
    each[border] = length[kind]
    return pixels.sums(each)


def solidity(pixels: Pixels) -> Float[np.ndarray, " n"]:
    """Return the area of each instance over that of its convex hull; 1 for lines and up to three pixels."""
    out = np.ones(len(pixels.area))
    if len(out) == 0:
        return out
    first = np.ones(len(pixels.y), bool)
    first[1:] = pixels.y[1:] != pixels.y[:-1]
    first[pixels.start] = True
    begin = np.flatnonzero(first)
    last = np.append(begin[1:], len(pixels.y)) - 1
    row, left, right = pixels.y[begin], pixels.x[begin], pixels.x[last]
    ends = np.append(np.searchsorted(begin, pixels.start), len(begin))
    for k, area in enumerate(pixels.area.tolist()):
        lines = slice(ends[k], ends[k + 1])
        thin = ends[k + 1] - ends[k] < 2 or left[lines].min() == right[lines].max()
        if area >= 4 and not thin:
            out[k] = area / hull_area(row[lines], left[lines], right[lines])
    return out


def hull_area(row: Int64[np.ndarray, " r"], left: Int64[np.ndarray, " r"], right: Int64[np.ndarray, " r"]) -> int:
    """Return how many pixel centres lie in the convex hull of pixels, of each row the first and the last.

    The hull is that of the middles of the pixels' sides, as in scikit-image's `convex_hull_image`.
    """
    from scipy.spatial import ConvexHull

    sides = np.concatenate([row, row - 0.5, row + 0.5])
    points = np.concatenate(
        [np.stack([sides, np.concatenate([end + out, end, end])], axis=1) for end, out in ((left, -0.5), (right, 0.5))]
    )
    corners = points[ConvexHull(points).vertices]
    (y0, x0), (y1, x1) = corners.T[:, :, None], np.roll(corners, 1, axis=0).T[:, :, None]
    lines = np.arange(row[0], row[-1] + 1)
    crossed = (np.minimum(y0, y1) <= lines) & (lines <= np.maximum(y0, y1)) & (y0 != y1)
    with np.errstate(divide="ignore", invalid="ignore"):
        where = x0 + (lines - y0) * ((x1 - x0) / (y1 - y0))
    low, high = np.where(crossed, where, np.inf).min(axis=0), np.where(crossed, where, -np.inf).max(axis=0)
    return int((np.floor(high + ROUNDING) - np.ceil(low - ROUNDING) + 1).sum())
