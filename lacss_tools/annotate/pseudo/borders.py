"""What parts neighbouring cells in these images, judged by the intensity between LOIs that are neighbours."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from lacss_tools.annotate.pseudo.names import AUTO, BRIGHT, DARK, DISTANCE
from lacss_tools.arrays import Mask, Plane, Points

NEAREST, FARTHEST = 10.0, 60.0
"""working pixels between the LOIs of neighbours: closer ones may be two points of one nucleus, and between those more
than two typical cells apart lies a third cell"""
SAMPLES = 41
"""points on the line between two LOIs"""
MIDDLE, FLANKS = slice(14, 27), (slice(8, 16), slice(25, 33))
"""where on it the border is looked for, and where the cells beside it: beyond lie the nuclei, which may be dark"""
SIGMA = 1.5
"""smoothing, working pixels"""
CLEARLY = 0.2
"""from this contrast on borders are called darker or brighter. Measured: -0.50 on fluorescent neurons whose borders are
dark, -0.40 with points and areas from DAPI and graph cut; -0.06 to 0.44 on phase contrast and membrane stains"""
FEWEST = 12
"""pairs of neighbours; fewer say nothing"""


@dataclass(frozen=True)
class Evidence:
    """How far borders stand out, summed over pairs of neighbours; intensities as the network sees them."""

    darker: float = 0.0
    """by how much the darkest point in the middle is below both cells"""
    brighter: float = 0.0
    """by how much the brightest point in the middle is above both cells"""
    pairs: int = 0

    @property
    def contrast(self) -> float:
        """From -1, all borders are dark valleys, to 1, all are bright ridges."""
        total = self.brighter + self.darker
        return (self.brighter - self.darker) / total if total > 0 else 0.0


def measure(image: Plane, mask: Mask, lois: Points) -> Evidence:
    """Return the evidence of one image (normalised, at the working scale): pairs whose connection lies in the mask."""
    from scipy import ndimage

    lines = _lines(lois, neighbours(lois))
    lines = lines[ndimage.map_coordinates(mask.astype(np.float32), lines.transpose(2, 0, 1), order=0).all(axis=1)]
    if not len(lines):
        return Evidence()
    smooth = ndimage.gaussian_filter(image, SIGMA)
    profile = ndimage.map_coordinates(smooth, lines.transpose(2, 0, 1), order=1, mode="nearest")
    middle, (first, second) = profile[:, MIDDLE], (profile[:, flank] for flank in FLANKS)
    darker = np.minimum(first.max(axis=1), second.max(axis=1)) - middle.min(axis=1)
    brighter = middle.max(axis=1) - np.maximum(first.min(axis=1), second.min(axis=1))
    return Evidence(float(np.clip(darker, 0, None).sum()), float(np.clip(brighter, 0, None).sum()), len(lines))


def neighbours(lois: Points) -> Int64[np.ndarray, "pair 2"]:
    """Return pairs of LOIs such that no other LOI is nearer to the middle between them.

    >>> neighbours(np.array([[0.0, 0.0], [0.0, 20.0], [0.0, 40.0]])).tolist()
    [[0, 1], [1, 2]]
    """
    from scipy.spatial import KDTree

    if len(lois) < 2:
        return np.zeros((0, 2), np.int64)
    tree = KDTree(lois)
    pairs = tree.query_pairs(FARTHEST, output_type="ndarray").astype(np.int64)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    ends = lois[pairs]
    length = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    nearest, _ = tree.query(ends.mean(axis=1))
    chosen: np.ndarray = pairs[(length >= NEAREST) & (nearest >= length / 2 - 1e-6)]
    return chosen


def _lines(lois: Points, pairs: Int64[np.ndarray, "pair 2"]) -> Float[np.ndarray, "pair sample 2"]:
    part = np.linspace(0, 1, SAMPLES)[:, None]
    out: np.ndarray = lois[pairs[:, 0], None] * (1 - part) + lois[pairs[:, 1], None] * part
    return out


def pool(measured: Iterable[Evidence]) -> Evidence:
    """Return the evidence of a data set: each pair of neighbours counts once."""
    parts = list(measured)
    return Evidence(
        sum(part.darker for part in parts), sum(part.brighter for part in parts), sum(part.pairs for part in parts)
    )


def choose(evidence: Evidence) -> str:
    """Return DARK or BRIGHT.

    What is not clear counts as bright, where cells end at the nearest LOI's as long as no ridge is in the way: right
    for flat cells, and nothing is lost on weak membranes. Too few neighbours count as dark: little depends on it.
    """
    return DARK if evidence.pairs < FEWEST or evidence.contrast <= -CLEARLY else BRIGHT


def describe(evidence: Evidence, asked: str = AUTO) -> str:
    """Return a sentence for people: what was found, and what follows."""
    if evidence.pairs < FEWEST:
        found = "too few cells touch to tell whether borders are bright or dark"
    elif evidence.contrast <= -CLEARLY:
        found = "borders are darker than cells"
    elif evidence.contrast >= CLEARLY:
        found = "borders are brighter than cells: membrane-like"
    else:
        found = "borders are neither clearly brighter nor darker than cells"
    measured = f" (contrast {evidence.contrast:+.2f} over {evidence.pairs} pairs of neighbours)"
    return f"{found}{measured}; {FOLLOWS[choose(evidence) if asked == AUTO else asked]}"


FOLLOWS = {
    DARK: "pseudo-labels meet in dark valleys",
    BRIGHT: "pseudo-labels meet on bright ridges, or half-way where there is none",
    DISTANCE: "pseudo-labels meet half-way between LOIs, whatever the intensity",
}
