"""Outlined objects of one image as a file holds them: cells with numbers and scores, and what is passed over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer

from lacss_tools.arrays import MAX_LABEL
from lacss_tools.cells import Cells, cells_from_crops
from lacss_tools.errors import InputError

Crop = tuple[int, int, Bool[np.ndarray, "_ _"]]
"""y0, x0 and the mask of a cell"""
OUTSIDE, DAMAGED = "without a pixel in the image", "that cannot be read"


@dataclass(frozen=True)
class PassedOver:
    """An object of a file that is no cell."""

    what: str
    """what it is instead, in the plural"""
    name: str
    """where it is from"""


@dataclass(frozen=True)
class Outlines:
    """Outlined cells of one image, and behind them `crowds` areas in which cells cannot be told apart."""

    cells: Cells
    numbers: Integer[np.ndarray, " n"]
    """the label of each, or the number that is its name, or its place in the file from 1"""
    ambiguous: Bool[np.ndarray, " n"]
    """which are marked as such, crowds among them"""
    crowds: int = 0
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def counted(self) -> "Outlines":
        """These without the crowds."""
        kept = np.arange(len(self.cells) - self.crowds)
        return Outlines(self.cells.select(kept), self.numbers[kept], self.ambiguous[kept], passed_over=self.passed_over)


@dataclass
class Gathered:
    """The objects of a file of annotation, one by one."""

    name: str
    """of the file, and of the image where there are several in it"""
    shape: tuple[int, int]
    crops: list[Crop] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    def add(self, crop: Crop | None, score: float, name: str, called: str = "") -> None:
        """Add a cell, or pass over one without a pixel (None); `name` says where it is, `called` what it is called."""
        if crop is None:
            self.pass_over(OUTSIDE, name)
            return
        self.crops.append(crop)
        self.scores.append(score)
        self.names.append(called)

    def pass_over(self, what: str, name: str) -> None:
        """Leave out an object that is no cell."""
        self.passed_over.append(PassedOver(what, f"{self.name}: {name}"))

    def outlines(self, crowds: int = 0) -> Outlines:
        """Return all, of which the last `crowds` are crowds.

        Raises InputError when areas were meant to be cells and not one has a pixel: they are of another image.
        """
        bad = [one for one in self.passed_over if one.what == OUTSIDE or one.what.startswith(DAMAGED)]
        if bad and not self.crops:
            raise InputError(
                f"{self.name} has no cell with a pixel in the image of {self.shape} pixels; {told(bad)}. Is it of this "
                "image?"
            )
        count = len(self.crops)
        cells = cells_from_crops(self.shape, self.crops, self.scores)
        numbers = numbers_of(self.names[: count - crowds])
        behind = numbers.max(initial=0) + 1 + np.arange(crowds)
        ambiguous = np.arange(count) >= count - crowds
        return Outlines(cells, np.concatenate([numbers, behind]), ambiguous, crowds, tuple(self.passed_over))


def numbers_of(names: Sequence[str]) -> Integer[np.ndarray, " n"]:
    """Return the numbers that cells are called, or their places from 1 when these are not a number of its own for each.

    >>> numbers_of(["0007", "3"]).tolist(), numbers_of(["7", "cell"]).tolist()
    ([7, 3], [1, 2])
    """
    numbers = [int(name) for name in names if name.isdecimal() and len(name) < len(str(MAX_LABEL))]
    own = len(set(numbers)) == len(names) and 0 not in numbers
    return np.array(numbers if own else range(1, len(names) + 1), dtype=np.int64)


def told(passed_over: Iterable[PassedOver]) -> str:
    """Return in words how many objects were passed over, by what they are, with the first of each.

    >>> told([PassedOver("lines", "A.zip: 'scale'"), PassedOver("lines", "A.zip: 'bar'")])
    "2 lines (first A.zip: 'scale')"
    """
    first: dict[str, str] = {}
    count: dict[str, int] = {}
    for one in passed_over:
        first.setdefault(one.what, one.name)
        count[one.what] = count.get(one.what, 0) + 1
    return ", ".join(f"{count[what]} {what} (first {name})" for what, name in first.items())


def not_cells(files: Sequence[Path], objects: Sequence[PassedOver]) -> list[str]:
    """Return a sentence on files and one on objects that were passed over, where there are any."""
    remarks = []
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        remarks.append(f"without annotation, passed over: {files[0]}{more}")
    if objects:
        remarks.append(f"passed over, no cells: {told(objects)}")
    return remarks
