"""Read the pixels of one image from any microscope file: axes, channels and pixel size are parsed, not guessed.

TIFF (plain, OME, ImageJ; tiled or in strips; LZW, JPEG, zstd, ... through imagecodecs), PNG, JPEG; ND2, CZI and LIF
when the extra `bioio` is installed.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile

VENDOR_SUFFIXES = (".nd2", ".czi", ".lif")
MAX_UNNAMED_CHANNELS = 4
"""an axis without a name is taken as channels up to this length"""
MICROMETRES = {"m": 1e6, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3,
               "pm": 1e-6, "cm": 1e4, "inch": 25400.0, "\\u00B5m": 1.0}  # fmt: skip
"""in one of each unit that files name"""


@dataclass(frozen=True)
class Loaded:
    """Pixels as in the file, and what the file says about them."""

    pixels: np.ndarray
    axes: str
    """one letter per axis, as tifffile names them: Y, X, C (channel), S (colour sample), Z, T, others unnamed"""
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    """(y, x) in micrometres"""

    def describe(self) -> str:
        """Return one line that describes the file."""
        sizes = " ".join(f"{name}={size}" for name, size in zip(self.axes, self.pixels.shape, strict=True))
        parts = [f"axes {sizes}", str(self.pixels.dtype)]
        if self.channels:
            parts.append("channels " + ", ".join(self.channels))
        if self.pixel_size:
            parts.append(f"{self.pixel_size[0]:.4g} x {self.pixel_size[1]:.4g} µm per pixel")
        return ", ".join(parts)


def load(path: Path) -> Loaded:
    """Read a file as it is; InputError when it is missing, damaged or of no known kind."""
    if not path.is_file():
        raise InputError(f"{path} does not exist. Check the name.")
    name = path.name.lower()
    if name.endswith(VENDOR_SUFFIXES):
        return _load_vendor(path)
    try:
        return _load_tiff(path) if name.endswith((".tif", ".tiff")) else _load_picture(path)
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(
            f"{path} cannot be read; it may be damaged or cut short ({_reason(error)}). Export it again."
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def channels_first(path: Path, loaded: Loaded, channel: str | None = None) -> Image:
    """Return (channel, y, x) float32, all channels or the one asked for by 0-based index or by name.
    Raises InputError when the axes are not those of one image, for a channel that is not there, and for NaN.
    """
    pixels, axes = loaded.pixels, loaded.axes
    if pixels.dtype.kind not in "uifb" or 0 in pixels.shape:
        raise InputError(f"{path} holds no numbers that can be an image ({pixels.dtype}, {pixels.shape}).")
    keep = [size > 1 or name in "YX" for size, name in zip(pixels.shape, axes, strict=True)]
    axes = "".join(name for name, kept in zip(axes, keep, strict=True) if kept)
    pixels = pixels.reshape([size for size, kept in zip(pixels.shape, keep, strict=True) if kept])
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.ndim == 3 and (at := _channel_axis(pixels.shape, axes)) is not None:
        pixels = np.moveaxis(pixels, at, 0)
    else:
        raise InputError(f"{path} has axes {axes} of size {pixels.shape}. {_question(axes)}")
    if channel is not None:
        pixels = pixels[[channel_index(path, channel, len(pixels), loaded.channels)]]
    image = pixels.astype(np.float32)
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise InputError(f"{path} holds {bad} NaN or infinite pixels. Replace them before use.")
    return image


def whole_image(path: Path, loaded: Loaded, channel: str | None = None) -> Image:
    """Return `channels_first` of a whole image; a colour image with equal channels counts as grey.

    A constant image keeps its channels.
    """
    image = channels_first(path, loaded, channel)
    if len(image) == 3 and "S" in loaded.axes and (image[0] != image[0, 0, 0]).any() and (image[1:] == image[0]).all():
        return image[:1]
    return image


def _channel_axis(shape: tuple[int, ...], axes: str) -> int | None:
    named = [i for i, name in enumerate(axes) if name in "CS"]
    if named:
        return named[0] if len(named) == 1 else None
    if set(axes) & set("ZT"):
        return None
    small = [i for i in (0, 2) if shape[i] <= MAX_UNNAMED_CHANNELS]
    return small[0] if len(small) == 1 else None


def _question(axes: str) -> str:
    if "Z" in axes or "T" in axes:
        what = " and ".join(word for name, word in (("Z", "focus plane"), ("T", "time point")) if name in axes)
        return f"Which {what} is meant? Save one image as YX, YXC or CYX."
    return (
        "Which axis holds the channels, or are they slices or times? Save one image as YX, YXC or CYX with named axes."
    )


def channel_index(path: Path, channel: str, count: int, names: tuple[str, ...]) -> int:
    """Return which of `count` channels is meant by an index or one of their names; InputError when none is."""
    if channel in names:
        return names.index(channel)
    if channel.isdecimal() and int(channel) < count:
        return int(channel)
    known = f" called {', '.join(names)}" if names else ""
    raise InputError(f"{path} has no channel {channel!r}; it has {count}{known}. Give 0 to {count - 1}, or a name.")


# ---- TIFF -----------------------------------------------------------------------------------------------------------


def _load_tiff(path: Path) -> Loaded:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return with_metadata(Loaded(np.asarray(series.asarray()), series.axes), tiff)


def with_metadata(loaded: Loaded, tiff: "TiffFile") -> Loaded:
    """Return the pixels with the channel names and pixel size from the TIFF metadata."""
    if tiff.is_ome and tiff.ome_metadata:
        return _with_ome(loaded, tiff.ome_metadata)
    if tiff.is_imagej:
        return _with_imagej(loaded, tiff.imagej_metadata or {}, tiff.pages.first.tags)
    return loaded


def _with_ome(loaded: Loaded, xml: str) -> Loaded:
    pixels = next((e for e in ElementTree.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return loaded
    elements = [element for element in pixels if element.tag.rpartition("}")[2] == "Channel"]
    names = tuple(element.get("Name") or element.get("ID") or str(k) for k, element in enumerate(elements))
    sizes = [_micrometres(pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "µm")) for a in "YX"]
    named = names if any(element.get("Name") for element in elements) else ()
    return replace(loaded, channels=named, pixel_size=_both(sizes))


def _with_imagej(loaded: Loaded, metadata: dict[str, Any], tags: Any) -> Loaded:
    unit = str(metadata.get("unit", ""))
    sizes = []
    for name in ("YResolution", "XResolution"):
        ratio = tags[name].value if name in tags else (0, 1)
        sizes.append(_micrometres(ratio[1] / ratio[0] if ratio[0] else None, unit))
    labels, count = metadata.get("Labels") or [], int(metadata.get("channels", 1))
    names = tuple(str(label) for label in labels) if count > 1 and len(labels) == count else ()
    return replace(loaded, channels=names, pixel_size=_both(sizes))


def _micrometres(value: Any, unit: str) -> float | None:
    factor = MICROMETRES.get(unit)
    try:
        length = float(value) * (factor or 0)
    except (TypeError, ValueError):
        return None
    return length if np.isfinite(length) and length > 0 else None


def _both(sizes: list[float | None]) -> tuple[float, float] | None:
    y, x = sizes
    return None if y is None or x is None else (y, x)


# ---- others ---------------------------------------------------------------------------------------------------------


def _load_picture(path: Path) -> Loaded:
    import imagecodecs

    pixels = np.asarray(imagecodecs.imread(path))
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and re.search(r"\.png$", path.name.lower()):
        pixels = _without_alpha(pixels)
    return Loaded(pixels, "YX" if pixels.ndim == 2 else "YXS")


def _without_alpha(pixels: np.ndarray) -> np.ndarray:
    """Drop an alpha channel that is opaque everywhere."""
    opaque = pixels[..., -1] == np.iinfo(pixels.dtype).max
    if not opaque.all():
        return pixels
    return pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :-1]


def _load_vendor(path: Path) -> Loaded:
    try:
        from bioio import BioImage
    except ImportError as error:
        raise InputError(
            f"{path} needs further packages. Install them: pip install bioio bioio-nd2 bioio-czi bioio-lif"
        ) from error
    try:
        image = BioImage(path)
        scenes = len(image.scenes)
        if scenes > 1:
            raise InputError(f"{path} holds {scenes} scenes. Which one is meant? Export each as its own OME-TIFF.")
        size = image.physical_pixel_sizes
        names = tuple(str(name) for name in image.channel_names or ())
        sizes = [_micrometres(length, "µm") for length in (size.Y, size.X)]
        return Loaded(np.asarray(image.data), str(image.dims.order), names, _both(sizes))
    except InputError:
        raise
    except Exception as error:  # each vendor's reader raises its own
        reason = _reason(error)
        raise InputError(
            f"{path} cannot be read; it may be damaged or cut short ({reason}). Export it as OME-TIFF."
        ) from error
