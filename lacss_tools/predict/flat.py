"""Cells that overlap, as a label image can show them: none in two pieces, where a neighbour would cut one off."""

from collections import deque
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from lacss_tools.cells import INSIDE, Cells, Crop
from lacss_tools.predict.nms import meeting_boxes
from lacss_tools.predict.whole import fill, piece_at

Won = Bool[np.ndarray, "_ _"]


def settle(found: Cells) -> Cells:
    """Return the cells such that `cells_to_labels` shows each as one piece without holes, those that stay visible.

    A contested pixel is the more probable cell's, but what that cuts off goes to the next cell that claims it, and a
    cell that is wholly enclosed by another is lost. It depends on the cells alone, so that bands of rows agree.
    """
    rivals, crops = _rivals(found), list(found.crops)
    waiting = deque(sorted(rivals))
    while waiting:
        k = waiting.popleft()
        changed = _settle_one(found, crops, rivals[k], k)
        waiting.extend(sorted(changed - set(waiting)))
    return replace(found, crops=tuple(crops))


def _rivals(found: Cells) -> dict[int, list[int]]:
    """Return for each cell that shares a pixel with others which these are."""
    rivals: dict[int, list[int]] = {}
    for i, j in meeting_boxes(found.boxes).tolist():
        mine, theirs = _window(found, i, j), _window(found, j, i)
        if ((found.crops[i][mine] >= INSIDE) & (found.crops[j][theirs] >= INSIDE)).any():
            rivals.setdefault(i, []).append(j)
            rivals.setdefault(j, []).append(i)
    return rivals


def _window(found: Cells, k: int, other: int) -> tuple[slice, slice]:
    """Return where in the box of cell k the box of another lies."""
    (a, b, c, d), (e, f, g, h) = found.boxes[k].tolist(), found.boxes[other].tolist()
    return slice(max(a, e) - a, min(c, g) - a), slice(max(b, f) - b, min(d, h) - b)


def _settle_one(found: Cells, crops: list[Crop], rivals: list[int], k: int) -> set[int]:
    """Make the visible part of cell k one piece without holes; return the cells for which that may change something."""
    won = _won(found, crops, rivals, k)
    piece = piece_at(won, found.locations[k] - found.boxes[k, :2])
    kept = won if piece is None else piece
    filled = fill(kept)
    if piece is None and filled is None:
        return set()
    crops[k] = crops[k].copy()
    crops[k][won & ~kept] = 0
    if filled is not None:
        hole = filled & ~kept
        np.maximum(crops[k], INSIDE, out=crops[k], where=hole)
        for other in rivals:
            mine, theirs = _window(found, k, other), _window(found, other, k)
            crops[other] = crops[other].copy()
            crops[other][theirs][hole[mine]] = 0
    return set(rivals)


def _won(found: Cells, crops: list[Crop], rivals: list[int], k: int) -> Won:
    """Return the pixels that `cells_to_labels` gives to cell k: of equals the first wins."""
    won: Won = crops[k] >= INSIDE
    for other in rivals:
        mine, theirs = _window(found, k, other), _window(found, other, k)
        own, their = crops[k][mine], crops[other][theirs]
        won[mine] &= own > their if other < k else own >= their
    return won
