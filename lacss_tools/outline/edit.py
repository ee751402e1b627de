"""What a person does to cells, as functions on label arrays: each returns the pixels of a window after the edit.

A pixel belongs to one cell. New cells, corrections by the network, filling and smoothing take free pixels only; a brush
also takes those of neighbours. Every cell stays one piece (pixels that touch at corners alone are apart): what an edit
cuts off becomes a cell of its own, and crumbs go.
"""

import numpy as np
from jaxtyping import Bool

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.formats.outline import fill as pixels_of
from lacss_tools.outline.sheet import Box, Fresh, Patch, Sheet, Window, join
from lacss_tools.predict.whole import fill as filled
from lacss_tools.web.stroke import Stroke, paint

Piece = Bool[np.ndarray, "_ _"]

CRUMB = 9
"""pixels; a piece that is cut off and smaller is no cell"""
GAP = 6
"""pixels, at most, between two cells that are merged: the gap becomes part of the cell"""
SMOOTHNESS = 1.5
"""pixels: sigma of the blur after which the pixels above one half are the smoothed cell"""
CUT = 0.75
"""pixels on both sides of the line that splits a cell: just enough to part pixels that touch at their sides"""


def polygon_mask(sheet: Sheet, corners: Points) -> tuple[int, int, Piece]:
    """Return (top, left, mask) of the pixels whose centre a polygon of (y, x) points encloses.

    InputError for one that encloses none.
    """
    found = pixels_of([[corners + 0.5]], (sheet.labels.shape[0], sheet.labels.shape[1])) if len(corners) > 2 else None
    if found is None:
        raise InputError("The outline encloses no pixel. Draw it around the cell.")
    return found


def swept(sheet: Sheet, stroke: Stroke) -> tuple[int, int, Piece]:
    """Return (top, left, mask) of the pixels under a brush; InputError outside the image."""
    box = _box_of(sheet, stroke)
    return box[0], box[1], paint(np.zeros((box[2] - box[0], box[3] - box[1]), bool), (_moved(stroke, box),))


def place(sheet: Sheet, number: int, top: int, left: int, mask: Piece) -> Patch:
    """Return a new cell: the largest piece of the free pixels of a mask. InputError when too few are free."""
    box = (top, left, top + mask.shape[0], left + mask.shape[1])
    pixels = sheet.crop(box)
    if mask.sum() < CRUMB:
        raise InputError(f"A cell has {CRUMB} pixels or more, and this is less. Draw it larger.")
    own = _largest(mask & (pixels == 0))
    if own.sum() < CRUMB:
        raise InputError("There is a cell already. Select it to correct it, or delete it first.")
    pixels[own] = number
    return Patch(top, left, pixels)


