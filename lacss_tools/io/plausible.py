"""Whether a file can hold what it says of itself: looked at before memory is taken for it."""

import struct
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tifffile import TiffFile, TiffFrame, TiffPage

MOST_PER_BYTE, ALWAYS = 2**15, 2**25
"""bytes of pixels: as many as zstd makes of a byte of a blank image, and what any file may have"""
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""markers of JPEG that are followed by the size of the image"""


def check_chain(tiff: "TiffFile") -> None:
    """Raise ValueError when a page of a TIFF file names an earlier one as the next, which tifffile would follow."""
    handle, form = tiff.filehandle, tiff.tiff
    seen: set[int] = set()
    at = tiff.pages.first.offset
    while 0 < at < handle.size:
        if at in seen:
            raise ValueError("a page of it names an earlier one as the next")
        seen.add(at)
        handle.seek(at)
        tags = handle.read(form.tagnosize)
        if len(tags) == form.tagnosize:
            handle.seek(at + form.tagnosize + struct.unpack(form.tagnoformat, tags)[0] * form.tagsize)
        following = handle.read(form.offsetsize)
        at = struct.unpack(form.offsetformat, following)[0] if len(following) == form.offsetsize else 0


def check_pages(tiff: "TiffFile", pages: "Iterable[TiffPage | TiffFrame | None]") -> None:
    """Raise ValueError when pages of a TIFF file, or their strips or tiles, are more than the file can hold."""
    total, size = 0, tiff.filehandle.size
    for page in pages:
        if page is None:
            continue
        first = page.aspage()
        if max(page.databytecounts, default=0) > size:
            raise ValueError(f"it says that {max(page.databytecounts)} bytes are stored in one piece of it")
        pixels, piece = prod(first.shape), prod(first.chunks)
        if not pixels * piece * first.samplesperpixel:
            raise ValueError("a page of it has no pixels")
        total += max(pixels, piece) * (first.dtype.itemsize if first.dtype else 1)
    _check(size, total)


def check_picture(path: Path) -> None:
    """Raise ValueError when a PNG or JPEG file says that it has more pixels than it can hold."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(2)
        if head == b"\x89P":
            stream.seek(16)
            _check(size, prod(struct.unpack(">II", stream.read(8))))
        while head == b"\xff\xd8":
            marker = stream.read(4)
            if len(marker) < 4 or marker[0] != 0xFF:
                return  # the decoder says what is wrong
            if marker[1] in START_OF_FRAME:
                _check(size, prod(struct.unpack(">xHHB", stream.read(6))))
                return
            stream.seek(struct.unpack(">H", marker[2:])[0] - 2, 1)


def _check(size: int, said: int) -> None:
    if said > MOST_PER_BYTE * size + ALWAYS:
        raise ValueError(f"it says that it has {said} bytes of pixels, in a file of {size}")
