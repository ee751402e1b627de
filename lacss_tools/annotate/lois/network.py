"""Nuclei of any size by the network in the wheel, which this project's own trainer trained (benchmarks/nuclei).

The network knows nuclei about 20 pixels across, and finds those of half to twice that too. It looks at an image,
measures what it finds, and looks again at the scale that suits it, without the haze and debris that it now can tell;
where that scale is coarse, once more for small nuclei beside the large ones.
"""

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from lacss_tools.annotate.lois.find import apart
from lacss_tools.annotate.lois.light import even
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.arrays import Labels, Plane, Points
from lacss_tools.cells import INSIDE, cells_to_labels
from lacss_tools.contrast import without_haze
from lacss_tools.io.source import InMemory
from lacss_tools.network.device import threads
from lacss_tools.predict.found import Found, best_first, join, suppress
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import PredictSettings

WEIGHTS = Path(__file__).parent / "data" / "nuclei.safetensors"
FIRST_SIDE, FIRST_SCALES = 256.0, (0.5, 1.0)
"""the first look is at an image of about this side, but no smaller than half and no larger than the original"""
FEWEST, OTHERWISE, LARGEST_FIRST = 3, (0.5, 0.25, 2.0, 4.0), 2.0
"""where fewer nuclei are found, they may be too large or too small: looks at the scale times these, up to the last"""
LOOKS = 3
LOST = 0.5
"""a look that sees less than this fraction of the nuclei of the one before is not believed: discs without any texture,
as in images drawn by a program, pass for debris where they are large"""
SAME_SCALE = 1.25
"""scales that differ by less than this factor see the same"""
MARGIN, DARK = 16.0, 1.0
"""working pixels around the image that are as dark as this percentile"""
GOAL = 17.0
"""working pixels that a typical nucleus is brought to: fewer than in training (20), which is as good and faster"""
FINER, FINEST, WORTH = 3.0, 1.0, 2.0
"""a finer look for small nuclei beside large ones: by this factor, but no larger than the original; if that leaves less
than the last factor, none, since nuclei of half the typical size are seen anyway"""
SMALL = 0.6
"""nuclei under this part of the typical diameter are taken from the finer look"""
SURE = 0.4
"""score of nuclei that tell how large and how bright nuclei are"""
SWARM = 1 / 3
"""small ones per other nucleus from which they are debris"""
SCALES = (0.05, 4.0)
NUCLEI = PredictSettings(min_score=0.3, nms_distance=5.0, max_overlap=0.3, min_area=12.0)


@dataclass(frozen=True)
class NucleusFinder:
    """The network, which looks at images at any scale."""

    predictor: Predictor

    def find(self, dapi: Plane, diameter: float | None = None) -> Found:
        """Return the nuclei of an image, best first; `diameter` (pixels) is what they are across, None to find out."""
        dapi = without_haze(dapi)
        found, scale = self._first(dapi, first_scale(dapi.shape) if diameter is None else working_scale(diameter))
        plane, typical = dapi, diameter or typical_diameter(found)
        for look in range(LOOKS - 1):
            if not typical:
                return found
            before, scale = scale, working_scale(typical)
            if look > 0 and max(before / scale, scale / before) < SAME_SCALE:
                scale = before
                break
            plane = even(dapi, typical, partial(mean_inside, cells=sure(found)))
            again = self._look(plane, scale)
            if len(sure(again)) < LOST * len(sure(found)):
                return found
            found, typical = again, diameter or typical_diameter(again)
        finer = min(FINER * scale, max(FINEST, scale))
        if finer < WORTH * scale:
            return found
        return merge(found, self._look(plane, finer), SMALL * typical)

    def _first(self, dapi: Plane, scale: float) -> tuple[Found, float]:
        """Return what the first look finds that finds some nuclei, or most, and its scale."""
        best, chosen = self._look(dapi, scale), scale
        for factor in OTHERWISE:
            if len(sure(best)) >= FEWEST:
                break
            if factor * scale <= LARGEST_FIRST:
                found = self._look(dapi, factor * scale)
                if len(sure(found)) > len(sure(best)):
                    best, chosen = found, factor * scale
        return best, chosen

    def _look(self, dapi: Plane, scale: float) -> Found:
        """Return what is found at a scale, best first, in an image that ends in darkness.

        In training, what lies beyond the edge of an image is black, whereas nuclei that a crop cuts do not count.
        """
        margin = round(MARGIN / scale)
        framed = np.pad(dapi, margin, constant_values=np.percentile(dapi[::2, ::2], DARK))
        with threads(1):  # else the last bits of results would depend on how many there are
            found = replace(self.predictor, scale=scale).find(InMemory(framed[None]))
        return cut_out(found, margin, (dapi.shape[0], dapi.shape[1]))


