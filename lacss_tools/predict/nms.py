"""Greedy suppression: of locations that are too close, or boxes that meet, the best is kept; only neighbours are
compared."""

import numpy as np
from jaxtyping import Float, Int64, Integer

Pairs = Integer[np.ndarray, "pair 2"]


def close_pairs(points: Float[np.ndarray, "n 2"], distance: float) -> Pairs:
    """Return all pairs i < j of points closer than `distance` (pixels), by a k-d tree."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(points).query_pairs(distance, output_type="ndarray").astype(np.int64)
    between = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    near: Pairs = pairs[between < distance]  # the tree includes those at the distance itself
    return near


def meeting_boxes(boxes: Integer[np.ndarray, "n 4"]) -> Pairs:
    """Return all pairs i < j of boxes (y0, x0, y1, x1) that share a pixel."""
    from scipy.spatial import cKDTree

    if not len(boxes):
        return np.zeros((0, 2), np.int64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    reach = float((boxes[:, 2:] - boxes[:, :2]).max())
    pairs = cKDTree(centres).query_pairs(reach, p=np.inf, output_type="ndarray").astype(np.int64)
    a, b = boxes[pairs[:, 0]], boxes[pairs[:, 1]]
    meet = (np.maximum(a[:, :2], b[:, :2]) < np.minimum(a[:, 2:], b[:, 2:])).all(axis=1)
    met: Pairs = pairs[meet]
    return met


def keep_best(count: int, rivals: Pairs) -> Int64[np.ndarray, " kept"]:
    """Return which of `count` things, best first, stay when one goes as soon as a kept one is its rival."""
    better, worse = rivals.min(axis=1), rivals.max(axis=1)
    order = np.argsort(better, kind="stable")
    worse, first = worse[order], np.searchsorted(better[order], np.arange(count + 1))
    free = np.ones(count, dtype=bool)
    for k in np.unique(better).tolist():
        if free[k]:
            free[worse[first[k] : first[k + 1]]] = False
    return np.flatnonzero(free)
