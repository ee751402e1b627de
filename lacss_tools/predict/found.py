"""The cells that a network finds, and how they compete: by place, by score, by overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from lacss_tools.cells import LEVELS, C, Cells, shared_pixels
from lacss_tools.predict.nms import meeting_boxes


@dataclass(frozen=True)
class Found(Cells):
    """Cells that the network found, and the score that the LPN gave to the location of each.

    On the working grid boxes may be larger than the masks in them.
    """

    location_scores: Float[np.ndarray, " n"]
    in_pieces: Bool[np.ndarray, " n"]
    """whether the network saw the cell in pieces, of which the one at its location was kept"""


def encode(values: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """Return probabilities as codes 0 to 255; those above 0.5, and only those, are 128 or more.

    >>> encode(torch.tensor([[0.0, 0.5, 0.5001, 1.0]])).tolist()
    [[0, 127, 128, 255]]
    """
    return (values * LEVELS - 0.5).ceil().to(torch.uint8)  # the nearest, of two the smaller


def join(shape: tuple[int, int], parts: Sequence[Found]) -> Found:
    """Return the cells of all parts of one image of `shape`."""
    none = np.zeros(0)
    nothing = Found(shape, none, np.zeros((0, 2)), np.zeros((0, 4), np.int64), (), none, np.zeros(0, bool))
    arrays = {name: np.concatenate([getattr(part, name) for part in (nothing, *parts)]) for name in Found.arrays()}
    return Found(shape, crops=tuple(crop for part in parts for crop in part.crops), **arrays)


def best_first(found: Found, scores: Float[np.ndarray, " n"]) -> Found:
    """Return the cells by falling score; equal ones by place, so that the order says nothing about tiles."""
    return found.select(np.lexsort((found.locations[:, 1], found.locations[:, 0], -scores)))


def suppress(found: C, max_overlap: float, max_iou: float = 1.0) -> C:
    """Drop each cell (best first) that overlaps too much with a kept one.

    Too much is more than `max_overlap` of the smaller of the two, or more than `max_iou` of their union.
    """
    pairs = meeting_boxes(found.boxes)
    areas = found.areas()[pairs]
    # shared > iou (a + b - shared)
    limit = np.minimum(max_overlap * areas.min(axis=1), max_iou / (1 + max_iou) * areas.sum(axis=1))
    a, b = found.boxes[pairs[:, 0]], found.boxes[pairs[:, 1]]
    most = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).prod(axis=1)
    pairs, limit = pairs[most > limit], limit[most > limit]
    masks, free = [found.mask(k) for k in range(len(found))], np.ones(len(found), bool)
    boxes = found.boxes.tolist()
    order = np.lexsort(pairs.T[::-1])  # by the better one, whose fate is settled by then
    for (i, j), most_allowed in zip(pairs[order].tolist(), limit[order].tolist(), strict=True):
        if free[i] and free[j] and shared_pixels(boxes[i], masks[i], boxes[j], masks[j]) > most_allowed:
            free[j] = False
    return found.select(np.flatnonzero(free))
