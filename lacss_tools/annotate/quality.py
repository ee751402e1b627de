"""How good a candidate mask is, judged without truth: by its agreement with the LOIs."""

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Masks, Points


def score_candidates(masks: Masks, points: Points) -> Float[np.ndarray, " n"]:
    """Return for each candidate a score in 0..1, higher is better.

    The score is the harmonic mean of the share of LOIs that the mask covers and the share of the mask's area that
    lies in connected regions with a LOI; 0 for an empty mask or without LOIs.
    """
    from scipy import ndimage

    scores = np.zeros(len(masks))
    if len(points) == 0:
        return scores
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(masks.shape[1:]) - 1).T
    for k, mask in enumerate(masks):
        regions, count = ndimage.label(mask)
        area = np.bincount(regions.ravel(), minlength=count + 1)
        seen = np.unique(regions[y, x])
        covered = np.count_nonzero(mask[y, x]) / len(points)
        explained = area[seen[seen > 0]].sum() / max(area[1:].sum(), 1)
        scores[k] = 2 * covered * explained / max(covered + explained, 1e-9)
    return scores


def choose(masks: Masks, points: Points) -> int:
    """Return the index, from 0, of the candidate to pick; the tightest of equals."""
    scores = score_candidates(masks, points)
    return int(len(scores) - 1 - np.argmax(scores[::-1]))
