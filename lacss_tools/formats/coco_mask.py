"""COCO's masks: polygons and run lengths, which go down the columns and begin with background."""

from typing import Any, TypedDict

import numpy as np
from jaxtyping import Integer

from lacss_tools.formats.outlined import Crop

FIRST, LAST = 48, 48 + 63
"""the characters of compressed run lengths"""
MOST_BITS = 40
"""of a run length"""


class WrongSizeError(ValueError):
    """A mask of an image of another size."""


class RunLengths(TypedDict):
    """A mask in compressed run lengths; `size` is (height, width)."""

    size: list[int]
    counts: str


def pixels(segmentation: Any, shape: tuple[int, int]) -> Crop | None:
    """Return the pixels that a segmentation covers of an image of `shape`, None when none.

    It is a list of polygons (x, y, x, y, ...), of which all count, one such polygon, or run lengths as numbers or text.
    Raises WrongSizeError for run lengths of an image of another size, and what it likes for what is none of these.
    """
    from pycocotools import mask as rle

    if not segmentation:
        raise ValueError("no segmentation")
    if isinstance(segmentation, dict):
        if tuple(segmentation["size"]) != shape:
            raise WrongSizeError(f"has a mask of {segmentation['size']} pixels in an image of {shape}")
        counts = segmentation["counts"]
        return _decode(counts if isinstance(counts, list) else _counts(counts), shape)
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    rings = [ring for ring in polygons if len(ring) > 5]
    if not rings:
        raise ValueError("no polygon of three points")
    for ring in rings:
        _check(np.array(ring, dtype=np.float64).reshape(-1, 2), shape)
    return _decode(_counts(rle.merge(rle.frPyObjects(rings, *shape))["counts"]), shape)


def _check(ring: np.ndarray, shape: tuple[int, int]) -> None:
    """Raise ValueError for vertices that are not numbers, and for a border longer than any in this image.

    pycocotools takes memory for every pixel along the border, also outside the image.
    """
    if not np.isfinite(ring).all():
        raise ValueError("coordinates that are not numbers")
    height, width = shape
    if np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1).sum() > 2 * height * width + 8 * (height + width):
        raise ValueError("a border longer than the image has room for")


def _counts(code: bytes | str) -> list[int]:
    """Return the run lengths behind COCO's text: 5 bits a character, sign-extended, from the 3rd on as differences."""
    counts: list[int] = []
    value = shift = 0
    for character in code.encode() if isinstance(code, str) else code:
        if not FIRST <= character <= LAST or shift > MOST_BITS:
            raise ValueError("run lengths that are not COCO's")
        bits = character - FIRST
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    return counts


def _decode(counts: list[int], shape: tuple[int, int]) -> Crop | None:
    """Return (y0, x0, mask) of run lengths: the columns that they reach, whole."""
    if not all(type(count) is int and count >= 0 for count in counts) or sum(counts) > shape[0] * shape[1]:
        raise ValueError("run lengths that exceed the image")
    edges = np.cumsum([0, *counts], dtype=np.int64)
    starts, ends = edges[1:-1:2], edges[2::2]
    starts, ends = starts[ends > starts], ends[ends > starts]
    if not len(starts):
        return None
    height = shape[0]
    left, right = int(starts[0]) // height, (int(ends[-1]) - 1) // height + 1
    inside = np.zeros((right - left) * height + 1, dtype=np.int8)
    np.add.at(inside, starts - left * height, 1)
    np.add.at(inside, ends - left * height, -1)
    mask = np.cumsum(inside[:-1], dtype=np.int8).reshape(right - left, height).T > 0
    rows = np.flatnonzero(mask.any(axis=1))
    return int(rows[0]), left, mask[rows[0] : rows[-1] + 1]


def run_lengths(pixels: Integer[np.ndarray, "pixel 2"], shape: tuple[int, int]) -> RunLengths:
    """Return (y, x) pixels in COCO's compressed run lengths: column by column, background first."""
    from pycocotools import mask as rle

    height, width = shape
    at = np.sort(pixels[:, 1] * height + pixels[:, 0])
    starts = at[np.diff(at, prepend=-2) > 1]
    stops = at[np.diff(at, append=at[-1] + 2) > 1] + 1
    edges = np.stack([starts, stops], axis=1).reshape(-1)
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    code = rle.frPyObjects({"counts": counts, "size": [height, width]}, height, width)
    return {"size": [height, width], "counts": code["counts"].decode()}
