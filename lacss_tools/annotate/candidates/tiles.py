"""Large images in overlapping tiles, with the seam measured: what overlaps is cut twice and compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lacss_tools.arrays import Masks

Window = tuple[slice, slice]


@dataclass(frozen=True)
class CutTile:
    """One part of an image: `window` is cut, `core` is what of it is kept. The cores cover every pixel once."""

    window: Window
    core: Window


def plan(shape: tuple[int, int], side: int, overlap: int) -> list[CutTile]:
    """Return equal tiles with windows of at most `side` pixels; neighbours share `overlap` pixels, cut in the middle.

    >>> [tile.window[1] for tile in plan((10, 100), 70, 20)]
    [slice(0, 60, None), slice(40, 100, None)]
    """
    rows, columns = (list(_spans(size, side, overlap)) for size in shape)
    return [CutTile((wy, wx), (cy, cx)) for wy, cy in rows for wx, cx in columns]


def _spans(size: int, side: int, overlap: int) -> Iterator[tuple[slice, slice]]:
    number = 1 if size <= side else -(-size // (side - overlap))
    bounds = [round(size * k / number) for k in range(number + 1)]
    for start, stop in pairwise(bounds):
        yield slice(max(0, start - overlap // 2), min(size, stop + overlap // 2)), slice(start, stop)


def cut_tiles(
    shape: tuple[int, int], tiles: list[CutTile], number: int, cut_window: Callable[[Window], Masks]
) -> tuple[Masks, float]:
    """Return the masks (number, y, x) put together from `cut_window` of each tile, and the seam.

    The seam is the fraction of the pixels cut more than once on which two tiles disagree in any of the masks, 0 to 1.
    Where it is 0 all along the overlap, no tile's border reached as far as the cores.
    """
    masks = np.zeros((number, *shape), dtype=bool)
    written = np.zeros(shape, dtype=bool)
    compared = differing = 0
    for tile in tiles:
        part = cut_window(tile.window)
        seen, here = written[tile.window], masks[:, *tile.window]
        compared += int(np.count_nonzero(seen))
        differing += int(np.count_nonzero((here != part).any(axis=0) & seen))
        own = ~seen
        own[_inside(tile)] = True
        np.copyto(here, part, where=own)
        seen[...] = True
    return masks, differing / max(compared, 1)


def _inside(tile: CutTile) -> Window:
    """Return where the core lies within the window."""
    rows, columns = (
        slice(core.start - window.start, core.stop - window.start)
        for core, window in zip(tile.core, tile.window, strict=True)
    )
    return rows, columns
