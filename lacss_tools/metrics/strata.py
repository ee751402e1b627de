"""Where the errors are: by size of the cell, and by the score of the detection."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from lacss_tools.metrics.metrics import Matched, pooled_scores
from lacss_tools.metrics.tally import ratio

SIZES = 5
"""classes of area, with equally many true cells each"""
SCORE_BINS = 10
"""of equal width, from 0 to 1"""


@dataclass(frozen=True)
class SizeClass:
    """Cells of an area of `low` to under `high` pixels (the last class: to `high`), at IoU 0.5 and the score cut."""

    low: float
    high: float
    n_truth: int
    missed: int
    n_detections: int
    false: int
    fnr: float | None
    """missed true cells over true cells of this size"""
    fdr: float | None
    """false detections over detections of this size"""


def by_size(matched: list[Matched], cut: float, classes: int = SIZES) -> list[SizeClass]:
    """Return errors by area; the classes hold equally many true cells. Without true cells there are none."""
    true_areas = _join([m.both.true_areas for m in matched])
    if not len(true_areas):
        return []
    found = _join([_found(m, cut) for m in matched]) > 0
    kept = [m.detections.scores >= cut for m in matched]
    areas = _join([m.both.areas[k] for m, k in zip(matched, kept, strict=True)])
    right = _join([m.partners[0][k] >= 0 for m, k in zip(matched, kept, strict=True)]) > 0
    edges = np.unique(np.quantile(true_areas, np.linspace(0, 1, classes + 1), method="lower"))
    inner = edges[1:-1]
    ours, theirs = np.digitize(areas, inner), np.digitize(true_areas, inner)
    ends = edges if len(edges) > 1 else np.repeat(edges, 2)
    lines = []
    for k in range(len(ends) - 1):
        there, here = theirs == k, ours == k
        missed, false = int((there & ~found).sum()), int((here & ~right).sum())
        n, m = int(here.sum()), int(there.sum())
        lines.append(
            SizeClass(float(ends[k]), float(ends[k + 1]), m, missed, n, false, ratio(missed, m), ratio(false, n))
        )
    return lines


def _found(matched: Matched, cut: float) -> Bool[np.ndarray, " m"]:
    found = np.zeros(len(matched.truth), dtype=bool)
    partners = matched.partners[0][matched.detections.scores >= cut]
    found[partners[partners >= 0]] = True
    return found


@dataclass(frozen=True)
class Reliability:
    """Do scores tell how likely a detection is true (IoU 0.5)? Bins of equal width over the range of the scores."""

    score: list[float]
    """mean score of each bin that holds any"""
    true: list[float]
    """fraction of its detections that are true"""
    count: list[int]
    error: float | None
    """expected calibration error: mean |score - fraction| weighted by count"""


def reliability(matched: list[Matched], bins: int = SCORE_BINS) -> Reliability:
    """Return the reliability of the scores of all detections."""
    scores = pooled_scores(matched)
    true = _join([m.partners[0] >= 0 for m in matched])
    if not len(scores):
        return Reliability([], [], [], None)
    top = max(1.0, float(scores.max()))
    bottom = min(0.0, float(scores.min()))
    where = np.minimum(((scores - bottom) / (top - bottom) * bins).astype(int), bins - 1)
    used = np.unique(where)
    score = [float(scores[where == k].mean()) for k in used]
    fraction = [float(true[where == k].mean()) for k in used]
    count = [int((where == k).sum()) for k in used]
    error = float(np.average(np.abs(np.subtract(score, fraction)), weights=count))
    return Reliability(score, fraction, count, error)


def _join(parts: list[np.ndarray]) -> Float[np.ndarray, " n"]:
    return np.concatenate([np.zeros(0), *parts])
