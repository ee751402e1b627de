"""Fit what a score of the starter model means on the images for validation, and write its weights as they ship.

    python benchmarks/starter/score.py DATA weights/cells_and_nuclei.safetensors cells.safetensors

DATA holds cil/ and t98g_phase/. Prints AP on each, with and without nuclei; the two numbers that are fitted change no
order. The weights are written in float16.
"""

import sys
from pathlib import Path

import numpy as np

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.metrics.metrics import evaluate as ap
from lacss_tools.network.weights import load_weights, save_weights
from lacss_tools.predict.predictor import load_predictor
from lacss_tools.train.honest import RANKING, fitted

from evaluate import read, split

DIAMETERS = {"cil": 45.0, "t98g_phase": 28.0}
"""pixels across a typical cell"""


def main(data: Path, weights: Path, out: Path) -> None:
    """Find the cells, fit, write."""
    found: list[Cells] = []
    truth: list[Cells] = []
    for name, diameter in DIAMETERS.items():
        predictor = load_predictor(weights, "cpu", diameter=diameter)
        predictor.model.scoring = RANKING
        images = read(data / name, split(data / name)[1], True)
        for nuclei in [None, *([images["nuclei"]] if images["nuclei"] else [])]:
            planes = [images["images"], *([nuclei] if nuclei else [])]
            cells = [predictor.for_ap()(np.stack(image)) for image in zip(*planes, strict=True)]
            right = [cells_from_labels(labels) for labels in images["labels"]]
            result = ap(list(zip(cells, right, strict=True)))
            print(name, "with nuclei" if nuclei else "", f"{result.ap50:.3f} {result.ap75:.3f} {result.map:.3f}")
            found, truth = found + cells, truth + right
    model, scale = load_weights(weights)
    model.scoring = fitted(found, truth)
    print(model.scoring)
    save_weights(out, model.half(), scale)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
