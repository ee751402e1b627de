"""Cells as prediction keeps them: a byte per pixel of their boxes, so that a slide's cells fit into memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer, UInt8
from torch import Tensor

from lacss_tools.arrays import Labels
from lacss_tools.cells import Cells
from lacss_tools.predict.nms import meeting_boxes

LEVELS = 255
INSIDE = 128
"""smallest code of a pixel in the mask: codes are probabilities in 255 steps that keep their side of 0.5"""

Crop = UInt8[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Found:
    """n cells on an image of `shape`, as `Cells`, with coded probabilities; `ranks` are the scores of the proposals.

    Boxes may be larger than the masks in them; `areas` are those of the masks, in pixels.
    """

    shape: tuple[int, int]
    ranks: Float[np.ndarray, " n"]
    scores: Float[np.ndarray, " n"]
    locations: Float[np.ndarray, "n 2"]
    boxes: Integer[np.ndarray, "n 4"]
    areas: Integer[np.ndarray, " n"]
    crops: tuple[Crop, ...]
    in_pieces: Bool[np.ndarray, " n"]
    """whether the network saw the cell in pieces, of which the one at its location was kept"""

    def __len__(self) -> int:
        return len(self.crops)

    def select(self, keep: Integer[np.ndarray, " m"]) -> "Found":
        """Return the cells with the indices `keep`, in that order."""
        crops = tuple(self.crops[k] for k in keep.tolist())
        ranks, scores, places = self.ranks[keep], self.scores[keep], self.locations[keep]
        boxes, areas, in_pieces = self.boxes[keep], self.areas[keep], self.in_pieces[keep]
        return Found(self.shape, ranks, scores, places, boxes, areas, crops, in_pieces)

    def cells(self) -> Cells:
        """Return them with probabilities in float32."""
        crops = tuple(crop.astype(np.float32) / LEVELS for crop in self.crops)
        return Cells(self.shape, self.scores, self.locations, self.boxes, crops)


def encode(values: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """Return probabilities as codes 0 to 255; those above 0.5, and only those, are 128 or more.

    >>> encode(torch.tensor([[0.0, 0.5, 0.5001, 1.0]])).tolist()
    [[0, 127, 128, 255]]
    """
    return (values * LEVELS - 0.5).ceil().to(torch.uint8)  # the nearest, of two the smaller


def join(shape: tuple[int, int], parts: Sequence[Found]) -> Found:
    """Return the cells of all parts of one image of `shape`."""
    if not parts:
        none = np.zeros(0)
        return Found(
            shape,
            none,
            none,
            np.zeros((0, 2)),
            np.zeros((0, 4), np.int64),
            np.zeros(0, np.int64),
            (),
            np.zeros(0, bool),
        )
    return Found(
        shape,
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.locations for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.areas for part in parts]),
        tuple(crop for part in parts for crop in part.crops),
        np.concatenate([part.in_pieces for part in parts]),
    )


def best_first(found: Found, scores: Float[np.ndarray, " n"]) -> Found:
    """Return the cells by falling score; equal ones by place, so that the order says nothing about tiles."""
    return found.select(np.lexsort((found.locations[:, 1], found.locations[:, 0], -scores)))


def suppress(found: Found, max_overlap: float, max_iou: float = 1.0) -> Found:
    """Drop each cell (best first) that shares too much with a kept one.

    That is more than `max_overlap` of the smaller of the two, or more than `max_iou` of their union.
    """
    pairs = meeting_boxes(found.boxes)
    areas = found.areas[pairs]
    # shared > iou (a + b - shared)
    limit = np.minimum(max_overlap * areas.min(axis=1), max_iou / (1 + max_iou) * areas.sum(axis=1))
    a, b = found.boxes[pairs[:, 0]], found.boxes[pairs[:, 1]]
    most = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).prod(axis=1)
    pairs, limit = pairs[most > limit], limit[most > limit]
    masks, free = [crop >= INSIDE for crop in found.crops], np.ones(len(found), bool)
    order = np.lexsort(pairs.T[::-1])  # by the better one, whose fate is settled by then
    for (i, j), most_allowed in zip(pairs[order].tolist(), limit[order].tolist(), strict=True):
        if free[i] and free[j] and _shared(found.boxes, masks, i, j) > most_allowed:
            free[j] = False
    return found.select(np.flatnonzero(free))


def _shared(boxes: Integer[np.ndarray, "n 4"], masks: list[Bool[np.ndarray, "_ _"]], i: int, j: int) -> int:
    (a, b, c, d), (e, f, g, h) = boxes[i].tolist(), boxes[j].tolist()
    top, left, bottom, right = max(a, e), max(b, f), min(c, g), min(d, h)
    mine = masks[i][top - a : bottom - a, left - b : right - b]
    return int(np.count_nonzero(mine & masks[j][top - e : bottom - e, left - f : right - f]))


def paint(found: Found, top: int, bottom: int, chosen: Integer[np.ndarray, " m"] | None = None) -> Labels:
    """Return rows `top` to `bottom` of the label image: cell k is k + 1, a contested pixel the more probable cell's.

    `chosen` are the cells, in ascending order, that reach into these rows (all are looked through without it).
    """
    labels = np.zeros((bottom - top, found.shape[1]), dtype=np.int32)
    best = np.full(labels.shape, INSIDE - 1, dtype=np.uint8)
    if chosen is None:
        chosen = np.flatnonzero((found.boxes[:, 0] < bottom) & (found.boxes[:, 2] > top))
    for k in chosen.tolist():
        y0, x0, y1, x1 = found.boxes[k].tolist()
        first, last = max(y0, top), min(y1, bottom)
        crop, rows = found.crops[k][first - y0 : last - y0], slice(first - top, last - top)
        window = best[rows, x0:x1]
        wins = crop > window
        window[wins] = crop[wins]
        labels[rows, x0:x1][wins] = k + 1
    return labels
