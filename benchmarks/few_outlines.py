"""Human minutes against accuracy: a few outlined images beside weak labels for the rest, and the same outlines alone.

PROJECT is a project with images/, lois/ and masks/ (`benchmarks/training.py dapi DATA --out OUT` makes OUT/train),
DATA the data set with labels/, of which every 9th image, in the order of the names, validates. A model trained on
PROJECT without any outline (--start) goes on with 1, 2, 4, ... outlined images beside the weak labels (mixed), or with
these alone (full); and new ones are trained on the outlines alone (alone).
"""

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np

from lacss_tools.io.native import read_labels
from lacss_tools.io.project import list_images
from lacss_tools.network.weights import BEST
from lacss_tools.train.folders import TrainingFolders
from lacss_tools.train.history import read_metrics
from lacss_tools.train.settings import AS_INIT, TrainSettings
from lacss_tools.train.steps import train

EVERY = 9
CELLS_PER_HOUR = 450
"""that a person outlines"""
COLUMNS = ("way", "images", "cells", "minutes", "AP50", "AP75", "mAP", "AP50 before", "mAP before")


def main() -> None:
    """Train every way with every number of outlined images; print and write a table."""
    options = arguments()
    order = training_stems(options.data)
    np.random.default_rng(options.seed).shuffle(order)
    with (options.out / "curve.csv").open("a", newline="") as file:
        table = csv.writer(file)
        for count in options.images:
            for way in options.ways:
                row = one(options, way, order[:count])
                table.writerow(row)
                file.flush()
                print(dict(zip(COLUMNS, row, strict=True)), flush=True)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--start", type=Path, help="run folder of the model without outlines")
    parser.add_argument("--images", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--ways", nargs="+", default=["mixed", "full", "alone"], choices=["mixed", "full", "alone"])
    parser.add_argument("--steps", type=int, default=300, help="of going on; twice as many from the beginning")
    parser.add_argument("--learning-rate", type=float, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("few-outlines"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def training_stems(data: Path) -> list[str]:
    """Return the stems of all images but every 9th."""
    return [stem for k, stem in enumerate(sorted(list_images(data / "images"))) if k % EVERY]


def one(options: argparse.Namespace, way: str, stems: list[str]) -> list[str | int]:
    """Train one way on these outlined images and return a row of the table."""
    labels, known = options.out / f"labels-{len(stems)}-{options.seed}", list_images(options.data / "labels")
    labels.mkdir(exist_ok=True)
    for stem in stems:
        shutil.copy(known[stem], labels)
    cells = sum(len(np.unique(read_labels(known[stem]))) - 1 for stem in stems)
    begins = way == "alone"
    given = {} if options.learning_rate is None else {"learning_rate": options.learning_rate}
    settings = TrainSettings(
        preset="small" if begins else AS_INIT,
        supervision="mixed" if way == "mixed" else "full",
        steps=options.steps * (1 + begins),
        seed=options.seed,
        validate_every=0.25,
        processes=options.processes,
        **given,
    )
    parts = {name: options.project / name for name in ("images", "lois", "masks")}
    held = {f"val_{name}": options.project / "validation" / name for name in ("images", "labels")}
    run = options.out / f"{way}-{len(stems)}-{options.seed}"
    train(
        TrainingFolders(**parts, labels=labels, **held, project=options.project),
        run, settings, init=None if begins else options.start / BEST, say=print,
    )  # fmt: skip
    scores = [row.validation for row in read_metrics(run) if row.validation]
    best, first = max(scores, key=lambda score: score.map), scores[0]
    before = ["", ""] if begins else [f"{first.ap50:.3f}", f"{first.map:.3f}"]
    figures = [f"{value:.3f}" for value in (best.ap50, best.ap75, best.map)]
    return [way, len(stems), cells, round(60 * cells / CELLS_PER_HOUR), *figures, *before]


if __name__ == "__main__":
    main()
