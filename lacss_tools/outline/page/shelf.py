"""The images as the page gets them: tiles of the part on show, at the resolution that its zoom needs."""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from jaxtyping import UInt8

from lacss_tools.errors import InputError
from lacss_tools.io.native import read_image
from lacss_tools.outline.session import OutlineSession
from lacss_tools.outline.sources import Beside
from lacss_tools.web.render import levels, thumbnail

TILE = 512
"""pixels: side of the tiles"""
MAX_CHANNELS = 8
"""of an image: a page holds about a hundred tiles, a byte per pixel and channel"""
KEPT_BYTES = 200_000_000
"""of images in memory"""
KEPT_THUMBNAILS = 2000

Bytes = UInt8[np.ndarray, "channel _ _"]


@dataclass(frozen=True)
class Pyramid:
    """An image as bytes (the square root of the intensity), each level half as large as the one before."""

    planes: tuple[Bytes, ...]

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return sum(plane.nbytes for plane in self.planes)

    def tile(self, level: int, row: int, column: int) -> bytes:
        """Return a tile, channel by channel; InputError for one that does not exist."""
        if level < len(self.planes):
            part = self.planes[level][:, row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            if part.size:
                return part.tobytes()
        raise InputError("There is no such tile. Reload the page.")

    def histograms(self) -> list[list[int]]:
        """Return of each channel how many pixels of a small copy have each byte: what contrast is stretched by."""
        small = next((plane for plane in self.planes if plane[0].size <= 4 * TILE**2), self.planes[-1])
        return [np.bincount(plane.ravel(), minlength=256).tolist() for plane in small]


@dataclass
class Shelf:
    """What is kept in memory of the images; methods may be called from several threads."""

    session: OutlineSession
    beside: Beside
    pyramids: dict[tuple[str, bool], Pyramid] = field(default_factory=dict)
    """(stem, whether of the nuclei) -> levels, least recently used first"""
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def stem(self, k: int) -> str:
        """Return the name of image number `k`."""
        if k >= len(self.session.stems):
            raise InputError(f"There is no image {k}. Reload the page.")
        return self.session.stems[k]

    def pyramid(self, stem: str, nuclei: bool = False) -> Pyramid:
        """Return the levels of an image or of its nuclei; the last few stay in memory."""
        with self.lock:
            found = self.pyramids.pop((stem, nuclei), None)
            if found is None:
                path = self.beside.nuclei_file(stem) if nuclei else self.session.images[stem]
                found = pyramid_of(levels(read_image(path)[: 1 if nuclei else MAX_CHANNELS], 1))
            self.pyramids[stem, nuclei] = found
            while len(self.pyramids) > 2 and sum(one.size for one in self.pyramids.values()) > KEPT_BYTES:
                del self.pyramids[next(iter(self.pyramids))]
            return found

    def thumbnail(self, k: int) -> bytes:
        """Return a small JPEG of image number `k`."""
        stem = self.stem(k)
        if stem not in self.thumbnails:
            picture = thumbnail(read_image(self.session.images[stem]))
            with self.lock:
                self.thumbnails[stem] = picture
                while len(self.thumbnails) > KEPT_THUMBNAILS:
                    del self.thumbnails[next(iter(self.thumbnails))]
        return self.thumbnails[stem]


def pyramid_of(pixels: Bytes) -> Pyramid:
    """Return the levels down to one tile; a line too many at an edge counts double.

    >>> [plane.shape for plane in pyramid_of(np.zeros((1, 1025, 600), np.uint8)).planes]
    [(1, 1025, 600), (1, 513, 300), (1, 257, 150)]
    """
    planes = [pixels]
    while max(planes[-1].shape[1:]) > TILE:
        last = planes[-1]
        even = np.pad(last, ((0, 0), (0, last.shape[1] % 2), (0, last.shape[2] % 2)), mode="edge")
        blocks = even.reshape(len(even), even.shape[1] // 2, 2, even.shape[2] // 2, 2)
        planes.append((blocks.sum(axis=(2, 4), dtype=np.uint16) // 4).astype(np.uint8))
    return Pyramid(tuple(planes))