@cache
def load_finder(weights: Path = WEIGHTS) -> NucleusFinder:
    """Load the network, once in a process; it runs on the CPU, where it takes a tenth of a second an image."""
    from lacss_tools.network.weights import load_weights

    model, _ = load_weights(weights)
    return NucleusFinder(Predictor(model.float().eval(), 1.0, torch.device("cpu"), NUCLEI))


def first_scale(shape: tuple[int, ...]) -> float:
    """Return the scale of the first look."""
    return float(np.clip(FIRST_SIDE / np.sqrt(shape[0] * shape[1]), *FIRST_SCALES))


def working_scale(diameter: float) -> float:
    """Return the scale at which to look at nuclei of `diameter` pixels."""
    return float(np.clip(GOAL / diameter, *SCALES))


def merge(coarse: Found, fine: Found, limit: float) -> Found:
    """Return nuclei under `limit` pixels across from the finer look and others from the coarser one, best first.

    Of those that share pixels the best stays.
    """
    large, small = (found.select(np.flatnonzero(keep)) for found, keep in (
        (coarse, diameters(coarse) >= limit), (fine, diameters(fine) < limit)
    ))  # fmt: skip
    both = join(coarse.shape, [large, small])
    return suppress(best_first(both, both.scores), NUCLEI.max_overlap)


def diameters(found: Found) -> Float[np.ndarray, " n"]:
    """Return the diameters (pixels) of discs as large as the nuclei."""
    across: np.ndarray = np.sqrt(4 / np.pi * found.areas())
    return across


def cut_out(found: Found, margin: int, shape: tuple[int, int]) -> Found:
    """Return what lies in the middle, of `shape`, of an image with `margin` pixels on each side."""
    boxes = found.boxes - margin
    inside = np.clip(boxes, 0, np.tile(shape, 2))
    ends = (inside - np.tile(boxes[:, :2], 2)).clip(0).tolist()
    crops = tuple(crop[y0:y1, x0:x1] for crop, (y0, x0, y1, x1) in zip(found.crops, ends, strict=True))
    cut = replace(found, shape=shape, locations=found.locations - margin, boxes=inside, crops=crops)
    return cut.select(np.flatnonzero(cut.areas()))


def mean_inside(dapi: Plane, cells: Found) -> Float[np.ndarray, " n"]:
    """Return the mean intensity of each cell."""
    windows = (dapi[y0:y1, x0:x1] for y0, x0, y1, x1 in cells.boxes.tolist())
    return np.array([window[crop >= INSIDE].mean() for window, crop in zip(windows, cells.crops, strict=True)])


def sure(found: Found) -> Found:
    """Return the nuclei that are sure enough to tell about others."""
    return found.select(np.flatnonzero(found.scores >= SURE))


def typical_diameter(found: Found) -> float:
    """Return the median diameter (pixels) of the sure nuclei, weighted by area and score; 0 without any.

    By area, since there may be more specks of debris than nuclei.
    """
    known = sure(found)
    if not len(known):
        return 0.0
    across = diameters(known)
    order = np.argsort(across)
    total = np.cumsum((known.scores * known.areas())[order])
    return float(across[order][np.searchsorted(total, total[-1] / 2)])


def without_debris(found: Found, smallest: float) -> Found:
    """Return nuclei without debris: those under this fraction of the typical diameter, where they are many.

    Debris comes in swarms, whereas a few small ones are micronuclei or far out of focus.
    """
    small = diameters(found) < smallest * typical_diameter(found)
    swarm = small.sum() > SWARM * (~small).sum()
    return found.select(np.flatnonzero(~small)) if swarm else found


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
    likely = found.select(np.flatnonzero(found.scores >= settings.least))
    nuclei = separate(without_debris(likely, settings.smallest))
    return nuclei.select(apart(nuclei.points, settings.min_distance))


def separate(found: Found) -> Nuclei:
    """Return nuclei as labels that do not overlap, each with its pixel that is nearest to its centroid.

    A pixel of two goes to the one that is surer of it; a nucleus that loses all of its pixels is left out.
    """
    from scipy import ndimage

    labels = cells_to_labels(found)
    points, kept = np.zeros((len(found), 2)), np.zeros(len(found), bool)
    for k, window in enumerate(ndimage.find_objects(labels, len(found))):
        if window is not None:
            pixels = np.argwhere(labels[window] == k + 1)
            nearest = ((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()
            points[k], kept[k] = pixels[nearest] + (window[0].start, window[1].start), True
    return Nuclei(points, found.scores, labels).select(kept)
