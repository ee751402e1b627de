"""Cells of one image that may overlap: the common tongue of prediction, truth and metrics."""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8

from lacss_tools.arrays import Labels, Mask

LEVELS = 255
INSIDE = 128
"""smallest code of a pixel in the mask: codes are probabilities in 255 steps that keep their side of 0.5"""

C = TypeVar("C", bound="Cells")
Crop = UInt8[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Cells:
    """n cells of one image of `shape` (height, width); they may overlap.

    `boxes` are (y0, x0, y1, x1) with exclusive ends, inside the image; `crops[k]` is the probability, over the box of
    cell k, that a pixel belongs to it, as a code from 0 (surely not) to 255 (surely): the cells of a slide must
    fit into memory. The cell's mask is crop >= 128. Truth has codes 0 and 255 and scores 1. `locations` are the (y, x)
    points from which cells were found, or centroids.
    """

    shape: tuple[int, int]
    scores: Float[np.ndarray, " n"]
    locations: Float[np.ndarray, "n 2"]
    boxes: Integer[np.ndarray, "n 4"]
    crops: tuple[Crop, ...]

    def __len__(self) -> int:
        return len(self.crops)

    def mask(self, k: int) -> Mask:
        """Return the mask of cell k over its box."""
        return self.crops[k] >= INSIDE

    def areas(self) -> Integer[np.ndarray, " n"]:
        """Return the number of pixels of each cell."""
        return np.array([np.count_nonzero(crop >= INSIDE) for crop in self.crops], dtype=np.int64)

    def select(self: C, keep: Integer[np.ndarray, " m"]) -> C:
        """Return the cells with the indices `keep`, in that order."""
        arrays = {name: getattr(self, name)[keep] for name in self.arrays()}
        return replace(self, crops=tuple(self.crops[k] for k in keep.tolist()), **arrays)

    @classmethod
    def arrays(cls) -> list[str]:
        """Return the names of the fields that are arrays with a row per cell."""
        return [field.name for field in fields(cls) if field.name not in ("shape", "crops")]


def code_mask(mask: Mask) -> Crop:
    """Return a mask as the crop of a cell that is certain."""
    return mask * np.uint8(LEVELS)


def shared_pixels(
    box: list[int], mask: Bool[np.ndarray, "_ _"], other_box: list[int], other: Bool[np.ndarray, "_ _"]
) -> int:
    """Return how many pixels two cells share whose boxes (y0, x0, y1, x1) meet; each mask is over its box.

    >>> shared_pixels([0, 0, 2, 2], np.ones((2, 2), bool), [1, 1, 3, 3], np.ones((2, 2), bool))
    1
    """
    (a, b, c, d), (e, f, g, h) = box, other_box
    top, left, bottom, right = max(a, e), max(b, f), min(c, g), min(d, h)
    mine = mask[top - a : bottom - a, left - b : right - b]
    return int(np.count_nonzero(mine & other[top - e : bottom - e, left - f : right - f]))


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
        crops.append(code_mask(crop))
    return Cells(
        shape=(labels.shape[0], labels.shape[1]),
        scores=np.ones(len(crops)),
        locations=np.array(centres, dtype=np.float64).reshape(-1, 2),
        boxes=np.array(boxes, dtype=np.int64).reshape(-1, 4),
        crops=tuple(crops),
    )


def cells_to_labels(cells: Cells) -> Labels:
    """Flatten to one label image: cell k becomes k + 1; a contested pixel goes to the more probable cell."""
    return label_rows(cells, 0, cells.shape[0])


def label_rows(cells: Cells, top: int, bottom: int, chosen: Integer[np.ndarray, " m"] | None = None) -> Labels:
    """Return rows `top` to `bottom` of `cells_to_labels`.

    `chosen` are the cells, in ascending order, that reach into these rows (all are looked through without it).
    """
    labels = np.zeros((bottom - top, cells.shape[1]), dtype=np.int32)
    best = np.full(labels.shape, INSIDE - 1, dtype=np.uint8)
    if chosen is None:
        chosen = np.flatnonzero((cells.boxes[:, 0] < bottom) & (cells.boxes[:, 2] > top))
    for k in chosen.tolist():
        y0, x0, y1, x1 = cells.boxes[k].tolist()
        first, last = max(y0, top), min(y1, bottom)
        crop, rows = cells.crops[k][first - y0 : last - y0], slice(first - top, last - top)
        window = best[rows, x0:x1]
        wins = crop > window
        window[wins] = crop[wins]
        labels[rows, x0:x1][wins] = k + 1
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
        trimmed.append(code_mask(mask[top:bottom, left:right]))
    return Cells(shape, np.array(scores, dtype=np.float64), centres, boxes, tuple(trimmed))
