"""Overlap of detected and true cells: sparse, on masks that may overlap one another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer
from scipy.sparse import csr_array

from lacss_tools.cells import Cells, shared_pixels


@dataclass(frozen=True)
class Overlap:
    """Pixels of n detections, of m true cells, and of every pair that shares any."""

    areas: Integer[np.ndarray, " n"]
    true_areas: Integer[np.ndarray, " m"]
    shared: csr_array
    """(n, m), pixels in both; pairs that share none are not stored"""

    def iou(self) -> csr_array:
        """Return intersection over union with the sparsity of `shared`: |A and B| / |A or B|."""
        rows, columns = rows_of(self.shared), self.shared.indices
        union = self.areas[rows] + self.true_areas[columns] - self.shared.data
        return csr_array((self.shared.data / union, columns, self.shared.indptr), shape=self.shared.shape)

    def select(self, keep: Integer[np.ndarray, " k"]) -> "Overlap":
        """Return the overlap of the detections with the indices `keep`."""
        return Overlap(self.areas[keep], self.true_areas, self.shared[keep])


def rows_of(matrix: csr_array) -> Integer[np.ndarray, " stored"]:
    """Return the row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def overlap(detections: Cells, truth: Cells) -> Overlap:
    """Return what detections and true cells of one image share.

    Only cells whose boxes meet are compared, so time and memory grow with the cells, not with their square.
    """
    rows: list[int] = []
    columns: list[int] = []
    values: list[int] = []
    true_masks = [truth.mask(j) for j in range(len(truth))]
    boxes, true_boxes = detections.boxes.tolist(), truth.boxes.tolist()
    for i, j in _box_pairs(detections.boxes, truth.boxes):
        shared = shared_pixels(boxes[i], detections.mask(i), true_boxes[j], true_masks[j])
        if shared:
            rows.append(i)
            columns.append(j)
            values.append(shared)
    matrix = csr_array((np.array(values, dtype=np.int64), (rows, columns)), shape=(len(detections), len(truth)))
    return Overlap(detections.areas(), truth.areas(), matrix)


def _box_pairs(a: Integer[np.ndarray, "n 4"], b: Integer[np.ndarray, "m 4"]) -> list[tuple[int, int]]:
    """Return the pairs of boxes that meet, found among those whose rows meet in order of their top."""
    order = np.argsort(b[:, 0], kind="stable")
    tops, tallest = b[order, 0], int((b[:, 2] - b[:, 0]).max(initial=0))
    first = np.searchsorted(tops, a[:, 0] - tallest, side="right")
    last = np.searchsorted(tops, a[:, 2], side="left")
    pairs = []
    for i in range(len(a)):
        near = order[first[i] : last[i]]
        c = b[near]
        near = near[(c[:, 2] > a[i, 0]) & (c[:, 1] < a[i, 3]) & (c[:, 3] > a[i, 1])]
        pairs += [(i, j) for j in np.sort(near).tolist()]
    return pairs


def iou_matrix(detections: Cells, truth: Cells) -> csr_array:
    """Return the intersection over union of the masks, sparse (detection, true cell)."""
    return overlap(detections, truth).iou()
