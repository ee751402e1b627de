"""Where pixels come from, part by part: what prediction asks of an image, and an image in memory that answers it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.train.predict.resample import resample, taps
from lacss_tools.train.predict.tiles import Box
from lacss_tools.train.preprocess import Range, intensity_range, sample_step, to_range

ROWS_AT_ONCE = 512


@runtime_checkable
class Source(Protocol):
    """An image that is read part by part."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return the pixels of one window, all channels."""


@dataclass(frozen=True)
class InMemory:
    """An image in memory as a source."""

    image: Image

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.image.shape
        return channels, height, width

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return the pixels of one window, all channels."""
        return self.image[:, top:bottom, left:right]


def measure_range(source: Source) -> Range:
    """Return the intensity range of the whole image, read in bands: the same as `intensity_range` in memory."""
    _, height, width = source.shape
    step = sample_step((height, width))
    band = ROWS_AT_ONCE // step * step or step
    parts = [source.read(y, min(y + band, height), 0, width)[:, ::step, ::step] for y in range(0, height, band)]
    return intensity_range(np.concatenate(parts, axis=1), step=1)


def read_working(source: Source, size: tuple[int, int], box: Box, intensities: Range) -> Image:
    """Return a window of the image at its working `size`, normalised: what the network sees."""
    _, height, width = source.shape
    rows, columns = taps(height, size[0], box[0], box[2]), taps(width, size[1], box[1], box[3])
    part = source.read(rows.start, rows.stop, columns.start, columns.stop)
    return resample(to_range(part, intensities), rows, columns)
