"""From outlined cells to weak annotation: one point inside each cell, and the cell area."""

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Labels, Points
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.metrics.overlap import overlap, rows_of

DUPLICATE_IOU = 0.8
"""two outlines that share this much (intersection over union) are one cell outlined twice"""


def inner_points(labels: Labels) -> Points:
    """Return for each instance, ordered by label, the (y, x) of the pixel nearest to its centroid: always inside it.

    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> y, x = inner_points(ring)[0].astype(int)
    >>> int(ring[y, x])
    1
    """
    return inner_points_of(cells_from_labels(labels))


def inner_points_of(cells: Cells) -> Points:
    """Return the pixel of each cell that is nearest to the cell's centroid."""
    points = np.zeros((len(cells), 2))
    for k in range(len(cells)):
        pixels = np.argwhere(cells.mask(k))
        pixels = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argsort(kind="stable")[:1]]
        points[k] = pixels[0] + cells.boxes[k, :2]
    return points


def distinct(cells: Cells, most: float = DUPLICATE_IOU) -> Integer[np.ndarray, " m"]:
    """Return which cells to keep: not those that share an IoU of `most` or more with an earlier one that is kept."""
    iou = overlap(cells, cells).iou()
    rows = rows_of(iou)
    keep = np.ones(len(cells), dtype=bool)
    for k, j in zip(rows.tolist(), iou.indices.tolist(), strict=True):
        if j < k and keep[j] and iou[k, j] >= most:
            keep[k] = False
    return np.flatnonzero(keep)


def flatten(cells: Cells) -> Labels:
    """Return a label image: cell k becomes k + 1; where cells overlap the smaller one is on top, so that none is lost.

    (A cell that smaller ones cover wholly is lost all the same.)
    """
    labels = np.zeros(cells.shape, dtype=np.int32)
    for k in np.argsort(-cells.areas(), kind="stable").tolist():
        y0, x0, y1, x1 = cells.boxes[k]
        labels[y0:y1, x0:x1][cells.mask(k)] = k + 1
    return labels


def numbered(labels: Labels, numbers: Integer[np.ndarray, " n"]) -> Labels:
    """Return a label image of cells 1 to n with the number of each in its place.

    >>> numbered(np.array([[0, 2], [1, 1]]), np.array([7, 300])).tolist()
    [[0, 300], [7, 7]]
    """
    numbers = np.concatenate([[0], numbers]).astype(np.int32)
    own: Labels = numbers[labels]
    return own
