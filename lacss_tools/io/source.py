"""Where pixels come from: small images are read whole, large TIFF and OME-Zarr images part by part."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from lacss_tools.arrays import Image, Points
from lacss_tools.errors import InputError
from lacss_tools.io.image import Loaded, channel_index, channels_first, load, whole_image
from lacss_tools.io.lois import check_inside, read_lois
from lacss_tools.io.parts import Read, equal_as_grey, open_parts
from lacss_tools.io.scenes import paths_of


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
class Blank:
    """A channel without any light: in place of nuclei that are not known."""

    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return 1, *self.size

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return zeros of the size of a window."""
        return np.zeros((1, bottom - top, right - left), np.float32)


@dataclass(frozen=True)
class Stacked:
    """The channels of several sources of one size as those of one image."""

    parts: tuple[ImageSource, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:]

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return the pixels of one window, the channels of all parts."""
        return np.concatenate([part.read(top, bottom, left, right) for part in self.parts])


@dataclass(frozen=True)
class Chosen:
    """Some channels of a source, by index."""

    source: ImageSource
    channels: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return len(self.channels), *self.source.shape[1:]

    def read(self, top: int, bottom: int, left: int, right: int) -> Image:
        """Return the pixels of one window, the chosen channels."""
        out: Image = self.source.read(top, bottom, left, right)[list(self.channels)]
        return out


def whole(source: ImageSource) -> Image:
    """Return all pixels of an image."""
    _, height, width = source.shape
    return source.read(0, height, 0, width)


@dataclass(frozen=True)
class Nuclei:
    """The file that holds the nuclei of one image, and their channel there (index or name) if it has several.

    It may be the file of the image itself.
    """

    path: Path
    channel: str | None = None


@dataclass(frozen=True)
class OpenImage:
    """One image to predict; `note` holds axes, channels and pixel size."""

    path: Path
    note: Loaded
    source: ImageSource
    lois: Points | None = None
    """where to segment cells, (y, x) in pixels; None when the network finds them"""
    nuclei: ImageSource | None = None
    """one channel of the same size"""

    @property
    def seen(self) -> ImageSource:
        """What the network sees: the image and, as its last channel, the nuclei."""
        return self.source if self.nuclei is None else Stacked((self.source, self.nuclei))

    @property
    def in_memory(self) -> bool:
        """Whether all of it is in memory."""
        return isinstance(self.source, InMemory) and isinstance(self.nuclei, InMemory | None)

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
        return channels_first(self.path, replace(self.outline, pixels=np.asarray(pixels)), self.channel)


@contextmanager
def open_image(
    path: Path, channel: str | None = None, loi_path: Path | None = None, nuclei: Nuclei | None = None
) -> Iterator[OpenImage]:
    """Open one image, with its LOIs where a table of them is given, and with its nuclei where their place is.

    Errors as `native.read_image`, those of a large image when that part is read; and InputError for LOIs and nuclei
    that are missing or do not fit the image.
    """
    with ExitStack() as stack:
        if nuclei is not None and nuclei.path == path:
            opened = _open_with_own_nuclei(path, channel, nuclei.channel, stack)
        else:
            note, source = _open(path, channel, stack)
            opened = OpenImage(path, note, source, nuclei=_open_nuclei(path, source, nuclei, stack))
        yield opened if loi_path is None else replace(opened, lois=_lois_of(path, opened.source, loi_path))


def _open(path: Path, channel: str | None, stack: ExitStack) -> tuple[Loaded, ImageSource]:
    found = open_parts(path, stack)
    if found is None:
        note = load(path)
        return note, InMemory(whole_image(path, note, channel))
    note, read = equal_as_grey(*found) if channel is None else found
    return note, InFile(path, note, channel, read)


def _open_nuclei(path: Path, source: ImageSource, nuclei: Nuclei | None, stack: ExitStack) -> ImageSource | None:
    """Open the nuclei of an image, which is `source`, in a file of their own."""
    if nuclei is None:
        return None
    if not all(file.exists() for file in paths_of(nuclei.path)):
        raise InputError(f"{path} has no nuclei: {nuclei.path} does not exist. Add it, or set `nuclei` to none.")
    _, own = _open(nuclei.path, nuclei.channel, stack)
    if own.shape[0] > 1:
        raise InputError(f"{nuclei.path} has {own.shape[0]} channels where one is needed. Name the `nuclei_channel`.")
    if own.shape[1:] != source.shape[1:]:
        raise InputError(f"{path} is {source.shape[1:]} pixels and {nuclei.path} {own.shape[1:]}. Give one size.")
    return own


def _open_with_own_nuclei(path: Path, channel: str | None, nuclei: str | None, stack: ExitStack) -> OpenImage:
    """Open an image whose nuclei are one of its channels; the cells are `channel`, or all others."""
    found = open_parts(path, stack)
    if found is None:
        note = load(path)
        every: ImageSource = InMemory(channels_first(path, note))
    else:
        note, every = found[0], InFile(path, found[0], None, found[1])
    names, count = note.channels, every.shape[0]
    own = channel_index(path, nuclei or "", count, names)
    rest = range(count) if channel is None else [channel_index(path, channel, count, names)]
    cells = tuple(k for k in rest if k != own)
    if not cells:
        raise InputError(f"{path} has no channel of cells beside that of the nuclei, {nuclei}. Name another of them.")
    kept = tuple(names[k] for k in cells) if len(names) == count else ()
    parts = [Chosen(every, one) if found else InMemory(whole(Chosen(every, one))) for one in (cells, (own,))]
    return OpenImage(path, replace(note, channels=kept), parts[0], nuclei=parts[1])


def _lois_of(path: Path, source: ImageSource, loi_path: Path) -> Points:
    if not loi_path.is_file():
        raise InputError(f"{path} has no LOIs: {loi_path} does not exist. Run lacss annotate-lois.")
    lois, _ = read_lois(loi_path)
    check_inside(lois, loi_path, path, source.shape[1:])
    return lois
