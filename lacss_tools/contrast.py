"""Contrast by percentiles: two percentiles of an image become 0 and 1, so that gain and offset do not matter.

Neither does something bright (`bounded_high`), nor light that rises evenly across the image (`haze`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Plane

Size = tuple[int, int]

GRID, SPARED = 4, 4
"""tiles along a side of an image, and how many of them, the brightest, may hold debris: what is compact lies in four"""
TILE_LOW, TILE_HIGH, HEADROOM = 1.0, 99.0, 2.0
"""percentiles of a tile, and how many times as far from black as the upper one of the brightest other tile 1 may be; in
clean images (docs/results.md) it is 1.2 times as far in the median, and over twice in 6 of 721"""
LIFT, LINKED, ALIKE = 1.5, 0.7, 3.0
"""tiles show cells whose upper percentile is over so many times as far from the median as the lower one, and whose
neighbouring pixels correlate more than this; those of one image differ by less than this factor"""
FAINT = 50.0
"""what is fainter than the brightest by over this factor is no cell beside debris, but a trace of light beside cells"""
SMALLEST_TILE = 16
"""pixels along a side; smaller ones tell nothing"""
BLACK, WHITE = 2.0, 99.7
"""percentiles: of a tile, what is its background; of an image, what is bright"""
RISES, EVENLY = (0.15, 20.0), 0.9
"""times what lies between the two, haze rises so much, or there is nothing but a slope; and a plane explains more than
this fraction of how the background of tiles varies: in clean images (docs/results.md) that rise so at most 0.74, with
haze at least 0.95"""


@dataclass(frozen=True)
class Range:
    """The intensities that become 0 and 1: one pair, or one pair per channel (channel, 1, 1)."""

    low: Float[np.ndarray, "*axes"]
    high: Float[np.ndarray, "*axes"]
    haze: Float[np.ndarray, "2 ..."] | None = None
    """by how much light rises over the whole image, down and across, which `low` and `high` are without; None where it
    does not"""

    def at(self, first: Size, size: Size, shape: Size) -> "Range":
        """Return the range of each pixel of a part, of `size` from pixel `first` on, of an image of `shape`."""
        if self.haze is None:
            return self
        light = light_of(self.haze, first, size, shape)
        return Range(self.low + light, self.high + light)

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies between the two, as in a constant image."""
        return bool((self.high <= self.low).all())

    def scale(self, pixels: Float[np.ndarray, "*grid"], least: float = 1e-9) -> Float[np.ndarray, "*grid"]:
        """Map low to 0 and high to 1 linearly, in the precision of `pixels`; what lies beyond goes beyond 0 and 1.

        `least` is the smallest difference of the two that is divided by.
        """
        span = np.maximum(self.high - self.low, least)
        scaled: np.ndarray = pixels - self.low.astype(pixels.dtype)
        scaled /= span.astype(pixels.dtype)
        return scaled


def percentile_range(
    pixels: Float[np.ndarray, "*grid"], percentiles: tuple[float, float], axis: tuple[int, ...] | None = None
) -> Range:
    """Return two percentiles of all pixels, or along some axes, which are kept with length 1."""
    low, high = np.percentile(pixels, percentiles, axis=axis, keepdims=axis is not None)
    return Range(np.asarray(low), np.asarray(high))


def full_range(pixels: Float[np.ndarray, "*grid"]) -> Range:
    """Return the smallest and the largest intensity."""
    return Range(np.asarray(pixels.min()), np.asarray(pixels.max()))


def haze(plane: Plane) -> Float[np.ndarray, " 2"] | None:
    """Return by how much light rises over an image, down and across; None unless that is certain.

    It is where the background of tiles lies in a plane (least squares), which hardly ever happens without haze: cells
    and tissue end somewhere.
    """
    tiles = _tiles(plane)
    if not tiles:
        return None
    dark = np.reshape([_ranked(tile, BLACK) for tile in tiles], (GRID, GRID))
    along = (np.arange(GRID) + 0.5) / GRID - 0.5
    rise = np.array([dark.mean(axis=1) @ along, dark.mean(axis=0) @ along]) / (along @ along)
    if (rise**2).sum() * (along @ along) * GRID <= EVENLY * ((dark - dark.mean()) ** 2).sum():
        return None  # most images end here
    low, high = np.percentile(plane - light_of(rise, (0, 0), plane.shape, plane.shape), (BLACK, WHITE))
    return rise if RISES[0] * (high - low) < np.abs(rise).sum() < RISES[1] * (high - low) else None


def light_of(rise: Float[np.ndarray, "2 ..."], first: Size, size: Size, shape: Size) -> Float[np.ndarray, "..."]:
    """Return the light that rises so (`haze`) on a part, of `size` from pixel `first` on, of an image of `shape`."""
    y, x = ((start + np.arange(count) + 0.5) / length for start, count, length in zip(first, size, shape, strict=True))
    light: np.ndarray = (rise[0] * y[:, None] + rise[1] * x).astype(np.float32)
    return light


def without_haze(plane: Plane, step: int = 1) -> Plane:
    """Return an image without its `haze`, which every `step`th pixel of every `step`th line tells; itself without."""
    rise = haze(plane[::step, ::step])
    return plane if rise is None else plane - light_of(rise, (0, 0), plane.shape, plane.shape)


def bounded_high(plane: Plane, low: float, high: float) -> float:
    """Return `high`, or less where it is more than HEADROOM times as far from `low` as the fifth brightest tile.

    Cells lie in many tiles, and debris, a bubble or a lit corner in four at most. Unless the next four all show cells,
    as they do not in a sparse image, nothing tells those from debris, and `high` stays.
    """
    tiles = _tiles(plane)
    if not tiles:
        return high
    above = np.array([_ranked(tile, TILE_HIGH) for tile in tiles]) - low
    others = np.argsort(-above, kind="stable")[SPARED : 2 * SPARED]
    brightest, last = above[others[[0, -1]]].tolist()
    most = low + HEADROOM * brightest
    if high <= most or last * ALIKE < brightest or brightest * FAINT < high - low:  # most images end here
        return high
    return most if all(_shows_cells(tiles[k]) for k in others) else high


def _tiles(plane: Plane) -> list[np.ndarray]:
    """Return the GRID x GRID tiles of an image, row by row; none of one that is too small."""
    if min(plane.shape) < GRID * SMALLEST_TILE:
        return []
    return [tile for rows in np.array_split(plane, GRID) for tile in np.array_split(rows, GRID, axis=1)]


def _ranked(tile: Plane, percentile: float) -> float:
    """Return a percentile, the lower of two pixels: in a tenth of the time that `np.percentile` takes."""
    rank = int((tile.size - 1) * percentile / 100)
    return float(np.partition(tile, rank, axis=None)[rank])


def _shows_cells(tile: Plane) -> bool:
    """Return whether pixels stand out, unlike in uneven light, and beside each other, unlike in noise."""
    low, middle, high = np.percentile(tile, (TILE_LOW, 50.0, TILE_HIGH))
    centred = tile - tile.mean()
    linked = (centred[:, 1:] * centred[:, :-1]).mean() > LINKED * (centred**2).mean()
    return bool(linked and high - middle > LIFT * (middle - low))
