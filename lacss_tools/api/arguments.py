"""What users pass as the arrays of `lacss_tools.arrays`, or one sentence on why an argument cannot be one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from lacss_tools.arrays import Image, Labels, Mask, Masks, Plane, Points
from lacss_tools.errors import ArgumentError, LacssError
from lacss_tools.io import native
from lacss_tools.io.image import MAX_UNNAMED_CHANNELS, Loaded, whole_image
from lacss_tools.io.lois import check_inside

Arrays = np.ndarray | Sequence[np.ndarray]
"""of one image, or a list with that of each"""
Entries = np.ndarray | Sequence[np.ndarray | None] | None
"""of one image, or a list with that of each, None for an image that has none"""


@contextmanager
def as_arguments() -> Iterator[None]:
    """Turn the errors of files and settings into those of arguments; checks of files take a name as their path."""
    try:
        yield
    except ArgumentError:
        raise
    except LacssError as error:
        raise ArgumentError(str(error)) from None


# ---- lists ----------------------------------------------------------------------------------------------------------


def is_list(value: Any) -> bool:
    """Return whether several images were given, as a list or tuple; an array is one."""
    return isinstance(value, list | tuple)


def named(value: Any, name: str) -> dict[str, Any]:
    """Return what messages call each image -> the image; ArgumentError for an empty list."""
    if not is_list(value):
        return {name: value}
    if not value:
        raise ArgumentError(f"{name} is an empty list. Give at least one.")
    return {f"{name}[{k}]": item for k, item in enumerate(value)}


def beside(value: Any, name: str, images: Any, of: str) -> dict[str, Any]:
    """Return `named` of what belongs to `images`, the argument called `of`: a list as long, or that of the one image.

    None, for nothing given, becomes None for each.
    """
    if not is_list(images):
        return {name: value}
    if value is not None and not is_list(value):
        raise ArgumentError(f"{of} is a list and {name} is not. Give a list with one entry for each image.")
    if value is not None and len(value) != len(images):
        raise ArgumentError(f"{name} has {len(value)} entries and {of} has {len(images)}. Give one for each image.")
    return named([None] * len(images) if value is None else value, name)


# ---- images ---------------------------------------------------------------------------------------------------------


def as_image(name: str, value: Any, channel_axis: int | None = None, channel: str | None = None) -> Image:
    """Return an image as (channel, y, x) float32, exactly as it would be read from a file; `channel` is one of them."""
    pixels = np.asarray(value)
    if pixels.dtype.kind == "b":
        raise ArgumentError(f"{name} is a mask (bool) where intensities are needed. Give the image itself.")
    axes = _axes(name, pixels.shape, channel_axis)
    with as_arguments():
        return whole_image(Path(name), Loaded(pixels, axes), channel)


def _axes(name: str, shape: tuple[int, ...], channel_axis: int | None) -> str:
    """Return a letter for each axis, as files have them: S for the last one, where colours lie."""
    if len(shape) not in (2, 3):
        raise ArgumentError(
            f"{name} has shape {shape}, expected (y, x) or (channel, y, x). Several images go in a list."
        )
    if channel_axis is None:
        return "YX" if len(shape) == 2 else _channels_first(name, shape)
    if len(shape) == 2 or not -3 <= channel_axis < 3:
        raise ArgumentError(f"{name} has shape {shape} and no channels on axis {channel_axis}. Change channel_axis.")
    return ("CYX", "YCX", "YXS")[channel_axis]


def _channels_first(name: str, shape: tuple[int, ...]) -> str:
    if shape[0] > MAX_UNNAMED_CHANNELS or shape[0] > min(shape[1:]):
        raise ArgumentError(
            f"{name} has shape {shape}: which axis holds channels? Say channel_axis=0 or channel_axis=-1, or give "
            "several images as a list."
        )
    return "CYX"


def as_plane(name: str, value: Any, channel_axis: int | None = None) -> Plane:
    """Return an image of one channel as (y, x) float32; ArgumentError also when it has one value everywhere."""
    image = _one_channel(name, value, channel_axis)
    refuse_constant(name, image)
    plane: Plane = image[0]
    return plane


def _one_channel(name: str, value: Any, channel_axis: int | None = None) -> Image:
    image = as_image(name, value, channel_axis)
    if len(image) > 1:
        raise ArgumentError(f"{name} has {len(image)} channels where one is needed, that of the nuclei. Give it alone.")
    return image


def with_nuclei(image: Float32[np.ndarray, "cells y x"], image_name: str, name: str, nuclei: Any) -> Image:
    """Return an image with its nuclei (y, x), of the same size, as its last channel: zeros where they are None."""
    own = np.zeros_like(image[:1]) if nuclei is None else _one_channel(name, nuclei)
    if own.shape[1:] != image.shape[1:]:
        raise ArgumentError(f"{name} is {own.shape[1:]} pixels and {image_name} {image.shape[1:]}. Give one size.")
    return np.concatenate([image, own])


def refuse_constant(name: str, image: np.ndarray) -> None:
    """Raise ArgumentError when an image has one value everywhere."""
    with as_arguments():
        native.refuse_constant(Path(name), image)


# ---- annotation -----------------------------------------------------------------------------------------------------


def as_points(name: str, value: Any, image_name: str, shape: tuple[int, int]) -> Points:
    """Return points (n, 2), (y, x) in pixels, all of them inside their image of this shape."""
    try:
        points = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} is not an array of numbers. Give points as (n, 2), y and x in pixels.") from None
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2:
        raise ArgumentError(f"{name} has shape {points.shape}, expected (n, 2): y and x in pixels.")
    if not np.isfinite(points).all():
        raise ArgumentError(f"{name} holds NaN or infinite numbers. Remove those points.")
    with as_arguments():
        check_inside(points, Path(name), Path(image_name), shape)
    return points


def as_mask(name: str, value: Any, image_name: str, shape: tuple[int, int]) -> Mask:
    """Return a mask of the cell area, True where it is not 0, of its image's size."""
    plane = _plane_of(name, value, image_name, shape)
    with as_arguments():
        return native.as_mask(Path(name), plane)


def as_masks(name: str, value: Any) -> Masks:
    """Return candidates (k, y, x), one at least."""
    masks = np.asarray(value)
    if masks.ndim != 3 or not len(masks):
        raise ArgumentError(f"{name} has shape {masks.shape}, expected (k, y, x): the masks of cut_candidates.")
    return np.stack([as_mask(name, mask, name, masks.shape[1:]) for mask in masks])


def as_labels(name: str, value: Any, image_name: str | None = None, shape: tuple[int, int] | None = None) -> Labels:
    """Return a label image as int32, of its image's size where there is one."""
    plane = _plane_of(name, value, image_name or name, shape or np.shape(value))
    if plane.dtype.kind == "b":
        raise ArgumentError(f"{name} is a mask (bool) where each cell needs a number. Give a label image.")
    with as_arguments():
        return native.as_labels(Path(name), plane)


def _plane_of(name: str, value: Any, image_name: str, shape: tuple[int, ...]) -> np.ndarray:
    plane = np.asarray(value)
    if plane.ndim != 2 or plane.dtype.kind not in "buif":
        raise ArgumentError(f"{name} is {plane.dtype} of shape {plane.shape}, expected numbers of shape (y, x).")
    if plane.shape != shape:
        raise ArgumentError(f"{name} is {plane.shape} pixels and {image_name} {shape}. Give one size.")
    return plane
