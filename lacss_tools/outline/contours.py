"""Cells as outlines for the page: closed paths between their pixels and others, few numbers each."""

import numpy as np

from lacss_tools.outline.sheet import Sheet

Path = list[int]
"""y, x, y, x, ... in half pixels from the corner of the cell's box, closed without its first point repeated"""


def contours(sheet: Sheet, number: int) -> list[Path]:
    """Return the outer path of a cell and those of its holes, midway between its outermost pixels and their neighbours.

    A value of 1 is the edge of the first pixel of the box, half a pixel before its centre.
    """
    from skimage.measure import find_contours

    box = sheet.boxes[number]
    cell = np.pad(sheet.window(box) == number, 1).astype(np.float32)
    paths = []
    for path in find_contours(cell, 0.5):
        points = np.rint(2 * path[:-1]).astype(np.int64) - 1
        paths.append(_corners(points).ravel().tolist())
    return paths


def _corners(points: np.ndarray) -> np.ndarray:
    """Return the points of a closed path that do not lie on straight lines between their neighbours."""
    ahead, behind = np.roll(points, -1, axis=0) - points, points - np.roll(points, 1, axis=0)
    bends: np.ndarray = points[ahead[:, 0] * behind[:, 1] != ahead[:, 1] * behind[:, 0]]
    return bends
