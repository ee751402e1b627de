"""An image at the working scale in tiles: each pixel belongs to one core, and each core is seen with a margin.

Everything is aligned to the deepest stride of the network, so that all tilings put its coarse cells at the same places.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lacss_tools.network.backbone import DEEPEST_STRIDE

SAMPLE_SIDE, SAMPLE_ROWS = 512, 3
"""of a large image, windows of this side in this many rows and columns tell the statistics of the norms"""

Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), ends exclusive"""


@dataclass(frozen=True)
class Tile:
    """One part of an image: cells whose coarse map cell lies in `core` belong to it, the network sees `window`."""

    core: Box
    window: Box


def round_up(length: int) -> int:
    """Return the next multiple of the deepest stride."""
    return -(-length // DEEPEST_STRIDE) * DEEPEST_STRIDE


def plan(size: tuple[int, int], side: int, halo: int) -> Iterator[Tile]:
    """Yield tiles in rows from the top; cores of `side` pixels, windows with `halo` more on each side, in the image.

    Both lengths are rounded up to the deepest stride. An image no larger than such a window is one tile.

    >>> [(tile.core[1::2], tile.window[1::2]) for tile in plan((32, 160), 64, 32)]
    [((0, 64), (0, 96)), ((64, 128), (32, 160)), ((128, 160), (96, 160))]
    """
    side = max(round_up(side), DEEPEST_STRIDE)
    if max(size) <= side + 2 * round_up(halo):
        side = round_up(max(size))
    for y0 in range(0, size[0], side):
        for x0 in range(0, size[1], side):
            yield around((y0, x0, y0 + side, x0 + side), size, halo)


def around(core: Box, size: tuple[int, int], halo: int) -> Tile:
    """Return the tile of a core, cut to an image of this `size`, with `halo` more, rounded up, on each side."""
    (y0, x0, y1, x1), halo = core, round_up(halo)
    core = (y0, x0, min(y1, size[0]), min(x1, size[1]))
    low = (max(y0 - halo, 0), max(x0 - halo, 0))
    return Tile(core, (*low, min(core[2] + halo, size[0]), min(core[3] + halo, size[1])))


def sample_windows(size: tuple[int, int], most: int) -> list[Box]:
    """Return the windows on which norms are measured: the image itself up to `most`² pixels, else an even sample.

    They depend on the image alone and not on its tiles. All have one size.
    """
    if size[0] * size[1] <= most**2:
        return [(0, 0, *size)]
    sides = [min(SAMPLE_SIDE, round_up(length - DEEPEST_STRIDE + 1)) for length in size]
    number = [min(SAMPLE_ROWS, length // side) for length, side in zip(size, sides, strict=True)]
    # a long strip has few rows and more columns
    budget = SAMPLE_ROWS**2
    number = [max(n, min(size[i] // sides[i], budget // number[1 - i])) for i, n in enumerate(number)]
    starts = [
        np.round((np.arange(n) + 0.5) * size[i] / n - sides[i] / 2).astype(int).clip(0, size[i] - sides[i]).tolist()
        for i, n in enumerate(number)
    ]
    return [(y, x, y + sides[0], x + sides[1]) for y in starts[0] for x in starts[1]]
