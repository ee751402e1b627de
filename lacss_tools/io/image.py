"""Read the pixels of one image from any microscope file: axes, channels and pixel size are parsed, not guessed.

TIFF (plain, OME, ImageJ; tiled or in strips; LZW, JPEG, zstd, ... through imagecodecs), PNG, JPEG; ND2, CZI and LIF
when the extra `bioio` is installed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.errors import InputError
from lacss_tools.io.joined import channel_files
from lacss_tools.io.plates import is_store
from lacss_tools.io.plausible import check_pages, check_picture
from lacss_tools.io.scenes import choose_scene, split_scene
from lacss_tools.io.tiff import TiffImage, images_of, open_tiff
from lacss_tools.io.units import both, micrometres

if TYPE_CHECKING:
    from tifffile import TiffFile

TIFF_SUFFIXES = (".tif", ".tiff")
VENDOR_SUFFIXES = (".nd2", ".czi", ".lif")
MAX_UNNAMED_CHANNELS = 4
"""an axis without a name is taken as channels up to this length"""


@dataclass(frozen=True)
class Loaded:
    """Pixels as in the file, and what the file says about them."""

    pixels: np.ndarray
    axes: str
    """one letter per axis, as tifffile names them: Y, X, C (channel), S (colour sample), Z, T, others unnamed"""
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    """(y, x) in micrometres"""
    zero_is_white: bool = False
    """whether the image is the negative of these pixels, as viewers show it; masks and labels are their numbers"""

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
    """Read a file as it is, the image N of several where the path ends in #N.

    InputError when it is missing, damaged or of no known kind, or holds several images of which none is named.
    """
    file, scene = split_scene(path)
    if parts := channel_files(file):
        return _load_channels(path, parts, scene)
    if file.is_dir() and is_store(file):
        return _load_store(file, scene)
    if not file.is_file():
        raise InputError(f"{path} does not exist. Check the name.")
    name = file.name.lower()
    if name.endswith(VENDOR_SUFFIXES):
        return _load_vendor(file, scene)
    try:
        return _load_tiff(file, scene) if name.endswith(TIFF_SUFFIXES) else _load_picture(file, scene)
    except InputError:
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(
            f"{path} cannot be read; it may be damaged or cut short ({_reason(error)}). Export it again."
        ) from error


def _load_channels(path: Path, files: Mapping[str, Path], scene: str | None) -> Loaded:
    """Read the channels of an image, a file each; InputError unless all are one plane of one kind."""
    found = (load(file if scene is None else file.with_name(f"{file.name}#{scene}")) for file in files.values())
    planes = [_as_plane(one) for one in found]
    if not are_alike(planes):
        kinds = " and ".join(f"{one.pixels.shape}{' min-is-white' * one.zero_is_white}" for one in planes)
        raise InputError(f"{path} has channels of {kinds} pixels. Give one plane of one size, none as a negative.")
    return replace(planes[0], pixels=np.stack([one.pixels for one in planes]), axes="CYX", channels=tuple(files))


def _as_plane(loaded: Loaded) -> Loaded:
    """Leave out axes of one entry, and colour samples that are equal everywhere: grey saved as a colour picture."""
    pixels = loaded.pixels
    if "S" in loaded.axes:
        samples = np.moveaxis(pixels, loaded.axes.index("S"), 0)
        pixels = samples[0] if (samples == samples[0]).all() else pixels
    return replace(loaded, pixels=pixels.squeeze())


def are_alike(channels: Sequence[Loaded]) -> bool:
    """Return whether images, or their outlines, can be the channels of one: planes of one size, negatives of one."""
    kinds = {(one.pixels.shape, one.zero_is_white and one.pixels.dtype) for one in channels}
    return len(kinds) == 1 and channels[0].pixels.ndim == 2


def _load_store(store: Path, scene: str | None) -> Loaded:
    from lacss_tools.io.parts import open_zarr

    choose_scene(store, [""], scene)
    outline, read = open_zarr(store)
    height, width = (outline.pixels.shape[outline.axes.index(name)] for name in "YX")
    return replace(outline, pixels=read(slice(0, height), slice(0, width)))


def scene_names(path: Path) -> list[str]:
    """Return the names of the images in a file, none of one that cannot be read or holds a single one by its kind."""
    name = path.name.lower()
    try:
        if name.endswith(TIFF_SUFFIXES):
            with open_tiff(path) as tiff:
                return [image.name for image in images_of(tiff, path)]
        return list(_vendor_image(path).scenes) if name.endswith(VENDOR_SUFFIXES) else []
    except Exception:  # `load` will say what is wrong with it
        return []


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def channels_first(path: Path, loaded: Loaded, channel: str | None = None, without: str | None = None) -> Image:
    """Return (channel, y, x) float32: one channel, by 0-based index or by name, or all, perhaps `without` one.

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
    elif without is not None:
        pixels = np.delete(pixels, channel_index(path, without, len(pixels), loaded.channels), axis=0)
        if not len(pixels):
            raise InputError(
                f"{path} has no channel of cells beside that of the nuclei, {without}. Name the `channel`."
            )
    image = pixels.astype(np.float32)
    if loaded.zero_is_white:
        image = np.float32(np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 0) - image
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise InputError(f"{path} holds {bad} NaN or infinite pixels. Replace them before use.")
    return image


