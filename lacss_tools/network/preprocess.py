"""From the pixels of a file to what the network sees: intensity range and working scale. Needs no torch.

Images are resized by the filter of `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`: a triangle as
wide as an output pixel when the image shrinks, as an input pixel when it grows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from lacss_tools.arrays import Image, Mask, Plane, Points
from lacss_tools.contrast import Range, Size, bounded_high, haze, light_of, percentile_range

LOW, HIGH = 1.0, 99.7
"""percentiles of each channel that become 0 and 1"""
CEILING = 2.0
"""intensities are cut at twice the range"""
ROOT_GAIN = 2.0
"""of the square root of the intensity"""
BLACK = -0.5
"""what the darkest percentile becomes; images are continued by it beyond their edges"""
SCALE_LIMITS = (0.05, 4.0)
"""smallest and largest factor of resizing to the working scale"""
SAMPLED_SIDE = 2048
"""up to twice this side, percentiles come from every second line"""


def sample_step(shape: tuple[int, int]) -> int:
    """Return the step between lines that percentiles are taken from: 2, more in very large images."""
    return max(2, int(np.sqrt(shape[0] * shape[1]) / SAMPLED_SIDE))


def intensity_range(image: Image, step: int | None = None) -> Range:
    """Return what becomes 0 and 1 in each channel, from every `step`th pixel of every `step`th line.

    That is the 1st and the 99.7th percentile without haze, the latter bounded where something bright has moved it.
    """
    step = sample_step((image.shape[1], image.shape[2])) if step is None else step
    sampled = image[:, ::step, ::step]
    hazes = [haze(channel) for channel in sampled]
    rise = None
    if any(one is not None for one in hazes):
        rise = np.stack([np.zeros(2) if one is None else one for one in hazes], axis=1)[:, :, None, None]
        sampled = sampled - light_of(rise, (0, 0), sampled.shape[1:], sampled.shape[1:])
    full = percentile_range(sampled, (LOW, HIGH), axis=(1, 2))
    ends = zip(sampled, full.low.flat, full.high.flat, strict=True)
    high = np.reshape([bounded_high(*one) for one in ends], full.high.shape)
    return Range(full.low.astype(np.float32), high.astype(np.float32), rise)


def to_range(image: Image, intensities: Range, first: Size = (0, 0), shape: Size | None = None) -> Image:
    """Map `intensities` to 0 and 1, take the square root (dim cells stay visible), centre.

    `image` may be a part, from pixel `first` on, of an image of `shape`.
    """
    size = (image.shape[1], image.shape[2])
    out: Image = intensities.at(first, size, shape or size).scale(image, 1e-6)
    np.clip(out, 0, CEILING, out=out)  # in place: fresh memory takes longer than the arithmetic
    np.sqrt(out, out=out)
    out *= ROOT_GAIN
    out += BLACK
    return out


def typical_diameter(mask_area: float, lois: int) -> float:
    """Return how many pixels a typical cell is across, from the weak labels alone: sqrt(4/pi * mask area / LOIs)."""
    return float(np.sqrt(4 / np.pi * max(mask_area, 1.0) / max(lois, 1)))


def working_scale(diameter: float, cell_diameter: float) -> float:
    """Return the factor that brings a cell of `diameter` pixels to `cell_diameter`, within SCALE_LIMITS."""
    return float(np.clip(cell_diameter / diameter, *SCALE_LIMITS))


def scaled_size(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the size of an image of `shape` at the working scale, at least 32 pixels."""
    return max(32, round(shape[0] * scale)), max(32, round(shape[1] * scale))


@dataclass(frozen=True)
class Taps:
    """Of each output line, the input lines (from `start`) that it is made of, and their weights."""

    start: int
    stop: int
    index: Int64[np.ndarray, "out taps"]
    weight: Float32[np.ndarray, "out taps"]


def taps(length: int, resized: int, first: int, last: int) -> Taps:
    """Return how lines `first` to `last` of `resized` are made of an axis of `length` lines.

    >>> np.rint(7 * taps(4, 2, 1, 2).weight).tolist()  # half as many lines: 1 3 3 1 over 8, cut at the end
    [[1.0, 3.0, 3.0]]
    """
    scale = length / resized
    reach = max(scale, 1.0)
    centre = scale * (np.arange(first, last) + 0.5)
    low = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + reach + 0.5).astype(np.int64), length)
    index = low[:, None] + np.arange(int((high - low).max()))
    weight = np.maximum(0, 1 - np.abs(index - centre[:, None] + 0.5) / reach) * (index < high[:, None])
    weight /= weight.sum(axis=1, keepdims=True)
    index = np.minimum(index, high[:, None] - 1)
    return Taps(int(low[0]), int(high[-1]), index - int(low[0]), weight.astype(np.float32))


def resample(part: Image, rows: Taps, columns: Taps) -> Float32[np.ndarray, "channel y2 x2"]:
    """Return the resized lines from `part`, which holds the input lines start to stop of both."""
    if part.shape[1:] == (len(rows.index), len(columns.index)) and rows.weight.shape[1] == columns.weight.shape[1] == 1:
        return part
    tall = sum(part[:, rows.index[:, k]] * rows.weight[:, k, None] for k in range(rows.index.shape[1]))
    out: np.ndarray = sum(tall[:, :, columns.index[:, k]] * columns.weight[:, k] for k in range(columns.index.shape[1]))
    return out


def resize_plane(plane: Plane, size: tuple[int, int]) -> Float32[np.ndarray, "y2 x2"]:
    """Return one channel resized as training and prediction see it."""
    rows, columns = (taps(length, side, 0, side) for length, side in zip(plane.shape, size, strict=True))
    out: np.ndarray = resample(plane[None], rows, columns)[0]
    return out


def resize_mask(mask: Mask, size: tuple[int, int]) -> Bool[np.ndarray, "y2 x2"]:
    """Return a mask resized: what it covers more than half of."""
    out: np.ndarray = resize_plane(mask.astype(np.float32), size) > 0.5
    return out


def resize_points(points: Points, shape: tuple[int, int], size: tuple[int, int]) -> Points:
    """Move (y, x) from an image of `shape` to its resized copy of `size`; pixel centres are at whole numbers."""
    out: Points = (points + 0.5) * (np.array(size) / shape) - 0.5
    return out
