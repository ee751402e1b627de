"""Nuclei of any size by the network in the wheel, which this project's own trainer trained (benchmarks/nuclei).

The network knows nuclei about 20 pixels across, and finds those of half and twice that too. So it looks at an image,
measures what it finds, and looks again at the scale that suits it.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from lacss_tools.annotate.lois.find import apart
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.arrays import Labels, Plane, Points
from lacss_tools.io.source import InMemory
from lacss_tools.predict.found import Found, paint
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import PredictSettings

WEIGHTS = Path(__file__).parent / "data" / "nuclei.safetensors"
FIRST_SIDE, FIRST_SCALES = 320.0, (0.5, 1.0)
"""the first look is at an image of about this side, but no smaller than half and no larger than the original"""
LOOKS = 3
SAME_SCALE = 1.2
"""scales that differ by less than this factor see the same"""
LEAST_SCORE = 0.25
"""of nuclei that tell how large nuclei are"""
SCALES = (0.05, 4.0)
NUCLEI = PredictSettings(min_score=0.25, nms_distance=5.0, max_overlap=0.5, min_area=20.0)


@dataclass(frozen=True)
class NucleusFinder:
    """The network, and the pixels that a nucleus is across at the scale that it was trained at."""

    predictor: Predictor

    @property
    def diameter(self) -> float:
        """How many working pixels a typical nucleus is across."""
        return self.predictor.model.settings.cell_diameter

    def find(self, dapi: Plane, diameter: float | None = None) -> Found:
        """Return the nuclei of an image, best first; `diameter` (pixels) fixes the scale that is else estimated."""
        scale = first_scale(dapi.shape) if diameter is None else self._scale(diameter)
        found = self._look(dapi, scale)
        for _ in range(0 if diameter is not None else LOOKS - 1):
            better = self._scale(typical_diameter(found)) if len(found) else scale
            if max(better / scale, scale / better) < SAME_SCALE:
                break
            scale = better
            found = self._look(dapi, scale)
        return found

    def _scale(self, diameter: float) -> float:
        return float(np.clip(self.diameter / diameter, *SCALES))

    def _look(self, dapi: Plane, scale: float) -> Found:
        return replace(self.predictor, scale=scale).find(InMemory(dapi[None]))


@cache
def load_finder(weights: Path = WEIGHTS) -> NucleusFinder:
    """Load the network, once in a process; it runs on the CPU, where it takes a tenth of a second an image."""
    from lacss_tools.network.weights import load_weights

    model, _ = load_weights(weights)
    return NucleusFinder(Predictor(model.float().eval(), 1.0, torch.device("cpu"), NUCLEI))


def first_scale(shape: tuple[int, ...]) -> float:
    """Return the scale of the first look."""
    return float(np.clip(FIRST_SIDE / np.sqrt(shape[0] * shape[1]), *FIRST_SCALES))


def typical_diameter(found: Found) -> float:
    """Return the median diameter (pixels) of nuclei weighted by score, those of least scores left out."""
    diameters, weights = np.sqrt(4 / np.pi * found.areas), np.where(found.scores > LEAST_SCORE, found.scores, 0)
    order = np.argsort(diameters)
    total = np.cumsum(weights[order])
    return float(diameters[order][np.searchsorted(total, total[-1] / 2)])


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of an image, best first: a point inside each, its score (0 to 1), and labels; nucleus k is k + 1."""

    points: Points
    scores: Float[np.ndarray, " n"]
    labels: Labels

    def select(self, keep: Bool[np.ndarray, " n"]) -> "Nuclei":
        """Return those that `keep` says, numbered anew."""
        numbers = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
        return Nuclei(self.points[keep], self.scores[keep], numbers[self.labels])


def find_nuclei(dapi: Plane, settings: LoiSettings, diameter: float | None = None) -> Nuclei:
    """Return the nuclei that score at least `settings.min_response`; `diameter` is as in `NucleusFinder.find`."""
    found = load_finder().find(dapi, diameter)
    nuclei = separate(found.select(np.flatnonzero(found.scores >= settings.least)))
    return nuclei.select(apart(nuclei.points, settings.min_distance))


def separate(found: Found) -> Nuclei:
    """Return nuclei as labels that do not overlap, each with its pixel that is nearest to its centroid.

    A pixel of two goes to the one that is surer of it; a nucleus that loses all of its pixels is left out.
    """
    from scipy import ndimage

    labels = paint(found, 0, found.shape[0])
    points, kept = np.zeros((len(found), 2)), np.zeros(len(found), bool)
    for k, window in enumerate(ndimage.find_objects(labels, len(found))):
        if window is not None:
            pixels = np.argwhere(labels[window] == k + 1)
            nearest = ((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()
            points[k], kept[k] = pixels[nearest] + (window[0].start, window[1].start), True
    return Nuclei(points, found.scores, labels).select(kept)