def whole_image(path: Path, loaded: Loaded, channel: str | None = None, without: str | None = None) -> Image:
    """Return `channels_first` of a whole image; a colour image with equal channels counts as grey.

    A constant image keeps its channels.
    """
    image = channels_first(path, loaded, channel, without)
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
    if channel.isdecimal() and int(channel) < count:
        return int(channel)
    if names.count(channel) == 1:
        return names.index(channel)
    if channel in names:
        raise InputError(f"{path} has {names.count(channel)} channels called {channel!r}. Give its index, from 0.")
    known = f" called {', '.join(names)}" if names else ""
    raise InputError(f"{path} has no channel {channel!r}; it has {count}{known}. Give 0 to {count - 1}, or a name.")


# ---- TIFF -----------------------------------------------------------------------------------------------------------


def _load_tiff(path: Path, scene: str | None) -> Loaded:
    with open_tiff(path) as tiff:
        image = chosen_image(path, tiff, scene)
        loaded = Loaded(image.read(), image.axes, image.channels, image.pixel_size, image.zero_is_white)
    return without_alpha(loaded) if image.has_alpha else loaded


def chosen_image(path: Path, tiff: "TiffFile", scene: str | None) -> TiffImage:
    """Return the image of a TIFF file, or the one asked for of several, without axes of one entry but Y and X."""
    images = images_of(tiff, path)
    image = images[choose_scene(path, [image.name for image in images], scene)]
    check_pages(tiff, image.pages)
    return image.squeezed()


# ---- others ---------------------------------------------------------------------------------------------------------


def _load_picture(path: Path, scene: str | None) -> Loaded:
    import imagecodecs

    check_picture(path)
    choose_scene(path, [""], scene)
    pixels = np.asarray(imagecodecs.imread(path))
    loaded = Loaded(pixels, "YX" if pixels.ndim == 2 else "YXS")
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4) and path.name.lower().endswith(".png")
    return without_alpha(loaded) if has_alpha else loaded


def without_alpha(loaded: Loaded) -> Loaded:
    """Drop the last colour sample, which is alpha, if it is opaque everywhere."""
    axis = loaded.axes.index("S")
    pixels = np.moveaxis(loaded.pixels, axis, -1)
    if not is_opaque(pixels[..., -1]):
        return loaded
    if pixels.shape[-1] == 2:
        return replace(loaded, pixels=pixels[..., 0], axes=loaded.axes.replace("S", ""))
    return replace(loaded, pixels=np.moveaxis(pixels[..., :-1], -1, axis))


def is_opaque(alpha: np.ndarray) -> bool:
    """Return whether alpha has its largest value everywhere."""
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1
    return bool((alpha == most).all())


def _vendor_image(path: Path) -> Any:
    try:
        from bioio import BioImage
    except ImportError as error:
        raise InputError(
            f"{path} needs further packages. Install them: pip install bioio bioio-nd2 bioio-czi bioio-lif"
        ) from error
    return BioImage(path)


def _load_vendor(path: Path, scene: str | None) -> Loaded:
    try:
        image = _vendor_image(path)
        names = [str(name) for name in image.scenes]
        image.set_scene(choose_scene(path, names, scene))
        size = image.physical_pixel_sizes
        channels = tuple(str(name) for name in image.channel_names or ())
        sizes = [micrometres(length, "µm") for length in (size.Y, size.X)]
        return Loaded(np.asarray(image.data), str(image.dims.order), channels, both(sizes))
    except InputError:
        raise
    except Exception as error:  # each vendor's reader raises its own
        reason = _reason(error)
        raise InputError(
            f"{path} cannot be read; it may be damaged or cut short ({reason}). Export it as OME-TIFF."
        ) from error
