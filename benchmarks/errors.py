"""What a model gets wrong: cells met at the edge of images and inside, and the kinds of false and missed cells.

    python benchmarks/errors.py MODEL IMAGES LABELS [--nuclei DAPI] [--ambiguous FILE]

Cells are those that `lacss predict` would write (score of at least 0.4), met at IoU 0.5 if nothing else is said.
`--ambiguous` is as for `lacss eval`.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from lacss_tools.cells import Cells
from lacss_tools.io.native import read_labels
from lacss_tools.io.nuclei import Wanted
from lacss_tools.io.project import list_images
from lacss_tools.metrics.overlap import overlap
from lacss_tools.predict.predictor import load_predictor
from lacss_tools.train.labelled import read_labelled

MET, CLOSE, NEARLY = 0.5, 0.75, 0.3
"""IoU"""
EMPTY, MOST, PART, SECOND = 0.5, 0.6, 0.6, 0.25
"""a false cell is background if more than the first of it is; part of a cell if more than the second of it lies in one
and covers less than the third of that; two cells if the next one has more than the last of it"""


def main() -> None:
    """Print the cells that are met, and what the others are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--nuclei", type=Path)
    parser.add_argument("--ambiguous", type=Path)
    options = parser.parse_args()
    ambiguous = json.loads(options.ambiguous.read_text()) if options.ambiguous else {}
    predictor = load_predictor(options.model, "cpu")
    wanted = Wanted(None, str(options.nuclei or "none"), None, Path(), None)
    images, _ = read_labelled(options.images, options.labels, wanted, options.nuclei is not None)
    where, false, missed = Counter[str](), Counter[str](), Counter[str]()
    for image in images:
        found, truth = predictor(image.pixels), image.truth
        shared = overlap(found, truth)
        iou = shared.iou().toarray().reshape(len(found), len(truth))
        best = iou.max(axis=0, initial=0)
        for edge, met in zip(at_edge(truth), best, strict=True):
            place = "edge" if edge else "inside"
            where.update(
                {f"{place}: cells": 1, f"{place}: met": int(met > MET), f"{place}: met closely": int(met > CLOSE)}
            )
        pixels = shared.shared.toarray().reshape(iou.shape)
        for k in np.flatnonzero(iou.max(axis=1, initial=0) <= MET):
            false[kind(pixels[k] / found.areas()[k], pixels[k] / truth.areas(), best > MET)] += 1
        names = label_numbers(options.labels, image.stem)
        for k in np.flatnonzero(best <= MET):
            unsure = int(names[k]) in ambiguous.get(image.stem, [])
            missed["ambiguous outline" if unsure else "nearly met" if best[k] > NEARLY else "other"] += 1
    for name, counts in (("cells", where), ("false", false), ("missed", missed)):
        print(f"{name}:", ", ".join(f"{what} {number}" for what, number in sorted(counts.items())))


def at_edge(cells: Cells) -> np.ndarray:
    """Return which cells touch the edge of their image."""
    low, high = cells.boxes[:, :2] == 0, cells.boxes[:, 2:] == np.array(cells.shape)
    touch: np.ndarray = low.any(axis=1) | high.any(axis=1)
    return touch


def kind(of_found: np.ndarray, of_truth: np.ndarray, met: np.ndarray) -> str:
    """Return what a false cell is; fractions that it shares with each true cell, of itself and of that."""
    first, *others = np.argsort(-of_found, kind="stable").tolist() or [None]
    if first is None or 1 - of_found.sum() > EMPTY:
        return "background"
    told = "of a cell that is met" if met[first] else "of a cell that is missed"
    if of_found[first] > MOST and of_truth[first] < PART:
        return f"part {told}"
    if others and of_found[others[0]] > SECOND:
        return "two cells"
    return f"borders {told}"


def label_numbers(labels: Path, stem: str) -> np.ndarray:
    """Return the labels of an image in the order of its cells."""
    numbers: np.ndarray = np.unique(np.abs(read_labels(list_images(labels)[stem], signed=True)))
    return numbers[numbers > 0]


if __name__ == "__main__":
    main()
