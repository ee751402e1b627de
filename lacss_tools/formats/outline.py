"""Outlines of cells along the edges of their pixels, and back: the same pixels come out again.

Vertices are (y, x) in the frame of ImageJ and QuPath: (0, 0) is the top-left corner of the top-left pixel, so that the
centre of pixel (i, j) is (i + 0.5, j + 0.5).
"""

import numpy as np
from jaxtyping import Float, Integer

from lacss_tools.arrays import Mask
from lacss_tools.cells import Cells

Ring = Integer[np.ndarray, "_ 2"]
"""a closed outline without its first vertex repeated; the cell lies on its right hand on the screen"""
Outline = Float[np.ndarray, "_ 2"] | Ring


def polygons(mask: Mask) -> list[list[Ring]]:
    """Return for each 4-connected piece its outer ring and then its holes; rings never touch themselves.

    >>> [[ring]] = polygons(np.array([[True, True]]))
    >>> ring.tolist()
    [[0, 0], [0, 2], [1, 2], [1, 0]]
    """
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    out = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(pieces), start=1):
        offset = np.array([rows.start, columns.start])
        rings = [_corners(ring) for ring in _cycles(_edges(pieces[rows, columns] == number))]
        rings.sort(key=_area, reverse=True)
        out.append([ring + offset for ring in rings])
    assert len(out) == count
    return out


def _edges(mask: Mask) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return start -> ends of the pixel edges between mask and background, the mask on the right hand."""
    framed = np.pad(mask, 1)
    inside = framed[1:-1, 1:-1]
    sides = (
        (inside & ~framed[:-2, 1:-1], (0, 0), (0, 1)),
        (inside & ~framed[1:-1, 2:], (0, 1), (1, 1)),
        (inside & ~framed[2:, 1:-1], (1, 1), (1, 0)),
        (inside & ~framed[1:-1, :-2], (1, 0), (0, 0)),
    )
    ends: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for open_side, (y0, x0), (y1, x1) in sides:
        for y, x in np.argwhere(open_side).tolist():
            ends.setdefault((y + y0, x + x0), []).append((y + y1, x + x1))
    return ends


def _cycles(ends: dict[tuple[int, int], list[tuple[int, int]]]) -> list[Ring]:
    """Take the edges apart into cycles that pass no vertex twice: a cycle is cut off as soon as it closes."""
    rings = []
    for start in list(ends):
        while ends[start]:
            path, place = [start], {start: 0}
            while path:
                at = ends[path[-1]].pop()
                if at not in place:
                    place[at] = len(path)
                    path.append(at)
                    continue
                cut = place[at]
                rings.append(np.array(path[cut:]))
                for vertex in path[cut + 1 :]:
                    del place[vertex]
                path = path[: cut + 1]
                if cut == 0:
                    break
    return rings


def _corners(ring: Ring) -> Ring:
    """Return the ring without vertices on straight lines, from its top-left corner."""
    steps = np.roll(ring, -1, axis=0) - ring
    ring = ring[(steps != np.roll(steps, 1, axis=0)).any(axis=1)]
    first = int(np.lexsort((ring[:, 1], ring[:, 0]))[0])
    return np.roll(ring, -first, axis=0)


def _area(ring: Ring) -> float:
    y, x = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


def fill(rings: list[Outline], shape: tuple[int, int]) -> tuple[int, int, Mask] | None:
    """Return (y0, x0, mask) of the pixels of an image whose centre an odd number of rings encloses; None if none.

    Exact for rings along pixel edges; for other polygons a pixel is off by at most half a pixel of the border.
    """
    from skimage.draw import polygon2mask

    vertices = np.concatenate(rings).astype(float)
    low = np.clip(np.floor(vertices.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(vertices.max(axis=0)), 0, shape).astype(int)
    if (high <= low).any():
        return None
    mask = np.zeros(high - low, dtype=bool)
    for ring in rings:
        mask ^= polygon2mask(mask.shape, ring.astype(float) - low - 0.5)
    return (int(low[0]), int(low[1]), mask) if mask.any() else None


def cell_outlines(cells: Cells, k: int) -> list[list[Ring]]:
    """Return the polygons of cell k in the frame of the image."""
    return [[ring + cells.boxes[k, :2] for ring in polygon] for polygon in polygons(cells.mask(k))]
