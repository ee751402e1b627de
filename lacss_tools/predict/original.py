"""Cells that were found on the working grid, on the grid of the original image."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer

from lacss_tools.arrays import Points
from lacss_tools.cells import INSIDE, Crop
from lacss_tools.predict.found import Found
from lacss_tools.predict.whole import make_whole


@dataclass(frozen=True)
class Frame:
    """How a working image lies on its original: sizes of both, (height, width)."""

    size: tuple[int, int]
    shape: tuple[int, int]

    @property
    def factor(self) -> tuple[float, float]:
        """Original pixels per working pixel."""
        return self.shape[0] / self.size[0], self.shape[1] / self.size[1]

    def to_working(self, points: Points) -> Points:
        """Return points (n, 2), (y, x) in original pixels, in working pixels."""
        return (points + 0.5) / self.factor - 0.5

    def to_original(self, points: Points) -> Points:
        """Return points (n, 2), (y, x) in working pixels, in original pixels."""
        return (points + 0.5) * self.factor - 0.5


@dataclass(frozen=True)
class Lines:
    """Of each original line along one axis: the working line before it, `lower`, and the `weight` of the one after."""

    lower: Int64[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]

    def between(
        self, firsts: Integer[np.ndarray, " m"], lasts: Integer[np.ndarray, " m"]
    ) -> Integer[np.ndarray, "m 2"]:
        """Return which lines (first, end) are made of working lines `firsts` to `lasts`, of which `lasts` are none."""
        return np.stack([np.searchsorted(self.lower, firsts), np.searchsorted(self.lower, lasts - 1)], axis=1)


def to_original(found: Found, frame: Frame) -> Found:
    """Return the cells on the original grid, cut to their masks; those without a pixel there are dropped.

    Codes are interpolated linearly between working pixels, and continued beyond the first and last of the image. What
    was one piece can come apart where it is thin, so cells are made whole again.
    """
    places = frame.to_original(found.locations)
    axes = [_lines(frame.size[i], frame.shape[i]) for i in (0, 1)]
    ends = np.stack([axes[i].between(found.boxes[:, i], found.boxes[:, i + 2]) for i in (0, 1)], axis=1)
    crops = [
        _interpolate(codes, axes, (slice(top, bottom), slice(left, right)), (box[0], box[1]))
        for codes, ((top, bottom), (left, right)), box in zip(
            found.crops, ends.tolist(), found.boxes.tolist(), strict=True
        )
    ]
    crops, _ = make_whole(crops, places - ends[:, :, 0])
    boxes = np.zeros((len(found), 4), np.int64)
    for k, (crop, ((top, _), (left, _))) in enumerate(zip(crops, ends.tolist(), strict=True)):
        (a, c), (b, d) = (_extent(crop.max(axis=axis, initial=0) >= INSIDE) for axis in (1, 0))
        boxes[k], crops[k] = (top + a, left + b, top + c, left + d), crop[a:c, b:d].copy()
    moved = replace(found, shape=frame.shape, locations=places, boxes=boxes, crops=tuple(crops))
    return moved.select(np.flatnonzero(moved.areas()))


def _lines(size: int, length: int) -> Lines:
    """Return how `length` original lines are made of `size` working ones."""
    where = np.clip((np.arange(length) + 0.5) * (size / length) - 0.5, 0, size - 1)
    lower = np.minimum(where.astype(np.int64), size - 2)
    return Lines(lower, (where - lower).astype(np.float32))


def _interpolate(codes: Crop, axes: list[Lines], lines: tuple[slice, slice], first: tuple[int, int]) -> Crop:
    """Return `lines` of the original, along both axes, of a crop whose first pixel is `first`."""
    rows, columns = (axis.lower[own] - start for axis, own, start in zip(axes, lines, first, strict=True))
    values = codes.astype(np.float32)
    tall = values.take(rows, axis=0)
    tall += np.diff(values, axis=0).take(rows, axis=0) * axes[0].weight[lines[0], None]
    both = tall.take(columns, axis=1)
    both += np.diff(tall, axis=1).take(columns, axis=1) * axes[1].weight[lines[1]]
    out: Crop = np.rint(both).astype(np.uint8)
    return out


def _extent(filled: Bool[np.ndarray, " n"]) -> tuple[int, int]:
    """Return the first line that holds anything and the end of the last; (0, 0) when there is none."""
    lines = filled.nonzero()[0]
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0)
