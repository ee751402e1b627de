"""What the starter model is worth on images of a set that it has not seen: AP after short trainings with and without.

    python benchmarks/starter/evaluate.py DATA/cil [--init weights/no_cil.safetensors] [--steps 0 100 300 1000]

Trains by weak labels from the outlines (a point in each cell, and the cell area), with the nuclei where there are some,
on 8 images spread over those of training, as `lacss train` does on a CPU without any other option, and prints AP on the
images for validation (every 9th in the order of the names), which no fit has seen either. 0 steps: the weights as they
are, told how large a typical cell is. One thread; with --without-nuclei the nuclei are left out.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lacss_tools import Segmenter, evaluate, train
from lacss_tools.formats.weak import inner_points
from lacss_tools.io.native import read_labels, read_plane
from lacss_tools.io.project import list_images
from lacss_tools.network.preprocess import typical_diameter
from lacss_tools.train.settings import TrainSettings

EVERY, IMAGES = 9, 8


def read(folder: Path, numbers: list[int], nuclei: bool) -> dict[str, Any]:
    """Return images, labels, and nuclei or None, of those images of a set."""
    stems = list(list_images(folder / "labels"))
    chosen = [stems[number] for number in numbers]

    def planes(name: str) -> list[np.ndarray]:
        files = list_images(folder / name)
        return [read_plane(files[stem]) for stem in chosen]

    labels = [read_labels(list_images(folder / "labels")[stem]) for stem in chosen]
    dapi = planes("dapi") if nuclei and (folder / "dapi").is_dir() else None
    return {"images": planes("images"), "labels": labels, "nuclei": dapi}


def split(folder: Path) -> tuple[list[int], list[int]]:
    """Return the numbers of the images to train on, spread over all, and of those to validate on."""
    count = len(list_images(folder / "labels"))
    training = [number for number in range(count) if number % EVERY]
    return training[:: len(training) // IMAGES][:IMAGES], list(range(0, count, EVERY))


def measure(model: Segmenter, truth: dict[str, Any], diameter: float | None = None) -> str:
    """Return AP50, AP75 and mAP in words."""
    found = model.cells(
        truth["images"],
        nuclei=truth["nuclei"] if model.knows_nuclei else None,
        diameter=diameter,
        all_detections=True,
    )
    result = evaluate(truth["labels"], found)
    return f"AP50 {result.ap50:.3f} AP75 {result.ap75:.3f} mAP {result.map:.3f}"


def main() -> None:
    """Train for each number of steps, each training from the beginning, and print a line for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-nuclei", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    training, validation = (read(options.folder, own, not options.without_nuclei) for own in split(options.folder))
    lois, masks = [inner_points(labels) for labels in training["labels"]], [own > 0 for own in training["labels"]]
    settings = TrainSettings(seed=options.seed, processes=1)
    area = sum(float(mask.sum()) for mask in masks)
    for steps in options.steps:
        began, diameter = time.perf_counter(), None
        if steps == 0:
            model = Segmenter.load(options.init, device="cpu")
            diameter = typical_diameter(area, sum(map(len, lois)))
        else:
            model = train(
                training["images"], nuclei=training["nuclei"], lois=lois, masks=masks, steps=steps, settings=settings,
                init=options.init, device="cpu",
            )  # fmt: skip
        numbers = measure(model, validation, diameter)
        who = f"{options.folder.name}, init {options.init.stem if options.init else 'none'}"
        print(f"{who}, seed {options.seed}, {steps} steps: {numbers} ({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
