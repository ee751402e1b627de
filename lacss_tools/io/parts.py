"""Large TIFF and OME-Zarr images, read window by window."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lacss_tools.errors import InputError
from lacss_tools.io.image import TIFF_SUFFIXES, Loaded, are_alike, chosen_image, is_opaque
from lacss_tools.io.joined import channel_files
from lacss_tools.io.plates import attributes, is_store
from lacss_tools.io.scenes import choose_scene, split_scene
from lacss_tools.io.tiff import TiffImage, open_tiff
from lacss_tools.io.units import both, micrometres
from lacss_tools.settings import Values

if TYPE_CHECKING:
    from tifffile import TiffPage

WHOLE_PIXELS = 4096**2
"""images of more pixels are read in parts where their file format allows it"""
CACHE_BYTES = 256 * 2**20
"""of decoded strips or tiles: a row of windows of a slide"""
BAND = 512
"""rows"""
PART_AXES = ("YX", "CYX", "YXS", "SYX")

Read = Callable[[slice, slice], np.ndarray]
"""rows, columns -> those pixels, with the axes of the file"""


def open_parts(path: Path, stack: ExitStack) -> tuple[Loaded, Read] | None:
    """Return outline and reader of a large image; None when it is small, of another format or of odd axes."""
    file, scene = split_scene(path)
    if files := channel_files(file):
        return _open_channels(files, [open_parts(one, stack) for one in files.values()]) if scene is None else None
    if is_store(file):
        choose_scene(file, [""], scene)
        outline, read = open_zarr(file)
        height, width = (outline.pixels.shape[outline.axes.index(name)] for name in "YX")
        return (outline, read) if height * width > WHOLE_PIXELS else None
    if not file.name.lower().endswith(TIFF_SUFFIXES) or not file.is_file():
        return None
    try:
        return _open_large_tiff(file, chosen_image(path, stack.enter_context(open_tiff(file)), scene))
    except Exception:  # `load` will say what is wrong with it
        return None


def _open_channels(names: Iterable[str], opened: list[tuple[Loaded, Read] | None]) -> tuple[Loaded, Read] | None:
    """Return outline and reader of an image whose channels are files of their own, all large and alike."""
    parts = [part for part in opened if part is not None]
    if len(parts) < len(opened) or not are_alike([outline for outline, _ in parts]):
        return None
    first = parts[0][0]
    pixels = _blank((len(parts), *first.pixels.shape), first.pixels.dtype)
    outline = replace(first, pixels=pixels, axes="CYX", channels=tuple(names))
    return outline, lambda rows, columns: np.stack([read(rows, columns) for _, read in parts])


def _open_large_tiff(file: Path, image: TiffImage) -> tuple[Loaded, Read] | None:
    sizes = dict(zip(image.axes, image.shape, strict=True))
    if sizes.get("Y", 0) * sizes.get("X", 0) <= WHOLE_PIXELS:
        return None
    read = _tiff_reader(file, image) if image.axes in PART_AXES else None
    if read is None:
        return None
    blank = _blank(image.shape, image.first.dtype)
    outline = Loaded(blank, image.axes, image.channels, image.pixel_size, image.zero_is_white)
    return _without_alpha(outline, read) if image.has_alpha else (outline, read)


def _blank(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return zeros that take no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _window(axes: str, rows: slice, columns: slice) -> tuple[slice, ...]:
    return tuple({"Y": rows, "X": columns}.get(name, slice(None)) for name in axes)


# ---- TIFF -----------------------------------------------------------------------------------------------------------


def _tiff_reader(path: Path, image: TiffImage) -> Read | None:
    """Return how to read parts: mapped into memory when stored plainly, else strip by strip or tile by tile."""
    axes, first = image.axes, image.first
    if image.data_at is not None:
        dtype = np.dtype(first.dtype).newbyteorder(first.parent.byteorder)
        mapped = np.memmap(path, dtype, "r", image.data_at, image.shape)
        return lambda rows, columns: np.asarray(mapped[_window(axes, rows, columns)])
    pages = [page for page in image.pages if page is not None]
    if axes == "YX" and len(pages) == 1:
        plane = Plane(first)
        return lambda rows, columns: plane.read(rows, columns)[..., 0]
    if axes == "YXS" and len(pages) == 1 and first.planarconfig == 1:
        return Plane(first).read
    if axes == "CYX" and len(pages) == image.shape[0]:
        planes = [Plane(page.aspage(), CACHE_BYTES // len(pages)) for page in pages]
        return lambda rows, columns: np.stack([plane.read(rows, columns)[..., 0] for plane in planes])
    return None


def _without_alpha(outline: Loaded, read: Read) -> tuple[Loaded, Read]:
    """Leave out the last sample of an image, its alpha, if that is opaque everywhere."""
    if not all(is_opaque(samples[-1]) for samples in _bands(outline, read)):
        return outline, read
    return _samples(outline, read, outline.pixels.shape[outline.axes.index("S")] - 1)


def equal_as_grey(outline: Loaded, read: Read) -> tuple[Loaded, Read]:
    """Leave one of three colour samples that are equal everywhere, as `whole_image` does, but in a constant image."""
    if outline.pixels.shape[outline.axes.find("S")] != 3 or "S" not in outline.axes:
        return outline, read
    levels = set()
    for samples in _bands(outline, read):
        if (samples[1:] != samples[0]).any():
            return outline, read
        levels |= {samples[0].min(), samples[0].max()}
    return _samples(outline, read, 1) if len(levels) > 1 else (outline, read)


def _bands(outline: Loaded, read: Read) -> Iterator[np.ndarray]:
    """Yield bands of rows (sample, y, x) of a colour image from the top."""
    height, width = (outline.pixels.shape[outline.axes.index(name)] for name in "YX")
    for top in range(0, height, BAND):
        yield np.moveaxis(read(slice(top, min(top + BAND, height)), slice(0, width)), outline.axes.index("S"), 0)


def _samples(outline: Loaded, read: Read, count: int) -> tuple[Loaded, Read]:
    """Return outline and reader of the first `count` colour samples."""
    axis = outline.axes.index("S")
    shape = tuple(count if name == "S" else n for name, n in zip(outline.axes, outline.pixels.shape, strict=True))
    few = replace(outline, pixels=_blank(shape, outline.pixels.dtype))
    return few, lambda rows, columns: np.take(read(rows, columns), range(count), axis)


@dataclass
class Plane:
    """One page of a TIFF file, decoded where it is read; what was decoded last stays in memory."""

    page: "TiffPage"
    most: int = CACHE_BYTES
    decoded: OrderedDict[int, np.ndarray] = field(default_factory=OrderedDict)
    held: int = 0

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a window (y, x, sample)."""
        tall, wide = self.page.chunks[:2]
        across = -(-self.page.imagewidth // wide)
        out = np.empty(
            (rows.stop - rows.start, columns.stop - columns.start, self.page.samplesperpixel), self.page.dtype
        )
        for i in range(rows.start // tall, -(-rows.stop // tall)):
            y0, y1 = max(rows.start, i * tall), min(rows.stop, (i + 1) * tall)
            for j in range(columns.start // wide, -(-columns.stop // wide)):
                x0, x1 = max(columns.start, j * wide), min(columns.stop, (j + 1) * wide)
                segment = self._segment(i * across + j)
                part = segment[y0 - i * tall : y1 - i * tall, x0 - j * wide : x1 - j * wide]
                out[y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start] = part
        return out

    def _segment(self, index: int) -> np.ndarray:
        if index in self.decoded:
            self.decoded.move_to_end(index)
            return self.decoded[index]
        page, handle = self.page, self.page.parent.filehandle
        try:
            handle.seek(page.dataoffsets[index])
            data = handle.read(page.databytecounts[index]) or None
            segment = page.decode(data, index, jpegtables=page.jpegtables)[0]
        except Exception as error:  # decoders raise whatever they like on damaged files
            raise InputError(f"{handle.path} is damaged or cut short ({error}). Export it again.") from error
        pixels = np.zeros((*page.chunks[:2], page.samplesperpixel), page.dtype) if segment is None else segment[0]
        self.decoded[index] = pixels
        self.held += pixels.nbytes
        while self.held > self.most and len(self.decoded) > 1:
            self.held -= self.decoded.popitem(last=False)[1].nbytes
        return pixels


# ---- OME-Zarr -------------------------------------------------------------------------------------------------------


def open_zarr(path: Path) -> tuple[Loaded, Read]:
    """Open the full resolution of an OME-Zarr image (the first of its levels), or a bare array as YX or CYX."""
    try:
        import zarr
    except ImportError as error:
        raise InputError(f"{path} needs zarr. Install it: pip install zarr") from error
    try:
        known = attributes(path)
        scales = known.get("multiscales", [{}])[0]
        node: Any = zarr.open(str(path), mode="r")
        array = node[scales["datasets"][0]["path"]] if scales else node
        named = "".join(axis["name"] for axis in scales.get("axes", [])).upper()
        size, channels = _pixel_size(scales) if named else None, _channels(known)
        shape, dtype = tuple(array.shape), array.dtype
    except Exception as error:  # each store raises its own
        raise InputError(f"{path} cannot be read as OME-Zarr ({error}). Export it again.") from error
    axes = named or {2: "YX", 3: "CYX"}.get(len(shape), "?" * len(shape))
    kept = "".join(name for name, size in zip(axes, shape, strict=True) if size > 1 or name in "YX")
    if kept not in PART_AXES:
        raise InputError(f"{path} has axes {axes} of size {shape}. Save one image as YX or CYX.")
    sizes = tuple(size for size, name in zip(shape, axes, strict=True) if name in kept)

    def read(rows: slice, columns: slice) -> np.ndarray:
        part = np.asarray(array[_window(axes, rows, columns)])
        return part.reshape([n for n, name in zip(part.shape, axes, strict=True) if name in kept])

    return Loaded(_blank(sizes, dtype), kept, channels, size), read


def _pixel_size(scales: Values) -> tuple[float, float] | None:
    """Return the size (y, x) in micrometres of a pixel of the first level, where the metadata names it with its unit.

    The scale of a level and that of all levels multiply (https://ngff.openmicroscopy.org/0.5, multiscales).
    """
    units = {axis["name"].upper(): axis.get("unit") for axis in scales["axes"]}
    lengths = np.ones(len(units))
    for own in (scales["datasets"][0], scales):
        for change in own.get("coordinateTransformations", []):
            if change.get("type") == "scale":
                lengths *= change["scale"]
    at = list(units)
    return both([micrometres(lengths[at.index(axis)], units[axis] or "") for axis in "YX"])


def _channels(known: Values) -> tuple[str, ...]:
    """Return the names of the channels where all of them have one."""
    names = [channel.get("label") for channel in known.get("omero", {}).get("channels", [])]
    return tuple(map(str, names)) if all(names) else ()
