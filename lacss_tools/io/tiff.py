"""The images in a TIFF file, found but not yet read: not their thumbnails, and nothing of other files."""

from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lacss_tools.io.ome import OmeImage, own_images
from lacss_tools.io.plausible import check_chain
from lacss_tools.io.units import both, micrometres

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

BESIDE = ("Thumbnail", "Label", "Macro", "Map")
"""names of pages of slides that are no slide"""
NOT_FULL, MASK = 1, 4
"""bits of a page's subfile type: an image of reduced resolution, a transparency mask"""
PER_CENTIMETRE = 3
WHITE_IS_ZERO = 0
"""photometric interpretation"""
ALPHA = (1, 2)
"""kinds of extra samples: the alpha channel, colours multiplied by it or not"""


@dataclass(frozen=True)
class TiffImage:
    """One image of a TIFF file."""

    name: str
    axes: str
    """one letter per axis, as tifffile names them"""
    shape: tuple[int, ...]
    pages: "TiffPageSeries | list[TiffPage]"
    """a plane each, the last axis before those of a plane fastest"""
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    """(y, x) in micrometres"""

    @property
    def first(self) -> "TiffPage":
        """Its first page, which has the type and the layout of all."""
        page = self.pages[0]
        assert page is not None
        return page.aspage()

    @property
    def has_alpha(self) -> bool:
        """Whether its last colour sample is declared as alpha."""
        return "S" in self.axes and bool(self.first.extrasamples) and self.first.extrasamples[-1] in ALPHA

    @property
    def zero_is_white(self) -> bool:
        """Whether the file says that the image is the negative of its numbers (MinIsWhite).

        Not one from Fiji, which says so of images whose look-up table alone is inverted, nor one of bits, of which
        tifffile says so.
        """
        page = self.first
        return page.photometric == WHITE_IS_ZERO and page.bitspersample > 1 and not page.is_imagej

    @property
    def data_at(self) -> int | None:
        """Where in the file all its pixels lie one after another, as in memory; None where they do not."""
        if not isinstance(self.pages, list):
            return self.pages.dataoffset
        offsets = [page.dataoffsets[0] if page.is_contiguous and page.is_final else None for page in self.pages]
        size = self.first.nbytes
        follow = [None if offsets[0] is None else offsets[0] + k * size for k in range(len(offsets))]
        return offsets[0] if offsets == follow else None

    def squeezed(self) -> "TiffImage":
        """Return it without axes of one entry, but for Y and X."""
        kept = [(name, size) for name, size in zip(self.axes, self.shape, strict=True) if size > 1 or name in "YX"]
        return replace(self, axes="".join(name for name, _ in kept), shape=tuple(size for _, size in kept))

    def read(self) -> np.ndarray:
        """Return all pixels."""
        if not isinstance(self.pages, list):
            return np.asarray(self.pages.asarray()).reshape(self.shape)
        planes = np.zeros((len(self.pages), *self.first.shape), self.first.dtype)
        for page, plane in zip(self.pages, planes, strict=True):
            page.asarray(out=plane)
        return planes.reshape(self.shape)


def open_tiff(path: Path) -> "TiffFile":
    """Open a TIFF file. What OME-XML and Micro-Manager say of other files is not followed; errors as `check_chain`."""
    import tifffile

    tiff = tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False)
    try:
        check_chain(tiff)
    except Exception:  # tifffile raises its own
        tiff.close()
        raise
    return tiff


def images_of(tiff: "TiffFile", path: Path) -> list[TiffImage]:
    """Return the images of a file, one at least; pages of reduced resolution only where there is nothing else."""
    page = tiff.pages.first
    if page.is_ome and (found := _by_ome(tiff, own_images(page.description, path, len(tiff.pages)))):
        return found
    full = [one for one in tiff.series if _is_full(one.keyframe) and one.name not in BESIDE] or list(tiff.series)
    channels, size = _imagej(tiff) if tiff.is_imagej else ((), _resolution(page.tags))
    return [TiffImage(one.name, one.axes, tuple(one.shape), one, channels, size) for one in full]


def _is_full(page: Any) -> bool:
    return not page.subfiletype & (NOT_FULL | MASK)


def _by_ome(tiff: "TiffFile", images: list[OmeImage]) -> list[TiffImage]:
    """Return the images with their pages; none where the pages are others than the metadata says."""
    rest = set(range(len(tiff.pages))) - {number for image in images for number in image.pages}
    if not images or any(_is_full(tiff.pages[number].aspage()) for number in rest):
        return []
    found = []
    for image in images:
        pages = [tiff.pages[number].aspage() for number in image.pages]
        first = pages[0]
        if {page.hash for page in pages} != {first.hash} or image.size != (first.imagelength, first.imagewidth):
            return []
        shape = (*image.shape, *first.shape)
        assert prod(image.shape) == len(pages)
        found.append(TiffImage(image.name, image.axes + first.axes, shape, pages, image.channels, image.pixel_size))
    return found


def _imagej(tiff: "TiffFile") -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """Return channel names and pixel size as Fiji writes them."""
    metadata = tiff.imagej_metadata or {}
    labels, count = metadata.get("Labels") or [], int(metadata.get("channels", 1))
    names = tuple(str(label) for label in labels) if count > 1 and len(labels) == count else ()
    return names, _pixel_size(tiff.pages.first.tags, str(metadata.get("unit", "")))


def _resolution(tags: Any) -> tuple[float, float] | None:
    """Return the pixel size of a file without other metadata, if its resolution is one per centimetre."""
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None
    return _pixel_size(tags, "cm") if unit == PER_CENTIMETRE else None


def _pixel_size(tags: Any, unit: str) -> tuple[float, float] | None:
    sizes = []
    for name in ("YResolution", "XResolution"):
        ratio = tags[name].value if name in tags else (0, 1)
        sizes.append(micrometres(ratio[1] / ratio[0] if ratio[0] else None, unit))
    return both(sizes)
