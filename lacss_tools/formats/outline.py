"""Outlines of cells along the edges of their pixels, and back: the same pixels come out again.

Vertices are (y, x) in the frame of ImageJ and QuPath: (0, 0) is the top-left corner of the top-left pixel, so that the
centre of pixel (i, j) is (i + 0.5, j + 0.5).
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float, Integer

from lacss_tools.arrays import Mask
from lacss_tools.cells import Cells

Ring = Integer[np.ndarray, "_ 2"]
"""a closed outline without its first vertex repeated; the cell lies on its right hand on the screen"""
Outline = Float[np.ndarray, "_ 2"] | Ring
FARTHEST = 1e9
"""pixels from the image in which no vertex lies any more"""
EDGES = 512
"""at a time: memory does not grow with the number of vertices"""


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


def fill(polygons: Iterable[list[Outline]], shape: tuple[int, int]) -> tuple[int, int, Bool[np.ndarray, "_ _"]] | None:
    """Return (y0, x0, mask) of the pixels of an image whose centre lies in any of the polygons; None if none.

    A polygon is a list of rings; a centre lies in it when an odd number of them encloses it. Time and memory are those
    of the box of the polygons within the image. Raises ValueError for coordinates that are no places.

    >>> fill([[np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 9.0], [9.0, 0.0]])]], (2, 3))[2].sum()
    np.int64(6)
    """
    parts = [[np.asarray(ring, dtype=np.float64) for ring in rings if len(ring) > 2] for rings in polygons]
    every = [ring for rings in parts for ring in rings]
    if not every:
        return None
    vertices = np.concatenate(every)
    if vertices.ndim != 2 or vertices.shape[1] != 2 or not (np.abs(vertices) < FARTHEST).all():
        raise ValueError("coordinates that are no places")
    low = np.clip(np.floor(vertices.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(vertices.max(axis=0)), 0, shape).astype(int)
    if (high <= low).any():
        return None
    mask = np.zeros(high - low, dtype=bool)
    for rings in parts:
        if rings:
            mask |= _inside([ring - low for ring in rings], mask.shape)
    return (int(low[0]), int(low[1]), mask) if mask.any() else None


def _inside(rings: list[Outline], shape: tuple[int, ...]) -> Mask:
    """Return which pixel centres an odd number of rings encloses: along each row they switch it on and off."""
    switches = np.zeros((shape[0], shape[1] + 1), dtype=bool)
    for ring in rings:
        ends = np.roll(ring, -1, axis=0)
        for k in range(0, len(ring), EDGES):
            _switch(switches, ring[k : k + EDGES].astype(np.float64), ends[k : k + EDGES])
    mask: Mask = np.logical_xor.accumulate(switches, axis=1)[:, :-1]
    return mask


def _switch(switches: Mask, start: Outline, end: Outline) -> None:
    """Switch, in each row whose centres edges cross, the first centre on or behind each edge."""
    height, width = switches.shape[0], switches.shape[1] - 1
    ends = np.sort(np.stack([start[:, 0], end[:, 0]]), axis=0)
    first, last = np.clip(np.ceil(ends - 0.5), 0, height).astype(int)
    edge = np.repeat(np.arange(len(start)), last - first)
    row = np.arange(len(edge)) + (last - np.cumsum(last - first))[edge]
    step = (end - start)[edge]
    column = start[edge, 1] + (row + 0.5 - start[edge, 0]) / step[:, 0] * step[:, 1]
    at = np.clip(np.ceil(column - 0.5), 0, width).astype(int)
    np.logical_xor.at(switches, (row, at), True)


def cell_outlines(cells: Cells, k: int) -> list[list[Ring]]:
    """Return the polygons of cell k in the frame of the image."""
    return [[ring + cells.boxes[k, :2] for ring in polygon] for polygon in polygons(cells.mask(k))]
