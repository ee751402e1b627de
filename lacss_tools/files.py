"""Read and write the native formats, one pair of functions each.

Every write is atomic: a temporary file in the same folder is renamed when it is whole. Axis order and mask polarity
end here: beyond this file an image is (channel, y, x) float32, a mask is True on cells, a point is (y, x).
"""

import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Image, Labels, Mask, Masks, Plane, Points
from lacss_tools.errors import InputError

LOI_HEADER = ["y", "x", "response"]
MAX_GUESSED_CHANNELS = 4


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block ends without an error.

    Raises InputError when the folder cannot be made or written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}). Choose another output with -o.") from error
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}). Check space and permissions."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write a CSV file with `header` and `rows`."""
    with atomic(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


# ---- images ---------------------------------------------------------------------------------------------------------


def read_image(path: Path) -> Image:
    """Read all channels of one field as (channel, y, x) float32.

    Accepts YX, YXC and CYX TIFF (plain, ImageJ, OME), PNG and JPEG of 8 or 16 bit or float. Raises InputError when
    the file is damaged, has more axes than a field, or holds NaN or infinite pixels.
    """
    pixels, axes = _load(path)
    image = _channels_first(path, pixels, axes).astype(np.float32)
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise InputError(f"{path} holds {bad} NaN or infinite pixels. Replace them before use.")
    return image


def read_plane(path: Path) -> Plane:
    """Read an image of one channel; RGB with three equal channels counts as one. Errors as `read_image`."""
    image = read_image(path)
    if len(image) == 1 or (len(image) in (3, 4) and (image[0] == image[1]).all() and (image[0] == image[2]).all()):
        plane: Plane = image[0]
        return plane
    raise InputError(f"{path} has {len(image)} channels where one grey channel is needed. Save that channel alone.")


def read_labels(path: Path) -> Labels:
    """Read instance labels (0 = background) as int32; InputError for fractions, negative numbers, several channels."""
    plane = read_plane(path)
    if plane.dtype != np.int32 and not (plane == np.round(plane)).all():
        raise InputError(f"{path} holds fractions where instance labels are whole numbers. Give the label image.")
    if plane.min() < 0:
        raise InputError(f"{path} holds negative labels. Use 0 for background and 1, 2, ... for cells.")
    return plane.astype(np.int32)


def read_mask(path: Path) -> Mask:
    """Read a two-valued image as a mask, True where it is not 0; InputError when it has more than two values."""
    plane = read_plane(path)
    values: np.ndarray = np.unique(plane)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        raise InputError(f"{path} is not a mask: it holds {len(values)} values, expected 0 and one other.")
    mask: Mask = plane > 0
    return mask


def _load(path: Path) -> tuple[np.ndarray, str]:
    if not path.is_file():
        raise InputError(f"{path} does not exist. Check the name.")
    is_tiff = path.name.lower().endswith((".tif", ".tiff"))
    try:
        return _load_tiff(path) if is_tiff else _load_picture(path)
    except Exception as error:  # decoders raise whatever they like on damaged files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{path} cannot be read; it may be damaged or cut short ({reason}). Export it again."
        ) from error


def _load_tiff(path: Path) -> tuple[np.ndarray, str]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return np.asarray(series.asarray()), series.axes


def _load_picture(path: Path) -> tuple[np.ndarray, str]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.imread(path))
    return pixels, "YX" if pixels.ndim == 2 else "YXS"


def _channels_first(path: Path, pixels: np.ndarray, axes: str) -> np.ndarray:
    if pixels.dtype.kind not in "uifb" or 0 in pixels.shape:
        raise InputError(f"{path} holds no numbers that can be an image ({pixels.dtype}, {pixels.shape}).")
    keep = [size > 1 or name in "YX" for size, name in zip(pixels.shape, axes, strict=True)]
    axes = "".join(name for name, kept in zip(axes, keep, strict=True) if kept)
    pixels = pixels.reshape([size for size, kept in zip(pixels.shape, keep, strict=True) if kept])
    if pixels.ndim == 2:
        return pixels[None]
    if pixels.ndim == 3 and (channel := _channel_axis(pixels.shape, axes)) is not None:
        return np.moveaxis(pixels, channel, 0)
    raise InputError(f"{path} has axes {axes} of size {pixels.shape}. Save one field as YX, YXC or CYX.")


