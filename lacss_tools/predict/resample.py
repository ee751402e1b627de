"""Any part of an image at the working scale, the same numbers as if the whole image had been resized.

The filter is that of `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`: a triangle as wide as an
output pixel when the image shrinks, as an input pixel when it grows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from lacss_tools.arrays import Image
from lacss_tools.contrast import Range
from lacss_tools.io.source import ImageSource
from lacss_tools.network.preprocess import intensity_range, sample_step, to_range
from lacss_tools.predict.tiles import Box

ROWS_AT_ONCE = 512
"""of a large image, read to measure its range: what memory holds"""


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


def measure_range(source: ImageSource) -> Range:
    """Return the intensity range of the whole image, read in bands: the same as `intensity_range` in memory."""
    _, height, width = source.shape
    step = sample_step((height, width))
    band = ROWS_AT_ONCE // step * step or step
    parts = [source.read(y, min(y + band, height), 0, width)[:, ::step, ::step] for y in range(0, height, band)]
    return intensity_range(np.concatenate(parts, axis=1), step=1)


def read_working(source: ImageSource, size: tuple[int, int], box: Box, intensities: Range) -> Image:
    """Return a window of the image at its working `size`, normalised: what the network sees."""
    _, height, width = source.shape
    rows, columns = taps(height, size[0], box[0], box[2]), taps(width, size[1], box[1], box[3])
    part = source.read(rows.start, rows.stop, columns.start, columns.stop)
    return resample(to_range(part, intensities), rows, columns)
