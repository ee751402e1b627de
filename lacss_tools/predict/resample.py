"""Any part of an image at the working scale, the same numbers as if the whole image had been resized."""

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.contrast import Range
from lacss_tools.io.source import ImageSource
from lacss_tools.network.preprocess import intensity_range, resample, sample_step, taps, to_range
from lacss_tools.predict.tiles import Box

ROWS_AT_ONCE = 512
"""of a large image, read to measure its range: what memory holds"""


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
    working = to_range(part, intensities, (rows.start, columns.start), (height, width))
    return resample(working, rows, columns)
