"""From what the network sees at a point to a cell, new or corrected. Arrays only."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from lacss_tools.arrays import Points
from lacss_tools.cells import INSIDE, Cells, Crop
from lacss_tools.errors import InputError
from lacss_tools.outline.sheet import Box, Sheet, join
from lacss_tools.points import clipped_pixels
from lacss_tools.web.stroke import Stroke, paint

NEAR = 1 / 8
"""of the diameter of a cell: around a point that corrects it so much is added or taken away at least"""


@dataclass(frozen=True)
class Piece:
    """A mask over a window whose corner is (top, left)."""

    top: int
    left: int
    mask: Bool[np.ndarray, "_ _"]


def drawn(found: Cells) -> Piece:
    """Return the cell that the network sees at a point; InputError where it sees none."""
    if not len(found):
        raise InputError("The network sees no cell here. Draw it with the polygon or the brush.")
    top, left = found.boxes[0, :2].tolist()
    return Piece(int(top), int(left), found.mask(0))


def middle(sheet: Sheet, number: int) -> Points:
    """Return the point (1, 2) of a cell that is farthest from its border."""
    from scipy import ndimage

    box = sheet.boxes[number]
    depth = ndimage.distance_transform_edt(np.pad(sheet.window(box) == number, 1))
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return np.array([[y - 1 + box[0], x - 1 + box[1]]], dtype=np.float64)


def with_point(sheet: Sheet, number: int, point: Points, there: Cells) -> Piece:
    """Return a cell and what the network sees `there`, at a point that belongs to it as well."""
    box = _around(sheet, number, there)
    own = sheet.window(box) == number
    return Piece(box[0], box[1], own | (_codes(there, box) >= INSIDE) | _near(own, point, box))


def without_point(sheet: Sheet, number: int, point: Points, there: Cells, own: Cells) -> Piece:
    """Return a cell less what the network sees `there`, at a point outside of it, more surely than `own`.

    `own` is what it sees in the middle of the cell.
    """
    box = sheet.boxes[number]
    mask = sheet.window(box) == number
    codes = _codes(there, box)
    theirs = (codes >= INSIDE) & (codes > _codes(own, box))
    return Piece(box[0], box[1], mask & ~theirs & ~_near(mask, point, box))


def number_at(sheet: Sheet, point: Points) -> int:
    """Return the cell under a point, 0 on background."""
    y, x = clipped_pixels(point, sheet.labels.shape)[0].tolist()
    return int(sheet.labels[y, x])


def _around(sheet: Sheet, number: int, there: Cells) -> Box:
    box = sheet.boxes[number]
    if not len(there):
        return box
    y0, x0, y1, x1 = there.boxes[0].tolist()
    return join(box, (int(y0), int(x0), int(y1), int(x1)))


def _codes(found: Cells, box: Box) -> Crop:
    """Return the codes of the only cell over a box, 0 where there is none."""
    out = np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8)
    if len(found):
        y0, x0, y1, x1 = found.boxes[0].tolist()
        a, b, c, d = max(y0, box[0]), max(x0, box[1]), min(y1, box[2]), min(x1, box[3])
        if a < c and b < d:
            out[a - box[0] : c - box[0], b - box[1] : d - box[1]] = found.crops[0][a - y0 : c - y0, b - x0 : d - x0]
    return out


def _near(cell: Bool[np.ndarray, "_ _"], point: Points, box: Box) -> Bool[np.ndarray, "_ _"]:
    """Return the pixels of a window around a point, a fraction of the cell's diameter away."""
    radius = NEAR * float(np.sqrt(4 / np.pi * np.count_nonzero(cell)))
    return paint(np.zeros(cell.shape, bool), (Stroke(point - np.array(box[:2]), max(radius, 1.0), erase=False),))
