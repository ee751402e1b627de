"""What a click is worth: a person who knows the true outlines corrects predictions of the validation images.

    python benchmarks/clicks.py DATA MODEL [--labels FOLDER] [--every 9] [--training N]

DATA has images/, labels/ and, for a model that knows nuclei, dapi/; every 9th image is for validation (with
--training N, N of the others are corrected in their place; --labels keeps the corrected label images for a training).
The person deletes cells that are no cells, clicks the middle of missed ones, merges the parts of a cell and splits what
holds two, and corrects other cells of IoU below one half by up to two clicks, in the middle of the largest part that
lacks or is too much; what is still wrong then is drawn anew with the lasso. Printed: actions until all cells have an
IoU of one half, and the corners of a polygon (Douglas-Peucker, 2 pixels) around each cell, redrawn or not.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from skimage.measure import approximate_polygon, find_contours

from lacss_tools.arrays import Labels, Points
from lacss_tools.cells import cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_labels, write_labels
from lacss_tools.io.nuclei import Wanted, find_nuclei
from lacss_tools.io.project import list_images
from lacss_tools.outline import click, edit
from lacss_tools.outline.network import Network, network_of
from lacss_tools.outline.sheet import Sheet
from lacss_tools.predict.flat import settle
from lacss_tools.predict.predictor import load_predictor

RIGHT = 0.5
"""IoU from which a cell is left as it is"""
PART = 0.6
"""of a cell, from which it counts as a part of another"""
HARDLY = 0.2
"""IoU below which a cell stands for no true one and is deleted"""
CORRECTIONS = 2
"""clicks, at most, before a cell is drawn anew"""
TOLERANCE = 2.0
"""pixels, of the polygons that a person would draw"""


@dataclass
class Count:
    """Actions on one image, by kind, and what it takes without a model."""

    cells: int
    corners: int
    right: int
    """cells of IoU one half before the first action"""
    done: dict[str, int] = field(default_factory=dict)
    redrawn: int = 0
    """corners of the cells that were drawn anew"""

    def add(self, kind: str, number: int = 1) -> None:
        """Count actions of a kind."""
        self.done[kind] = self.done.get(kind, 0) + number

    @property
    def actions(self) -> int:
        """Count all."""
        return sum(self.done.values())


@dataclass
class Person:
    """Somebody who knows the truth, and the labels that he corrects."""

    network: Network
    stem: str
    truth: Labels
    sheet: Sheet
    count: Count

    def iou(self, number: int, true: int) -> float:
        """Return how alike a cell and a true one are."""
        mine, right = self.sheet.labels == number, self.truth == true
        return float((mine & right).sum() / (mine | right).sum())

    def best(self, true: int) -> tuple[int, float]:
        """Return the cell that is most like a true one, 0 when none shares a pixel with it."""
        numbers = set(np.unique(self.sheet.labels[self.truth == true]).tolist()) - {0}
        found = max(((self.iou(n, true), n) for n in numbers), default=(0.0, 0))
        return found[1], found[0]

    def delete_false_ones(self) -> None:
        """Delete cells that stand for no true one."""
        for number in list(self.sheet.boxes):
            trues = set(np.unique(self.truth[self.sheet.labels == number]).tolist()) - {0}
            if max((self.iou(number, t) for t in trues), default=0.0) < HARDLY:
                self.sheet.put(edit.delete(self.sheet, number))
                self.count.add("delete")

    def make_right(self, true: int) -> None:
        """Act until a true cell has an IoU of one half."""
        number, iou = self.best(true)
        if iou >= RIGHT:
            return
        if iou < HARDLY or self.belongs_to_another(number, true):
            number = self.click_new(true)
        number = self.merge_parts(number, true)
        self.split_off(number, true)
        for _ in range(CORRECTIONS):
            if number and self.iou(number, true) < RIGHT:
                self.correct(number, true)
        if not number or self.iou(number, true) < RIGHT:
            self.draw(number, true)

    def merge_parts(self, number: int, true: int) -> int:
        """Merge the cells that lie in a true one for the most part; returns the number of the whole."""
        right = self.truth == true
        for other in sorted(set(np.unique(self.sheet.labels[right]).tolist()) - {0, number}):
            mine = self.sheet.labels == other
            if number and (mine & right).sum() > PART * mine.sum() and (mine & right).sum() > PART / 4 * right.sum():
                try:
                    self.sheet.put(edit.merge(self.sheet, number, other))
                    self.count.add("merge")
                except InputError:
                    continue
        return number

    def split_off(self, number: int, true: int) -> None:
        """Split a cell that holds most of another true cell too, half-way between the two."""
        mine = self.sheet.labels == number
        for other in sorted(set(np.unique(self.truth[mine]).tolist()) - {0, true}) if number else ():
            here, there = mine & (self.truth == true), mine & (self.truth == other)
            if there.sum() > PART * (self.truth == other).sum() and here.any() and number in self.sheet.boxes:
                a, b = np.argwhere(here).mean(axis=0), np.argwhere(there).mean(axis=0)
                along = np.array([b[1] - a[1], a[0] - b[0]]) / max(np.hypot(*(b - a)), 1.0) * 300
                try:
                    line = np.array([(a + b) / 2 - along, (a + b) / 2 + along])
                    fresh = iter(range(max(self.sheet.boxes) + 1, 2**30))
                    self.sheet.put(edit.split(self.sheet, number, line, lambda fresh=fresh: next(fresh)))
                    self.count.add("split")
                except InputError:
                    continue

    def belongs_to_another(self, number: int, true: int) -> bool:
        """Return whether a cell is right as another true one."""
        others = set(np.unique(self.truth[self.sheet.labels == number]).tolist()) - {0, true}
        return any(self.iou(number, other) >= RIGHT for other in others)

    def click_new(self, true: int) -> int:
        """Click a missed cell; returns its number, 0 when nothing came of it."""
        self.count.add("click")
        point = middle_of(self.truth == true)
        fresh = max(self.sheet.boxes, default=0) + 1
        try:
            piece = click.drawn(self.network.at(self.stem, point))
            self.sheet.put(edit.place(self.sheet, fresh, piece.top, piece.left, piece.mask))
        except InputError:
            return 0
        return fresh

    def correct(self, number: int, true: int) -> None:
        """Click in the middle of the largest part that lacks or is too much."""
        self.count.add("correct")
        mine, right = self.sheet.labels == number, self.truth == true
        lacks, too_much = largest(right & ~mine), largest(mine & ~right)
        take = too_much.sum() > lacks.sum()
        point = middle_of(too_much if take else lacks)
        there = self.network.at(self.stem, point)
        try:
            if take:
                own = self.network.at(self.stem, click.middle(self.sheet, number))
                piece = click.without_point(self.sheet, number, point, there, own)
            else:
                piece = click.with_point(self.sheet, number, point, there)
            self.sheet.put(edit.reshape(self.sheet, number, piece.top, piece.left, piece.mask))
        except InputError:
            return

    def draw(self, number: int, true: int) -> None:
        """Draw a cell anew by hand."""
        if number and not self.belongs_to_another(number, true) and number in self.sheet.boxes:
            self.sheet.put(edit.delete(self.sheet, number))
            self.count.add("delete")
        self.count.add("lasso")
        self.count.redrawn += corners_of(self.truth == true)
        rows, columns = (self.truth == true).nonzero()
        fresh = max(self.sheet.boxes, default=0) + 1
        patch = self.sheet.crop((0, 0, *self.truth.shape))
        patch[rows, columns] = fresh  # brushed over the neighbours where these were wrong
        self.sheet.labels[...] = patch
        self.sheet.__post_init__()


def largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest piece of a mask."""
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    return mask if count < 2 else pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()


