"""A label image that is being edited: where each of its cells lies, and what an edit changes. Arrays only."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int32

from lacss_tools.arrays import Labels

Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), ends exclusive"""
Window = Int32[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Patch:
    """The pixels of a window, whose corner is (top, left), after an edit."""

    top: int
    left: int
    pixels: Window

    @property
    def box(self) -> Box:
        """The window."""
        return self.top, self.left, self.top + self.pixels.shape[0], self.left + self.pixels.shape[1]


@dataclass
class Sheet:
    """A label image (int32, 0 is background) and the box of each of its cells, which `put` keeps true."""

    labels: Labels
    boxes: dict[int, Box] = field(init=False)

    def __post_init__(self) -> None:
        self.boxes = boxes_of(self.labels)

    def window(self, box: Box) -> Window:
        """Return a view of the pixels of a box."""
        y0, x0, y1, x1 = box
        view: Window = self.labels[y0:y1, x0:x1]
        return view

    def crop(self, box: Box) -> Window:
        """Return a copy of the pixels of a box."""
        return self.window(box).copy()

    def cut(self, box: Box) -> Box:
        """Return the part of a box that lies in the image."""
        height, width = self.labels.shape
        return max(box[0], 0), max(box[1], 0), min(box[2], height), min(box[3], width)

    def numbers_in(self, box: Box) -> set[int]:
        """Return the cells with a pixel in a box."""
        return set(np.unique(self.window(box)).tolist()) - {0}

    def put(self, patch: Patch) -> set[int]:
        """Set the pixels of a window; returns the cells that it changed, gone ones too."""
        view = self.window(patch.box)
        changed = view != patch.pixels
        touched = set(np.unique(view[changed]).tolist()) | set(np.unique(patch.pixels[changed]).tolist())
        view[...] = patch.pixels
        for number in touched - {0}:
            around = join(self.boxes.get(number), patch.box)
            rows, columns = (self.window(around) == number).nonzero()
            if len(rows):
                y, x = rows + around[0], columns + around[1]
                self.boxes[number] = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
            else:
                self.boxes.pop(number, None)
        return touched - {0}


def boxes_of(labels: Labels) -> dict[int, Box]:
    """Return the box of each cell of a label image.

    >>> boxes_of(np.array([[0, 7, 7], [3, 0, 0]], np.int32))
    {3: (1, 0, 2, 1), 7: (0, 1, 1, 3)}
    """
    from scipy import ndimage

    numbers, dense = np.unique(labels, return_inverse=True)
    offset = 1 if numbers[0] != 0 else 0
    found = ndimage.find_objects(dense.reshape(labels.shape) + offset)
    own = numbers[1 - offset :].tolist()
    return {
        number: (rows.start, columns.start, rows.stop, columns.stop)
        for number, (rows, columns) in zip(own, found, strict=True)
    }


def join(first: Box | None, second: Box) -> Box:
    """Return the smallest box that holds two."""
    if first is None:
        return second
    return min(first[0], second[0]), min(first[1], second[1]), max(first[2], second[2]), max(first[3], second[3])


def shrink(sheet: Sheet, patch: Patch) -> Patch | None:
    """Return the patch without margins in which nothing changes; None when nothing changes at all."""
    rows, columns = (sheet.window(patch.box) != patch.pixels).nonzero()
    if not len(rows):
        return None
    top, left = int(rows.min()), int(columns.min())
    pixels = patch.pixels[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    return Patch(patch.top + top, patch.left + left, pixels.copy())


Fresh = Callable[[], int]
"""returns the number of a new cell"""
