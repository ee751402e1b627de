"""What a brush paints on a mask: the same rule as `brush.js`, so that what is seen is what is saved. Arrays only."""

from dataclasses import dataclass

import numpy as np

from lacss_tools.arrays import Mask, Points


@dataclass(frozen=True)
class Stroke:
    """The path of a brush: (y, x) points in pixels, joined by straight lines, and a radius in pixels."""

    points: Points
    radius: float
    erase: bool


def paint(mask: Mask, strokes: tuple[Stroke, ...]) -> Mask:
    """Return the mask after the strokes, in order: pixels whose centre is within the radius of the path change.

    >>> stroke = Stroke(np.array([[0.0, 1.0], [0.0, 3.0]]), radius=0.5, erase=False)
    >>> paint(np.zeros((2, 5), bool), (stroke,)).astype(int).tolist()
    [[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    out = mask.copy()
    for stroke in strokes:
        for start, end in zip(stroke.points[:1], stroke.points[:1], strict=True):
            _paint_line(out, start, end, stroke)
        for start, end in zip(stroke.points[:-1], stroke.points[1:], strict=True):
            _paint_line(out, start, end, stroke)
    return out


def _paint_line(mask: Mask, start: np.ndarray, end: np.ndarray, stroke: Stroke) -> None:
    """Set or clear, in place, the pixels within the radius of the line from `start` to `end`."""
    low = np.clip(np.floor(np.minimum(start, end) - stroke.radius), 0, mask.shape).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + stroke.radius) + 1, 0, mask.shape).astype(int)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    (dy, dx), length2 = end - start, float(((end - start) ** 2).sum())
    along = ((y - start[0]) * dy + (x - start[1]) * dx) / length2 if length2 else np.zeros((1, 1))
    along = np.clip(along, 0, 1)
    distance2 = (y - start[0] - along * dy) ** 2 + (x - start[1] - along * dx) ** 2
    mask[low[0] : high[0], low[1] : high[1]][distance2 <= stroke.radius**2] = not stroke.erase
