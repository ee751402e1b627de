"""Doubts of `lacss outline` against the truth: which cells are in doubt, which wrong; which images are unsure.

    python benchmarks/doubts.py PROJECT PREDICTIONS...

PROJECT has labels/, and lois/ and masks/ as a project has them; PREDICTIONS are folders that `lacss predict` wrote for
its images. A cell is wrong if it shares an IoU of one half with no true cell.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from lacss_tools.cells import cells_from_labels
from lacss_tools.formats.sources import open_source
from lacss_tools.io.native import read_labels
from lacss_tools.io.project import Project, list_images
from lacss_tools.metrics.overlap import iou_matrix
from lacss_tools.outline.drawing import drawing_of
from lacss_tools.outline.journal import NETWORK, Row
from lacss_tools.outline.sources import Beside, find_beside
from lacss_tools.outline.suggest import SAME, Known, Suggestions, agreement, doubts, entropy

BANDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
"""of scores"""
REASONS = ("score", "no nucleus", "nuclei", "smaller", "times", "mask")
"""words by which reasons are told apart"""
FIRST = (0.03, 0.05, 0.1, 0.2)
"""fractions of all cells that a person looks at, the most doubtful first"""


@dataclass(frozen=True)
class Judged:
    """A suggested cell; its place among the doubts is by weight, 0 for none."""

    score: float
    weight: float
    reason: str
    wrong: bool


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("predictions", type=Path, nargs="+")
    options = parser.parse_args()
    home, every = Project(options.project), list[Judged]()
    for folder in options.predictions:
        cells = judged(home, folder)
        every += cells
        print(f"\n{folder.name}: {told(cells)}")
        print("in doubt: " + told([cell for cell in cells if cell.reason]))
        ranked = np.cumsum([cell.wrong for cell in sorted(cells, key=lambda cell: -cell.weight)])
        found = (f"{ranked[int(f * len(cells)) - 1] / ranked[-1]:.0%} by the first {f:.0%}" for f in FIRST)
        print("of the wrong: " + ", ".join(found))
        accuracy = ", ".join(f"{right:.2f}" for _, right in sorted(by_image(home, folder), reverse=True))
        print(f"accuracy of the images, those first of which it is least sure: {accuracy}")
    print("\n| of all | cells |\n|---|---|")
    for low, high in pairwise(BANDS):
        print(f"| score from {low:.1f} | {told([cell for cell in every if low <= cell.score < high])} |")
    for word in REASONS:
        print(f"| {word} | {told([cell for cell in every if word in cell.reason])} |")


def judged(home: Project, folder: Path) -> list[Judged]:
    """Return the suggested cells of all images that have labels."""
    suggestions, beside = Suggestions(open_source(folder)), find_beside(home.dapi, home.lois, home.masks)
    files = sorted(list_images(home.labels).items())
    return [cell for stem, path in files for cell in of_image(suggestions, beside, stem, path)]


def by_image(home: Project, folder: Path) -> list[tuple[float, float]]:
    """Return of each image how unsure the model is of it, and TP / (TP + FP + FN) at an IoU of one half."""
    suggestions, rows = Suggestions(open_source(folder)), []
    for stem, path in list_images(home.labels).items():
        true = read_labels(path)
        cells = suggestions.cells(stem, (true.shape[0], true.shape[1]))
        assert cells is not None, stem
        hits, total = agreement(cells, true)
        rows.append((entropy(cells.scores), hits / max(total, 1)))
    return rows


def of_image(suggestions: Suggestions, beside: Beside, stem: str, truth: Path) -> list[Judged]:
    """Return the suggested cells of one image."""
    true = read_labels(truth)
    height, width = true.shape
    found = suggestions.of(stem, (height, width))
    assert found is not None, stem
    labels, scores = found
    drawing = drawing_of(labels, {number: Row(score, NETWORK) for number, score in scores.items()})
    known = Known(beside.points(stem), beside.mask(stem, (height, width)))
    by_number = {doubt.number: doubt for doubt in doubts(drawing, known)}
    best = iou_matrix(cells_from_labels(labels), cells_from_labels(true)).max(axis=1).toarray().ravel()
    rows = []
    for number, iou in zip(np.unique(labels[labels > 0]).tolist(), best.tolist(), strict=True):
        doubt = by_number.get(number)
        weight, reason = (doubt.weight, doubt.reason) if doubt else (0.0, "")
        rows.append(Judged(scores[number], weight, reason, iou < SAME))
    return rows


def told(cells: list[Judged]) -> str:
    """Return how many there are and how many of them are wrong."""
    wrong = sum(cell.wrong for cell in cells)
    return f"{len(cells)} cells, {wrong} of them wrong" + (f" ({wrong / len(cells):.2f})" if cells else "")


if __name__ == "__main__":
    main()
