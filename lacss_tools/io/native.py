"""Read and write the native formats, one pair of functions each.

Every write is atomic: a temporary file in the same folder is renamed when it is whole. Axis order and mask polarity
end here: beyond this file an image is (channel, y, x) float32, a mask is True on cells, a point is (y, x).
"""

import csv
import hashlib
import itertools
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import MAX_LABEL, Image, Labels, Mask, Plane
from lacss_tools.errors import InputError
from lacss_tools.io.image import Loaded, load, whole_image
from lacss_tools.io.instances import unlike_labels
from lacss_tools.io.stems import as_text

LOSSY = (".jpg", ".jpeg")
"""formats that do not keep values"""
Keywords = dict[str, Any]
"""what tifffile takes, by its names"""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block ends without an error.

    Raises InputError when the folder cannot be made or written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        part.touch(exist_ok=False)  # with the permissions that files have here
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}). Choose another `output`.") from error
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())  # a rename must not reach the disk before what it names
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}). Check space and permissions."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, in which names of files may be no text."""
    with atomic(path) as part:
        part.write_text(as_text(text), encoding="utf-8")


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write a CSV file with `header` and `rows`."""
    with atomic(path) as part, part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def digest_of(path: Path) -> str:
    """Return a word that tells the content of a file from any other."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


# ---- images ---------------------------------------------------------------------------------------------------------


def read_image(path: Path, channel: str | None = None, without: str | None = None) -> Image:
    """Read one image as (channel, y, x) float32: all channels, or all `without` one, or one by 0-based index or name.

    Accepts YX, YXC and CYX TIFF (plain, ImageJ, OME), PNG and JPEG of 8 or 16 bit or float, and vendors' files through
    `bioio`; RGB with three equal channels counts as one. Raises InputError when the file is damaged, has more axes than
    an image, or holds NaN or infinite pixels.
    """
    return whole_image(path, load(path), channel, without)


def read_plane(path: Path, channel: str | None = None, without: str | None = None, called: str = "channel") -> Plane:
    """Read an image of one channel, or its channel of this 0-based index or name; arguments, errors as `read_image`.

    Three equal channels count as one. `called` is what the setting is called that names the channel.
    """
    return _only_plane(path, read_image(path, channel, without), called)


def read_numbers(path: Path) -> Plane:
    """Read an image of one channel by the numbers in the file, whatever it says of black and white.

    So masks are read; errors as `read_plane`.
    """
    return _only_plane(path, _by_numbers(path, load(path)), "channel")


def _by_numbers(path: Path, loaded: Loaded) -> Image:
    return whole_image(path, replace(loaded, zero_is_white=False))


def _only_plane(path: Path, image: Image, called: str) -> Plane:
    plane = one_plane(image)
    if plane is None:
        raise InputError(
            f"{path} has {len(image)} channels where one grey channel is needed. Name the `{called}` to use."
        )
    return plane


def one_plane(image: Image) -> Plane | None:
    """Return the channel of an image of one, or of three equal ones (and alpha), else None."""
    if len(image) == 1 or (len(image) in (3, 4) and (image[0] == image[1]).all() and (image[0] == image[2]).all()):
        plane: Plane = image[0]
        return plane
    return None


def read_full_scale(path: Path) -> float | None:
    """Return 2**bits of the type that the pixels have in the file (255 + 1, 65535 + 1), None for floating point."""
    dtype = load(path).pixels.dtype
    return float(2 ** (8 * dtype.itemsize)) if dtype.kind in "ui" else None


def read_labels(path: Path, signed: bool = False) -> Labels:
    """Read instance labels (0 = background) as int32.

    Raises InputError for what cannot be labels: fractions, negative numbers, several channels, JPEG, and pixels that
    are a picture or a mask. `signed` lets negative numbers pass, which mark cells that are ambiguous; 7 and -7 cannot
    both be there.
    """
    if path.suffix.lower() in LOSSY:
        raise InputError(f"{path} is a JPEG, which blurs the numbers of cells. Save the label image as TIFF or PNG.")
    loaded = load(path)
    # floats of 24 bits cannot tell large labels apart
    exact = loaded.pixels.squeeze()
    if exact.ndim == 2 and exact.dtype.kind in "uib":
        return as_labels(path, exact, signed)
    image = _by_numbers(path, loaded)
    plane = one_plane(image)
    if plane is None:
        raise InputError(f"{path} has {len(image)} channels, as a picture has; labels have one. Give the label image.")
    return as_labels(path, plane, signed)


def as_labels(path: Path, plane: np.ndarray, signed: bool = False) -> Labels:
    """Return the pixels (y, x) of a label image as int32; errors, which name `path`, as `read_labels`."""
    if plane.dtype.kind == "f" and not (plane == np.round(plane)).all():
        raise InputError(f"{path} holds fractions where instance labels are whole numbers. Give the label image.")
    if plane.size and plane.min() < (-MAX_LABEL if signed else 0):
        raise InputError(f"{path} holds negative labels. Use 0 for background and 1, 2, ... for cells.")
    if plane.size and plane.max() > MAX_LABEL:
        raise InputError(f"{path} holds the label {plane.max()}, above {MAX_LABEL}. Renumber the cells.")
    labels = plane.astype(np.int32)
    _check_negative(path, labels)
    if (what := unlike_labels(labels)) is not None:
        raise InputError(f"{path} is {what} and no label image. Give one in which each cell has its own number.")
    return labels