def _channel_axis(shape: tuple[int, ...], axes: str) -> int | None:
    named = [i for i, name in enumerate(axes) if name in "CS"]
    if named:
        return named[0] if len(named) == 1 else None
    if set(axes) & set("ZT"):
        return None
    small = [i for i in (0, 2) if shape[i] <= MAX_GUESSED_CHANNELS]
    return small[0] if len(small) == 1 else None


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as an 8-bit TIFF, 255 on cells."""
    _write_tiff(path, mask.astype(np.uint8) * 255, axes="YX")


def write_labels(path: Path, labels: Labels) -> None:
    """Write instance labels as a TIFF of 16 bit, or 32 bit above 65535 cells."""
    _write_tiff(path, labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32), axes="YX")


def _write_tiff(path: Path, pixels: np.ndarray, axes: str, **metadata: Any) -> None:
    import tifffile

    imagej = pixels.dtype in (np.uint8, np.uint16)
    with atomic(path) as part:
        tifffile.imwrite(
            part, pixels, imagej=imagej, compression="zlib", metadata={"axes": axes, **metadata}, datetime=False
        )


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (y, x) or (y, x, 3) uint8 pixels."""
    import imagecodecs

    with atomic(path) as part:
        part.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


# ---- candidates -----------------------------------------------------------------------------------------------------


def write_candidates(path: Path, masks: Masks, thresholds: list[float]) -> None:
    """Write one 8-bit page per threshold, loosest first; thresholds go to the metadata and the slice labels."""
    labels = [f"threshold {value:.6g}" for value in thresholds]
    text = ",".join(f"{value:.9g}" for value in thresholds)
    _write_tiff(path, masks.astype(np.uint8) * 255, axes="ZYX", Labels=labels, thresholds=text)


def read_candidates(path: Path) -> tuple[Masks, list[float]]:
    """Read candidate masks (n, y, x), loosest first, and their thresholds.

    Raises InputError for a damaged file and for one that `lacss graphcut` did not write.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            pages = np.stack([page.asarray() for page in tiff.pages])
            metadata = tiff.imagej_metadata or {}
    except Exception as error:
        raise InputError(f"{path} cannot be read; it may be damaged. Run lacss graphcut --overwrite.") from error
    thresholds = [float(value) for value in str(metadata.get("thresholds", "")).split(",") if value]
    if pages.ndim != 3 or len(thresholds) != len(pages):
        raise InputError(f"{path} is not a candidates file of lacss graphcut. Run lacss graphcut --overwrite.")
    return pages > 0, thresholds


# ---- LOIs -----------------------------------------------------------------------------------------------------------


def write_lois(path: Path, points: Points, response: np.ndarray) -> None:
    """Write LOIs as CSV: y, x in pixels of the original image, and the filter response."""
    rows = [[f"{y:.2f}", f"{x:.2f}", f"{r:.5g}"] for (y, x), r in zip(points, response, strict=True)]
    write_table(path, LOI_HEADER, rows)


def read_lois(path: Path) -> tuple[Points, np.ndarray]:
    """Read LOIs: points (n, 2) float64 in pixels and their responses (n,).

    Extra columns are ignored, the response may be missing (then 1). Raises InputError for a wrong header or a bad row.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}). Write it again with lacss annotate-lois.") from error
    if "y" not in header or "x" not in header:
        raise InputError(f"{path} has the header {','.join(header)!r}, expected y,x,response. Rename the columns.")
    try:
        values = [(float(row["y"]), float(row["x"]), float(row.get("response") or 1)) for row in rows]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} holds a row that is not numbers ({error}). Correct or remove it.") from error
    table = np.array(values, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(table).all():
        raise InputError(f"{path} holds NaN or infinite numbers. Correct or remove those rows.")
    return table[:, :2], table[:, 2]
