"""Cells that were found on the working grid, on the grid of the original image."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int64

from lacss_tools.train.predict.found import INSIDE, Crop, Found


@dataclass(frozen=True)
class Frame:
    """How a working image lies on its original: sizes of both, (height, width)."""

    size: tuple[int, int]
    shape: tuple[int, int]

    @property
    def factor(self) -> tuple[float, float]:
        """Original pixels per working pixel."""
        return self.shape[0] / self.size[0], self.shape[1] / self.size[1]


@dataclass(frozen=True)
class Lines:
    """Of original lines from `first`: each is `lower` and the next line of a crop, that with weight `part`."""

    first: int
    lower: Int64[np.ndarray, " n"]
    upper: Int64[np.ndarray, " n"]
    part: Float32[np.ndarray, " n"]


def to_original(found: Found, frame: Frame) -> Found:
    """Return the cells on the original grid, cut to their masks; those without a pixel there are dropped.

    Codes are interpolated linearly between working pixels and continued beyond the first and last of a crop, which are
    those of the image or lie outside of the mask.
    """
    tops, crops, areas = [], [], []
    for (y0, x0, y1, x1), codes in zip(found.boxes.tolist(), found.crops, strict=True):
        rows = _lines(y0, y1, frame.factor[0], frame.shape[0])
        columns = _lines(x0, x1, frame.factor[1], frame.shape[1])
        crop = _interpolate(codes, rows, columns)
        inside = np.asarray(crop >= INSIDE)
        area = int(np.count_nonzero(inside))
        (a, c), (b, d) = (_extent(np.asarray(inside.any(axis=axis))) for axis in (1, 0))
        tops.append((rows.first + a, columns.first + b))
        crops.append(crop[a:c, b:d].copy())
        areas.append(area)
    first = np.array(tops, dtype=np.int64).reshape(-1, 2)
    sides = np.array([crop.shape for crop in crops], dtype=np.int64).reshape(-1, 2)
    places: Float[np.ndarray, "n 2"] = (found.locations + 0.5) * frame.factor - 0.5
    boxes, sizes = np.concatenate([first, first + sides], axis=1), np.array(areas, dtype=np.int64)
    moved = replace(found, shape=frame.shape, locations=places, boxes=boxes, areas=sizes, crops=tuple(crops))
    return moved.select(np.flatnonzero(sizes > 0))


def _lines(first: int, last: int, factor: float, length: int) -> Lines:
    """Return the original lines whose centres lie on working lines `first` to `last`."""
    start, stop = (min(max(int(np.ceil(end * factor - 0.5)), 0), length) for end in (first, last))
    where = np.clip((np.arange(start, stop) + 0.5) / factor - 0.5 - first, 0, last - first - 1)
    lower = where.astype(np.int64)
    upper = np.minimum(lower + 1, last - first - 1)
    return Lines(start, lower, upper, (where - lower).astype(np.float32))


def _interpolate(codes: Crop, rows: Lines, columns: Lines) -> Crop:
    values = codes.astype(np.float32)
    tall = values[rows.lower] + (values[rows.upper] - values[rows.lower]) * rows.part[:, None]
    both = tall[:, columns.lower] + (tall[:, columns.upper] - tall[:, columns.lower]) * columns.part
    out: Crop = np.rint(both).astype(np.uint8)
    return out


def _extent(filled: np.ndarray) -> tuple[int, int]:
    """Return the first line that holds anything and the end of the last; (0, 0) when there is none."""
    lines = np.flatnonzero(filled)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0)
