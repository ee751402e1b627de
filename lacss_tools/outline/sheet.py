"""A label image that is being edited: where each of its cells lies, and what an edit changes. Arrays only."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int32

from lacss_tools.arrays import Labels

Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), ends exclusive"""
Window = Int32[np.ndarray, "_ _"]
MANY = 10**6
"""numbers up to which cells are listed by number"""


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
        touched = (_numbers(view[changed]) | _numbers(patch.pixels[changed])) - {0}
        view[...] = patch.pixels
        inside = boxes_of(view)
        for number in touched:
            found = self._found(number, patch.box, inside.get(number))
            if found is None:
                self.boxes.pop(number, None)
            else:
                self.boxes[number] = found
        return touched

    def _found(self, number: int, window: Box, inside: Box | None) -> Box | None:
        """Return the box of a cell after a window of the image has changed, in which its box is `inside`."""
        old, (top, left) = self.boxes.get(number), window[:2]
        if old is None or join(old, window) == window:
            return None if inside is None else (inside[0] + top, inside[1] + left, inside[2] + top, inside[3] + left)
        around = join(old, window)
        rows, columns = (self.window(around) == number).nonzero()
        if not len(rows):
            return None
        y, x = rows + around[0], columns + around[1]
        return int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1

    def area(self, number: int) -> int:
        """Return the number of pixels of a cell."""
        return int(np.count_nonzero(self.window(self.boxes[number]) == number))


def _numbers(pixels: Int32[np.ndarray, " n"]) -> set[int]:
    """Return the values there are; thousands of cells of millions of pixels are found without sorting."""
    if len(pixels) < MANY or pixels.max() > MANY:
        return set(np.unique(pixels).tolist())
    return set(np.flatnonzero(np.bincount(pixels)).tolist())


def boxes_of(labels: Labels) -> dict[int, Box]:
    """Return the box of each cell of a label image.

    >>> boxes_of(np.array([[0, 7, 7], [3, 0, 0]], np.int32))
    {3: (1, 0, 2, 1), 7: (0, 1, 1, 3)}
    """
    from scipy import ndimage

    if labels.size and labels.max() <= MANY:
        found, own = ndimage.find_objects(labels), None
    else:  # numbers so large that a list of all would not fit into memory
        own, dense = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
        found, own = ndimage.find_objects(dense[:-1].reshape(labels.shape)), own[1:]
    return {
        int(k + 1 if own is None else own[k]): (where[0].start, where[1].start, where[0].stop, where[1].stop)
        for k, where in enumerate(found)
        if where is not None
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
