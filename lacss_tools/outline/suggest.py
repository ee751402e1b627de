"""Suggested cells: what a model predicted, and of which of them one should be in doubt, with the reason in words."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Labels, Mask, Points
from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels, shared_pixels
from lacss_tools.errors import InputError
from lacss_tools.formats.sources import Segmentations
from lacss_tools.metrics.matching import NOBODY, match
from lacss_tools.metrics.overlap import iou_matrix
from lacss_tools.outline.drawing import Drawing
from lacss_tools.outline.journal import NETWORK, Change, Packed, Row
from lacss_tools.outline.sheet import Patch, shrink
from lacss_tools.points import inside_image, values_at
from lacss_tools.predict.flat import settle
from lacss_tools.predict.nms import meeting_boxes

UNSURE = 0.7
"""cells that score less are in doubt: scores are about the chance of being right, and a third of these is wrong"""
OVERLAP = 0.15
"""a cell that shares more than this fraction of the smaller one with another is in doubt"""
OUTSIDE = 0.2
"""a cell with more than this fraction of its pixels outside the mask of the image is in doubt"""
SMALL, LARGE = 0.35, 2.5
"""times the median area, beyond which a cell is of an unusual size"""
FREE = 0.5
"""a cell comes in where more than this fraction of it is drawn by nobody"""
SAME = 0.5
"""least IoU of a suggestion with the cell that it became, for it to have been right"""


@dataclass(frozen=True)
class Doubt:
    """A cell to look at; the larger `weight`, the sooner: about the chance that it is wrong, by what is known of it."""

    number: int
    weight: float
    reason: str


@dataclass(frozen=True)
class Suggestions:
    """Cells by stem, from `lacss predict` or another tool."""

    source: Segmentations

    def cells(self, stem: str, shape: tuple[int, int]) -> Cells | None:
        """Return the suggested cells of an image, which may overlap; None where there are none."""
        return self.source.cells(stem, shape, signed=True) if stem in self.source.files else None

    def of(self, stem: str, shape: tuple[int, int]) -> tuple[Labels, dict[int, float]] | None:
        """Return label image and scores by label of one image; None where there are none."""
        cells = self.cells(stem, shape)
        if cells is None:
            return None
        return cells_to_labels(settle(cells)), {k + 1: float(score) for k, score in enumerate(cells.scores)}

    def overlaps(self, stem: str, shape: tuple[int, int]) -> dict[int, float]:
        """Return, by label, which fraction of the smaller of the two a cell shares with another."""
        most = dict[int, float]()
        cells = self.cells(stem, shape) if not self.source.as_labels else None
        if cells is None:
            return most
        areas, boxes = cells.areas(), cells.boxes.tolist()
        for i, j in meeting_boxes(cells.boxes).tolist():
            shared = shared_pixels(boxes[i], cells.mask(i), boxes[j], cells.mask(j)) / min(areas[i], areas[j])
            for k in (i + 1, j + 1):
                most[k] = max(most.get(k, 0.0), shared)
        return most


@dataclass(frozen=True)
class Known:
    """What else is known of an image, where there is any: points, mask, overlaps of the suggestions by label."""

    lois: Points | None = None
    mask: Mask | None = None
    overlaps: dict[int, float] = field(default_factory=dict)


def doubts(drawing: Drawing, known: Known) -> list[Doubt]:
    """Return the cells of the network that one should look at, the most doubtful first.

    What a person has drawn, corrected or marked as ambiguous is not in doubt.
    """
    numbers = [
        n for n, row in drawing.rows.items() if row.by == NETWORK and not row.ambiguous and n in drawing.sheet.boxes
    ]
    if not numbers:
        return []
    areas = {number: drawing.sheet.area(number) for number in drawing.sheet.boxes}
    usual = float(np.median(list(areas.values())))
    points = _points_in(drawing.sheet.labels, known.lois)
    found = []
    for number in numbers:
        reasons = [
            *_by_score(drawing.rows[number].score),
            *_by_size(areas[number] / usual),
            *_by_points(None if points is None else points.get(number, 0)),
            *_by_mask(drawing, number, known.mask),
            *_by_overlap(known.overlaps.get(number, 0.0)),
        ]
        if reasons:
            weight = 1 - float(np.prod([1 - weight for weight, _ in reasons]))
            found.append(Doubt(number, weight, ", ".join(reason for _, reason in reasons)))
    return sorted(found, key=lambda doubt: (-doubt.weight, doubt.number))


def _points_in(labels: Labels, lois: Points | None) -> dict[int, int] | None:
    if lois is None or not len(lois):
        return None
    at = values_at(labels, lois[inside_image(lois, labels.shape)])
    numbers, counts = np.unique(at[at > 0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


Reasons = Iterable[tuple[float, str]]
"""weights, which are what fraction of such cells was wrong (`benchmarks/doubts.py`), and words"""


def _by_score(score: float) -> Reasons:
    if score < UNSURE:
        yield 1 - score, f"score {score:.2f}"


def _by_size(ratio: float) -> Reasons:
    if ratio > LARGE:
        yield 0.15, f"{ratio:.1f} times the usual area"
    elif ratio < SMALL:
        yield 0.3, "far smaller than usual"


def _by_points(count: int | None) -> Reasons:
    if count is not None and count > 1:
        yield 0.4, f"{count} nuclei"
    elif count == 0:
        yield 0.8, "no nucleus"


def _by_mask(drawing: Drawing, number: int, mask: Mask | None) -> Reasons:
    if mask is None:
        return
    y0, x0, y1, x1 = drawing.sheet.boxes[number]
    cell = drawing.sheet.window((y0, x0, y1, x1)) == number
    outside = 1 - np.count_nonzero(cell & mask[y0:y1, x0:x1]) / np.count_nonzero(cell)
    if outside > OUTSIDE:
        yield outside / 2, f"{100 * outside:.0f} % beyond the mask's edge"


def _by_overlap(fraction: float) -> Reasons:
    if fraction > OVERLAP:
        yield 0.4, "overlaps another cell"


def agreement(suggested: Cells, drawn: Labels) -> tuple[int, int]:
    """Return how many suggestions became a cell (IoU of SAME or more), and how many of both there are in all.

    The quotient is the accuracy TP / (TP + FP + FN) of the suggestions, against what a person made of them.
    """
    truth = cells_from_labels(drawn) if drawn.any() else None
    if truth is None or not len(suggested):
        return 0, len(suggested) + (0 if truth is None else len(truth))
    hits = int(np.count_nonzero(match(iou_matrix(suggested, truth), suggested.scores, SAME) != NOBODY))
    return hits, len(suggested) + len(truth) - hits


def entropy(scores: Float[np.ndarray, " n"]) -> float:
    """Return the mean entropy, in bits, of cells of these scores: 1 where each is as likely right as wrong.

    >>> round(entropy(np.array([0.5, 1.0])), 3)
    0.5
    """
    if not len(scores):
        return 0.0
    p = np.clip(scores, 1e-9, 1 - 1e-9)
    return float(np.mean(-p * np.log2(p) - (1 - p) * np.log2(1 - p)))


def add_all(drawing: Drawing, found: Cells) -> Change:
    """Return the change that puts cells in where nothing is drawn: those that more than half of is free.

    InputError when there are none.
    """
    flat, labels = settle(found), drawing.sheet.labels
    numbers, out, rows = drawing.fresh_numbers(), labels.copy(), dict[int, Row | None]()
    sizes = flat.areas()
    visible = cells_to_labels(flat)
    free = np.bincount(visible[labels == 0], minlength=len(flat) + 1)
    for k in range(len(flat)):
        if free[k + 1] <= FREE * sizes[k]:
            continue
        fresh = next(numbers)
        y0, x0, y1, x1 = flat.boxes[k].tolist()
        window, own = out[y0:y1, x0:x1], visible[y0:y1, x0:x1] == k + 1
        window[own & (window == 0)] = fresh
        rows[fresh] = Row(float(found.scores[k]), NETWORK)
    if not rows:
        raise InputError("The network finds no other cells here. Click where it misses one.")
    patch = shrink(drawing.sheet, Patch(0, 0, out))
    assert patch is not None
    before = drawing.sheet.crop(patch.box)
    return Change("ask", patch.box, Packed.of(before), Packed.of(patch.pixels), dict.fromkeys(rows), rows)