def _check_negative(path: Path, labels: Labels) -> None:
    """Raise InputError when a number stands for a cell and, negative, for an ambiguous one, or -1 for background."""
    if not labels.size or labels.min() >= 0:
        return
    numbers = np.unique(labels)
    if -1 in numbers and 0 not in numbers:
        raise InputError(f"{path} holds -1 and no 0. Use 0 for background; negative numbers are of ambiguous cells.")
    if len(both := np.intersect1d(numbers, -numbers[numbers < 0])):
        raise InputError(
            f"{path} holds both labels {both[0]} and {-both[0]}. Use 0 for background, and keep negative numbers for "
            "ambiguous cells."
        )


def read_mask(path: Path) -> Mask:
    """Read a two-valued image as a mask, True where it is not 0; InputError when it has more than two values."""
    return as_mask(path, read_numbers(path))


def as_mask(path: Path, plane: np.ndarray) -> Mask:
    """Return the pixels (y, x) of a mask, True where they are not 0; errors, which name `path`, as `read_mask`."""
    mask: Mask = plane > 0
    one = plane == plane.max(initial=0)
    if (mask & ~one).any() or (plane < 0).any():
        raise InputError(f"{path} is not a mask: it holds {len(np.unique(plane))} values, expected 0 and one other.")
    return mask


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as an 8-bit TIFF, 255 on cells."""
    write_tiff(path, mask.astype(np.uint8) * 255, axes="YX")


def write_labels(path: Path, labels: Labels, pixel_size: tuple[float, float] | None = None) -> None:
    """Write instance labels as a TIFF of 16 bit for ImageJ, or an OME-TIFF of 32 bit above 65535 cells.

    With negative labels, those of ambiguous cells, it is an OME-TIFF of 32 bit with a sign.
    `pixel_size` is (y, x) in micrometres; both kinds of file keep it.
    """
    signed = labels.min(initial=0) < 0
    if labels.max(initial=0) < 2**16 and not signed:
        _write_scaled(path, labels.astype(np.uint16), {"axes": "YX"}, pixel_size)
        return
    import tifffile

    pixels = labels.astype(np.int32 if signed else np.uint32)
    with atomic(path) as part:
        tifffile.imwrite(part, pixels, ome=True, compression="zlib", metadata=_ome_scale(pixel_size))


def write_label_bands(
    path: Path,
    bands: Iterable[Labels],
    shape: tuple[int, int],
    most: int,
    pixel_size: tuple[float, float] | None = None,
) -> None:
    """Write a label image of `shape` band by band from the top, as `write_labels` does; `most` is its largest label.

    All bands have the same number of rows, of which the last may have fewer. One band at a time is in memory.
    """
    import imagecodecs
    import tifffile

    small = most < 2**16
    dtype = np.dtype(np.uint16 if small else np.uint32)
    waiting = iter(bands)
    first = next(waiting)

    def encoded() -> Iterator[bytes]:
        for band in itertools.chain([first], waiting):
            yield bytes(imagecodecs.zlib_encode(band.astype(dtype).tobytes()))

    metadata, scale = _scaled({"axes": "YX"}, pixel_size) if small else (_ome_scale(pixel_size), {})
    kind: Keywords = {"imagej": True, "datetime": False} if small else {"ome": True}
    layout: Keywords = {"shape": shape, "dtype": dtype, "rowsperstrip": len(first), "compression": "zlib"}
    with atomic(path) as part:
        tifffile.imwrite(part, encoded(), **layout, **kind, **scale, metadata=metadata)


def _ome_scale(pixel_size: tuple[float, float] | None) -> Keywords:
    metadata: Keywords = {"axes": "YX"}
    for axis, size in zip("YX", pixel_size or (), strict=False):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    return metadata


def _scaled(metadata: Keywords, pixel_size: tuple[float, float] | None) -> tuple[Keywords, Keywords]:
    """Return the metadata and the resolution by which ImageJ knows the size of a pixel."""
    if not pixel_size:
        return metadata, {}
    return {**metadata, "unit": "um"}, {"resolution": (1 / pixel_size[1], 1 / pixel_size[0])}


def write_tiff(path: Path, pixels: np.ndarray, axes: str, **metadata: Any) -> None:
    """Write pixels as a TIFF with axes and metadata as ImageJ reads them."""
    _write_scaled(path, pixels, {"axes": axes, **metadata}, None)


def _write_scaled(path: Path, pixels: np.ndarray, metadata: Keywords, pixel_size: tuple[float, float] | None) -> None:
    import tifffile

    imagej = pixels.dtype in (np.uint8, np.uint16)
    metadata, scale = _scaled(metadata, pixel_size)
    with atomic(path) as part:
        tifffile.imwrite(part, pixels, imagej=imagej, compression="zlib", metadata=metadata, datetime=False, **scale)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (y, x) or (y, x, 3) uint8 pixels."""
    import imagecodecs

    with atomic(path) as part:
        part.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


def write_jpeg(path: Path, pixels: np.ndarray, quality: int = 85) -> None:
    """Write (y, x, 3) uint8 pixels without chroma subsampling, which would wash out thin outlines."""
    import imagecodecs

    with atomic(path) as part:
        part.write_bytes(imagecodecs.jpeg_encode(np.ascontiguousarray(pixels), level=quality, subsampling="444"))


def refuse_constant(path: Path, pixels: np.ndarray) -> None:
    """Raise InputError when an image has one value everywhere."""
    if pixels.min() == pixels.max():
        raise InputError(f"{path} is {pixels.flat[0]:g} everywhere. Remove it or export it again.")
