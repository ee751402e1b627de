"""Cells of one image that may overlap: the common tongue of prediction, truth and metrics."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Integer

from lacss_tools.arrays import Labels, Mask

MASK_LEVEL = 0.5


@dataclass(frozen=True)
class Cells:
    """n cells of one image of `shape` (height, width); they may overlap.

    `boxes` are (y0, x0, y1, x1) with exclusive ends, inside the image; `crops[k]` is the probability, over the box of
    cell k, that a pixel belongs to it: the cell's mask is crop > 0.5. Truth has probabilities 0 and 1 and scores 1.
    `locations` are the (y, x) points from which cells were found, or centroids.
    """

    shape: tuple[int, int]
    scores: Float[np.ndarray, " n"]
    locations: Float[np.ndarray, "n 2"]
    boxes: Integer[np.ndarray, "n 4"]
    crops: tuple[Float32[np.ndarray, "_ _"], ...]

    def __len__(self) -> int:
        return len(self.crops)

    def mask(self, k: int) -> Mask:
        """Return the mask of cell k over its box."""
        return self.crops[k] > MASK_LEVEL

    def areas(self) -> Integer[np.ndarray, " n"]:
        """Return the number of pixels of each cell."""
        return np.array([np.count_nonzero(crop > MASK_LEVEL) for crop in self.crops], dtype=np.int64)

    def select(self, keep: Integer[np.ndarray, " m"]) -> "Cells":
        """Return the cells with the indices `keep`, in that order."""
        crops = tuple(self.crops[int(k)] for k in keep)
        return Cells(self.shape, self.scores[keep], self.locations[keep], self.boxes[keep], crops)


def cells_from_labels(labels: Labels) -> Cells:
    """Return the instances of a label image as cells, ordered by label, with score 1 and their centroids.

    >>> cells = cells_from_labels(np.array([[0, 7, 7], [3, 0, 0]]))
    >>> cells.boxes.tolist(), cells.locations.tolist()
    ([[1, 0, 2, 1], [0, 1, 1, 3]], [[1.0, 0.0], [0.0, 1.5]])
    """
    from scipy import ndimage

    crops, boxes, centres = [], [], []
    numbers, dense = np.unique(labels, return_inverse=True)
    offset = 1 if numbers[0] != 0 else 0
    for k, (rows, columns) in enumerate(ndimage.find_objects(dense.reshape(labels.shape) + offset), start=1):
        crop = dense.reshape(labels.shape)[rows, columns] + offset == k
        boxes.append((rows.start, columns.start, rows.stop, columns.stop))
        centres.append(np.argwhere(crop).mean(axis=0) + np.array([rows.start, columns.start]))
        crops.append(crop.astype(np.float32))
    return Cells(
        shape=(labels.shape[0], labels.shape[1]),
        scores=np.ones(len(crops)),
        locations=np.array(centres, dtype=np.float64).reshape(-1, 2),
        boxes=np.array(boxes, dtype=np.int64).reshape(-1, 4),
        crops=tuple(crops),
    )


def cells_to_labels(cells: Cells) -> Labels:
    """Flatten to one label image: cell k becomes k + 1; a contested pixel goes to the more probable cell."""
    labels = np.zeros(cells.shape, dtype=np.int32)
    best = np.full(cells.shape, MASK_LEVEL, dtype=np.float32)
    for k, ((y0, x0, y1, x1), crop) in enumerate(zip(cells.boxes, cells.crops, strict=True)):
        window = best[y0:y1, x0:x1]
        wins = crop > window
        window[wins] = crop[wins]
        labels[y0:y1, x0:x1][wins] = k + 1
    return labels


def cells_from_crops(shape: tuple[int, int], crops: list[tuple[int, int, np.ndarray]], scores: list[float]) -> Cells:
    """Return cells from (y0, x0, mask) pieces that lie in the image, trimmed to their masks, located at centroids.

    >>> cells = cells_from_crops((4, 4), [(1, 1, np.array([[False, True], [False, True]]))], [0.5])
    >>> cells.boxes.tolist(), cells.locations.tolist()
    ([[1, 2, 3, 3]], [[1.5, 2.0]])
    """
    boxes = np.zeros((len(crops), 4), dtype=np.int64)
    centres, trimmed = np.zeros((len(crops), 2)), []
    for k, (y0, x0, mask) in enumerate(crops):
        pixels = np.argwhere(mask)
        if not len(pixels):
            raise ValueError(f"cell {k} has no pixel")
        (top, left), (bottom, right) = pixels.min(axis=0), pixels.max(axis=0) + 1
        boxes[k] = (y0 + top, x0 + left, y0 + bottom, x0 + right)
        centres[k] = pixels.mean(axis=0) + np.array([y0, x0])
        trimmed.append(mask[top:bottom, left:right].astype(np.float32))
    return Cells(shape, np.array(scores, dtype=np.float64), centres, boxes, tuple(trimmed))
