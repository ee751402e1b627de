"""Where pixels come from: small images are read whole, large TIFF and OME-Zarr images part by part."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from lacss_tools.arrays import Image, Points
from lacss_tools.errors import InputError
from lacss_tools.io.image import Loaded, channels_first, load, whole_image
from lacss_tools.io.lois import check_inside, read_lois
from lacss_tools.io.parts import Read, open_parts


@runtime_checkable
class ImageSource(Protocol):
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


@dataclass(frozen=True)
class OpenImage:
    """One image to predict; `note` holds axes, channels and pixel size."""

    path: Path
    note: Loaded
    source: ImageSource
    lois: Points | None = None
    """where to segment cells, (y, x) in pixels; None when the network finds them"""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that are used, when the file names all of them."""
        return self.note.channels if len(self.note.channels) == self.source.shape[0] else ()


@dataclass(frozen=True)
class InFile:
    """An image that stays in its file; `outline` has its shape and takes no memory."""

    path: Path
    outline: Loaded
    channel: str | None
    read_part: Read

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        axes, sizes = self.outline.axes, self.outline.pixels.shape
        count = (
            1
            if self.channel is not None
            else int(np.prod([n for a, n in zip(axes, sizes, strict=True) if a not in "YX"]))
        )
        return count, sizes[axes.index("Y")], sizes[axes.index("X")]

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return the pixels of one window, all channels (or the chosen one)."""
        pixels = self.read_part(slice(top, bottom), slice(left, right))
        part = Loaded(np.asarray(pixels), self.outline.axes, self.outline.channels)
        return channels_first(self.path, part, self.channel)


@contextmanager
def open_image(path: Path, channel: str | None = None, loi_path: Path | None = None) -> Iterator[OpenImage]:
    """Open one image, with its LOIs where a table of them is given.

    Errors as `native.read_image`, those of a large image when that part is read; and InputError for LOIs that
    are missing or outside the image.
    """
    with ExitStack() as stack:
        found = open_parts(path, stack)
        if found is None:
            note = load(path)
            source: ImageSource = InMemory(whole_image(path, note, channel))
        else:
            note, read = found
            source = InFile(path, note, channel, read)
        yield OpenImage(path, note, source, None if loi_path is None else _lois_of(path, source, loi_path))


def _lois_of(path: Path, source: ImageSource, loi_path: Path) -> Points:
    if not loi_path.is_file():
        raise InputError(f"{path} has no LOIs: {loi_path} does not exist. Run lacss annotate-lois.")
    lois, _ = read_lois(loi_path)
    check_inside(lois, loi_path, path, source.shape[1:])
    return lois
