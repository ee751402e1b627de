"""A cell is one piece without holes: what the network says of its pixels, made so with as little change as possible."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64

from lacss_tools.cells import INSIDE, Crop

Piece = Bool[np.ndarray, "_ _"]

IN_PIECES = 0.1
"""a cell is said to have come in pieces when more than this fraction of its pixels was apart from the rest"""


def make_whole(crops: Sequence[Crop], places: Float[np.ndarray, "n 2"]) -> tuple[list[Crop], Bool[np.ndarray, " n"]]:
    """Return codes whose masks are one piece without holes, and which came in pieces.

    The piece at `places` (y, x in the crop) stays, the largest one where the mask is not there; pixels of others become
    0, and those of holes just belong. Codes that need no change are returned as they are.
    """
    out, in_pieces = list(crops), np.zeros(len(crops), bool)
    broken = np.flatnonzero(~are_whole(crops))
    if not len(broken):
        return out, in_pieces
    sheet, tops = _sheet([crops[k] for k in broken.tolist()])
    kept = _pieces_at(sheet, tops, places[broken])
    filled = _filled(kept)
    before, after = (np.add.reduceat(mask.sum(axis=1), tops) for mask in (sheet, kept))
    in_pieces[broken] = before - after > IN_PIECES * before
    for k, top in zip(broken.tolist(), tops.tolist(), strict=True):
        height, width = crops[k].shape
        own = filled[top : top + height, :width]
        lost = sheet[top : top + height, :width] & ~own
        out[k] = np.where(own, np.maximum(crops[k], INSIDE), np.where(lost, 0, crops[k])).astype(np.uint8)
    return out, in_pieces


def _pieces_at(
    sheet: Bool[np.ndarray, "rows columns"], tops: Int64[np.ndarray, " n"], places: Float[np.ndarray, "n 2"]
) -> Bool[np.ndarray, "rows columns"]:
    """Return of each mask of a sheet the piece that `piece_at` would, none of empty ones."""
    from scipy import ndimage

    pieces, count = ndimage.label(sheet)
    owner = np.searchsorted(tops, np.arange(len(sheet)), side="right") - 1
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    piece_owner = np.zeros(count + 1, np.int64)
    piece_owner[pieces] = owner[:, None]
    order = np.lexsort((-np.arange(count + 1), sizes, piece_owner))  # the largest of each last, of equals the first
    order = order[order > 0]
    chosen = np.zeros(len(tops), np.int64)
    chosen[piece_owner[order]] = order
    y, x = np.rint(places).astype(np.int64).T
    ends = np.append(tops[1:], len(sheet)) - tops
    within = (y >= 0) & (y < ends) & (x >= 0) & (x < sheet.shape[1])
    at = np.where(within, pieces[np.where(within, y + tops, 0), np.where(within, x, 0)], 0)
    chosen = np.where(at > 0, at, chosen)
    kept: np.ndarray = sheet & (pieces == chosen[owner][:, None])
    return kept


def _filled(sheet: Bool[np.ndarray, "rows columns"]) -> Bool[np.ndarray, "rows columns"]:
    """Return the masks of a sheet with their holes."""
    filled = fill(sheet)
    return sheet if filled is None else filled


def are_whole(crops: Sequence[Crop]) -> Bool[np.ndarray, " n"]:
    """Return which masks are one piece without holes, or empty: what `piece_at` and `fill` say, for many at once.

    Runs of pixels in a row are the nodes of a graph, runs that touch in rows above each other its edges; nodes less
    edges are pieces less holes (Euler). With edges between runs that touch at corners, holes are those that do.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if not crops:
        return np.zeros(0, bool)
    sheet, first_rows = _sheet(crops)
    change = np.flatnonzero(np.diff(sheet.ravel(), prepend=False))
    starts, ends = change[::2], change[1::2]
    width, count = sheet.shape[1], len(starts)
    # of each run, those in the row below that share a column with it
    low, high = np.searchsorted(ends, starts + width, side="right"), np.searchsorted(starts, ends + width)
    touching = high - low
    ends_of = np.concatenate([[0], np.cumsum(touching)])
    below = np.arange(ends_of[-1]) + np.repeat(low - ends_of[:-1], touching)
    edges = csr_array((np.ones(len(below), bool), below, ends_of), shape=(count, count))
    number, piece = connected_components(edges, directed=False)
    owner = np.searchsorted(first_rows, starts // width, side="right") - 1
    piece_owner = np.zeros(number, np.int64)
    piece_owner[piece] = owner
    pieces = np.bincount(piece_owner, minlength=len(crops))
    corners = np.searchsorted(starts, ends + width, side="right") - np.searchsorted(ends, starts + width)
    pieces_less_holes = np.bincount(owner, 1 - corners, minlength=len(crops))
    whole: np.ndarray = (pieces <= 1) & (pieces_less_holes == pieces)
    return whole


def _sheet(crops: Sequence[Crop]) -> tuple[Bool[np.ndarray, "rows columns"], Int64[np.ndarray, " n"]]:
    """Return the masks below each other, with a free line around each, and the first row of each."""
    heights = np.array([crop.shape[0] for crop in crops]) + 1
    rows = np.concatenate([[0], np.cumsum(heights)])
    sheet = np.zeros((int(rows[-1]) + 1, max(crop.shape[1] for crop in crops) + 1), np.uint8)
    for top, crop in zip(rows.tolist(), crops, strict=False):
        sheet[top : top + crop.shape[0], : crop.shape[1]] = crop
    return sheet >= INSIDE, rows[:-1]


def piece_at(mask: Piece, place: Float[np.ndarray, " 2"]) -> Piece | None:
    """Return the piece of a mask at a place (its largest piece elsewhere), None when it is in one piece or empty.

    Pixels that touch at corners alone are apart.
    """
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count <= 1:
        return None
    y, x = np.rint(place).astype(int).tolist()
    within = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
    chosen = int(pieces[y, x]) if within else 0
    if not chosen:
        chosen = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    out: Piece = pieces == chosen
    return out


def fill(mask: Piece) -> Piece | None:
    """Return a mask with its holes, None when it has none; what touches the outside at corners alone is a hole."""
    from scipy import ndimage

    outside = np.ones((mask.shape[0] + 2, mask.shape[1] + 2), bool)
    np.logical_not(mask, out=outside[1:-1, 1:-1])
    pieces, count = ndimage.label(outside)
    if count <= 1:
        return None
    out: Piece = pieces[1:-1, 1:-1] != pieces[0, 0]
    return out