def reshape(sheet: Sheet, number: int, top: int, left: int, mask: Piece) -> Patch:
    """Return a cell that becomes a mask, as far as that is free or its own: the largest piece."""
    box = join(sheet.boxes[number], (top, left, top + mask.shape[0], left + mask.shape[1]))
    pixels = sheet.crop(box)
    wanted = np.zeros(pixels.shape, bool)
    y, x = top - box[0], left - box[1]
    wanted[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    own = _largest(wanted & ((pixels == 0) | (pixels == number)))
    if own.sum() < CRUMB:
        raise InputError("Nothing would be left of the cell. Delete it if it is none.")
    pixels[pixels == number] = 0
    pixels[own] = number
    return Patch(box[0], box[1], pixels)


def extend(sheet: Sheet, number: int, stroke: Stroke, fresh: Fresh) -> Patch:
    """Return a cell with the pixels under a brush, those of neighbours too."""
    return _painted(sheet, {number}, stroke, number, fresh)


def erase(sheet: Sheet, number: int, stroke: Stroke, fresh: Fresh) -> Patch:
    """Return a cell without the pixels under a brush; its neighbours keep theirs."""
    return _painted(sheet, {number}, stroke, 0, fresh)


def split(sheet: Sheet, number: int, path: Points, fresh: Fresh) -> Patch:
    """Return a cell cut along a line of (y, x) points: the largest piece keeps its number, the others get new ones.

    The pixels under the line go to the nearest piece. InputError when the line does not cut it.
    """
    from scipy import ndimage

    box = sheet.boxes[number]
    pixels = sheet.crop(box)
    cell = pixels == number
    line = paint(np.zeros(cell.shape, bool), (Stroke(path - box[:2], CUT, erase=False),))
    pieces, _ = ndimage.label(cell & ~line)
    sizes = np.bincount(pieces.ravel())[1:]
    kept = [k + 1 for k in np.argsort(-sizes, kind="stable").tolist() if sizes[k] >= CRUMB]
    if len(kept) < 2:
        raise InputError("The line does not cut the cell in two. Draw it from one side to the other.")
    pieces[~np.isin(pieces, kept)] = 0
    nearest = ndimage.distance_transform_edt(pieces == 0, return_distances=False, return_indices=True)
    owner = pieces[tuple(nearest)]
    parts = {k: fresh() for k in kept[1:]}
    for k, part in parts.items():
        pixels[cell & (owner == k)] = part
    return _settle(sheet, pixels, box, {number, *parts.values()}, fresh)


def merge(sheet: Sheet, number: int, other: int) -> Patch:
    """Return two cells as one, `number`, with what lies in a gap between them. InputError when they are apart."""
    from scipy import ndimage

    y0, x0, y1, x1 = join(sheet.boxes[number], sheet.boxes[other])
    box = sheet.cut((y0 - GAP, x0 - GAP, y1 + GAP, x1 + GAP))
    pixels = sheet.crop(box)
    both = (pixels == number) | (pixels == other)
    joined, width = both, 0
    while ndimage.label(joined)[1] > 1:
        width += 1
        if 2 * width > GAP:
            raise InputError("The two cells are too far apart to be one. Extend one of them first.")
        closed = ndimage.binary_closing(np.pad(both, width), _disc(width))[width:-width, width:-width]
        joined = both | (closed & (pixels == 0))
    pixels[joined] = number
    return Patch(box[0], box[1], pixels)


def delete(sheet: Sheet, number: int) -> Patch:
    """Return the image without a cell."""
    box = sheet.boxes[number]
    pixels = sheet.crop(box)
    pixels[pixels == number] = 0
    return Patch(box[0], box[1], pixels)


def fill(sheet: Sheet, number: int) -> Patch:
    """Return a cell with the free pixels of its holes; cells inside of it stay."""
    box = sheet.boxes[number]
    pixels = sheet.crop(box)
    whole = filled(pixels == number)
    if whole is None:
        raise InputError("The cell has no hole. Nothing is changed.")
    pixels[whole & (pixels == 0)] = number
    return Patch(box[0], box[1], pixels)


def smooth(sheet: Sheet, number: int) -> Patch:
    """Return a cell with a smoother border: blurred by a Gaussian of SMOOTHNESS pixels and cut at one half."""
    from scipy import ndimage

    margin = int(np.ceil(3 * SMOOTHNESS))
    y0, x0, y1, x1 = sheet.boxes[number]
    box = sheet.cut((y0 - margin, x0 - margin, y1 + margin, x1 + margin))
    cell = sheet.window(box) == number
    blurred = ndimage.gaussian_filter(cell.astype(np.float32), SMOOTHNESS, mode="nearest")
    return reshape(sheet, number, box[0], box[1], blurred > 0.5)


def _painted(sheet: Sheet, numbers: set[int], stroke: Stroke, value: int, fresh: Fresh) -> Patch:
    """Return the pixels under a brush set to `value`; erasing (0) spares cells other than `numbers`."""
    box = _box_of(sheet, stroke)
    touched = numbers | (sheet.numbers_in(box) if value else set())
    for number in touched & sheet.boxes.keys():
        box = join(box, sheet.boxes[number])
    pixels = sheet.crop(box)
    under = paint(np.zeros(pixels.shape, bool), (_moved(stroke, box),))
    changed = under if value else under & np.isin(pixels, list(numbers))
    lost = set(np.unique(pixels[changed]).tolist())
    pixels[changed] = value
    return _settle(sheet, pixels, box, (lost | numbers) - {0}, fresh)


def _box_of(sheet: Sheet, stroke: Stroke) -> Box:
    low = np.floor(stroke.points.min(axis=0) - stroke.radius).astype(int)
    high = np.ceil(stroke.points.max(axis=0) + stroke.radius).astype(int) + 1
    box = sheet.cut((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError("The stroke lies outside the image. Draw inside it.")
    return box


def _moved(stroke: Stroke, box: Box) -> Stroke:
    """Return a stroke in pixels of a window."""
    return Stroke(stroke.points - np.array(box[:2]), stroke.radius, erase=False)


def _settle(sheet: Sheet, pixels: Window, box: Box, numbers: set[int], fresh: Fresh) -> Patch:
    """Return the window with each of the cells `numbers`, which lie in it whole, as one piece.

    The piece with most pixels of the former cell keeps its number.
    """
    from scipy import ndimage

    for number in sorted(numbers):
        pieces, count = ndimage.label(pixels == number)
        sizes = np.bincount(pieces.ravel())[1:]
        former = np.bincount(pieces[sheet.window(box) == number], minlength=count + 1)[1:]
        for k in np.lexsort((-sizes, -former)).tolist()[1:]:
            pixels[pieces == k + 1] = fresh() if sizes[k] >= CRUMB else 0
    return Patch(box[0], box[1], pixels)


def _largest(mask: Piece) -> Piece:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    out: Piece = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    return out


def _disc(radius: int) -> Piece:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    out: Piece = y * y + x * x <= radius * radius + 1
    return out
