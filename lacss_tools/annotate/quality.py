"""How good a candidate mask is, judged without truth: by its agreement with the LOIs."""

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Masks, Points

DISTANCE_PENALTY = 0.05
DOUBTFUL = 0.8
"""a choice with a score under this wants a look"""


def score_candidates(masks: Masks, points: Points) -> Float[np.ndarray, " n"]:
    """Return for each candidate (n, y, x) a score in 0..1, higher is better.

    The score is the harmonic mean of the share of LOIs that the mask covers and the share of the mask's area that
    lies in connected regions with a LOI, reduced by 5 % per step from the middle candidate: agreement is nearly the
    same for sensible thresholds, and of those the automatic centre is most often best. 0 without LOIs.
    """
    scores = np.array([_agreement(mask, points) for mask in masks])
    steps = np.abs(np.arange(len(masks)) - (len(masks) - 1) / 2)
    penalised: np.ndarray = scores * (1 - DISTANCE_PENALTY * steps)
    return penalised


def _agreement(mask: np.ndarray, points: Points) -> float:
    from scipy import ndimage

    if len(points) == 0 or not mask.any():
        return 0.0
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(mask.shape) - 1).T
    regions, count = ndimage.label(mask)
    area = np.bincount(regions.ravel(), minlength=count + 1)
    seen = np.unique(regions[y, x])
    covered = np.count_nonzero(mask[y, x]) / len(points)
    explained = area[seen[seen > 0]].sum() / area[1:].sum()
    return float(2 * covered * explained / max(covered + explained, 1e-9))


def choose(masks: Masks, points: Points) -> int:
    """Return the index, from 0, of the best candidate; the middle one of equals."""
    scores = score_candidates(masks, points)
    order = np.argsort(np.abs(np.arange(len(scores)) - (len(scores) - 1) / 2), kind="stable")
    return int(order[np.argmax(scores[order])])