def middle_of(mask: np.ndarray) -> Points:
    """Return the point of a mask that is farthest from its border."""
    return click.middle(Sheet(mask.astype(np.int32)), 1)


def corners_of(mask: np.ndarray) -> int:
    """Return how many corners a polygon needs."""
    contour = max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len)
    return max(3, len(approximate_polygon(contour, TOLERANCE)) - 1)


def correct_image(network: Network, stem: str, truth: Labels) -> tuple[Count, Labels]:
    """Return the actions on one image, and the labels after them."""
    cells = network.all_cells(stem)
    sheet = Sheet(cells_to_labels(settle(cells)))
    numbers = [n for n in np.unique(truth).tolist() if n]
    count = Count(len(numbers), sum(corners_of(truth == n) for n in numbers), 0)
    person = Person(network, stem, truth, sheet, count)
    count.right = sum(person.best(n)[1] >= RIGHT for n in numbers)
    person.delete_false_ones()
    for number in numbers:
        person.make_right(number)
    return count, person.sheet.labels


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--every", type=int, default=9)
    parser.add_argument("--training", type=int)
    options = parser.parse_args()
    images, labels = list_images(options.data / "images"), list_images(options.data / "labels")
    stems = sorted(set(images) & set(labels))
    chosen = stems[:: options.every]
    if options.training is not None:
        rest = [stem for stem in stems if stem not in chosen]
        chosen = rest[:: max(1, len(rest) // options.training)][: options.training]
    files = {stem: images[stem] for stem in stems}
    predictor = load_predictor(options.model)
    see = Wanted(nuclei="auto", root=options.data).for_model(*predictor.trained_on)
    network = network_of(predictor, files, see.channel, find_nuclei(files, see))
    print("| image | cells | right at first | actions | of them | corners of the redrawn | corners to draw all |")
    print("|---|---|---|---|---|---|---|")
    total: list[Count] = []
    for stem in chosen:
        count, corrected = correct_image(network, stem, read_labels(labels[stem]))
        total.append(count)
        print(row(stem, count), flush=True)
        if options.labels:
            write_labels(options.labels / f"{stem}.tif", corrected)
    every = Count(sum(c.cells for c in total), sum(c.corners for c in total), sum(c.right for c in total))
    every.redrawn = sum(c.redrawn for c in total)
    for count in total:
        for kind, number in count.done.items():
            every.add(kind, number)
    print(row("all", every))
    per_action, corners = every.cells / max(every.actions, 1), every.corners / every.cells
    print(f"\none action per {per_action:.1f} cells; by hand {corners:.1f} corners a cell")


def row(name: str, count: Count) -> str:
    """Return a line of the table."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(count.done.items()))
    return f"| {name} | {count.cells} | {count.right} | {count.actions} | {kinds} | {count.redrawn} | {count.corners} |"


if __name__ == "__main__":
    main()
