"""Any part of an image at the working scale, the same numbers as if the whole image had been resized.

The filter is that of `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`: a triangle as wide as an
output pixel when the image shrinks, as an input pixel when it grows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from lacss_tools.arrays import Image


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
