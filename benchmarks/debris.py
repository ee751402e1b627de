"""What something bright in the cell image costs: AP of a trained run, and candidates, on every 9th image.

    python benchmarks/debris.py DATA RUN [--unbounded]

DATA has images/, labels/ and dapi/. The disc covers 0.35 % or 3 % of the image, four or ten times as bright as cells;
a corner is lit five times as bright; haze rises by twice the contrast. The nucleus image stays clean. With
`--unbounded` the percentiles alone make the range, as before `contrast.bounded_high` and `contrast.haze`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import typer

from lacss_tools import contrast
from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.cells import cells_from_labels
from lacss_tools.io.native import read_image, read_labels
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.predict.predictor import load_predictor
from lacss_tools.predict.settings import ALL_DETECTIONS

sys.path.insert(0, str(Path(__file__).parent / "nuclei"))
import corrupt

EVERY = 9
Spoil = Callable[[np.ndarray], np.ndarray]


def disc(height: float, fraction: float) -> Spoil:
    """Return what lays a disc on a fraction of an image, `height` contrasts above black."""

    def spoil(plane: np.ndarray) -> np.ndarray:
        centre = 0.3 * plane.shape[0], 0.6 * plane.shape[1]
        return corrupt.disc(plane, centre, float(np.sqrt(fraction * plane.size / np.pi)), height)

    return spoil


KINDS: dict[str, Spoil] = {
    "clean": lambda plane: plane,
    "disc, 4 times": disc(4, 0.0035),
    "disc, 10 times": disc(10, 0.0035),
    "disc, 10 times, 3 %": disc(10, 0.03),
    "lit corner": lambda plane: corrupt.saturated_corner(plane, 0.15, 5),
    "haze": lambda plane: corrupt.haze(plane, 2, 0.5),
}


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the IoU of two masks."""
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def main(data: Path, run: Path, unbounded: bool = False) -> None:
    """Print AP50 and mAP, and the mean IoU of the best of five candidates and of the middle one, for each kind."""
    if unbounded:
        contrast.HEADROOM = contrast.EVENLY = np.inf
    predictor = load_predictor(run, "cpu", ALL_DETECTIONS)
    for name, spoil in KINDS.items():
        pairs, areas = [], []
        for path in sorted((data / "images").glob("*.tif"))[::EVERY]:
            truth = read_labels(data / "labels" / path.name)
            stain = spoil(read_image(path)[0].astype(np.float64)).astype(np.float32)
            image = np.stack([stain, read_image(data / "dapi" / path.name)[0]])[: predictor.model.settings.channels]
            pairs.append((predictor(image), cells_from_labels(truth)))
            masks = find_candidates(stain[None], CutSettings()).masks
            areas.append((max(overlap(mask, truth > 0) for mask in masks), overlap(masks[len(masks) // 2], truth > 0)))
        found, (best, middle) = evaluate(pairs), np.mean(areas, axis=0)
        print(f"| {name} | {found.ap50:.3f} / {found.map:.3f} | {best:.3f} / {middle:.3f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
