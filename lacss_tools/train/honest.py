"""What a score means: fitted on cells that were found beside true ones, so that it says how likely a cell is right."""

import numpy as np
from jaxtyping import Float

from lacss_tools.cells import Cells
from lacss_tools.metrics.matching import NOBODY, match
from lacss_tools.metrics.metrics import iou_matrix
from lacss_tools.metrics.tally import THRESHOLDS
from lacss_tools.network.scoring import Scoring, log_odds
from lacss_tools.predict.found import suppress
from lacss_tools.predict.settings import PredictSettings

RANKING = Scoring(power=3.0)
"""Of cells with one location score those with surer pixels have the better masks. Against power 1 it gives 0.00 to 0.01
more AP50, 0.00 to 0.02 more AP75 and mAP on all models tried (docs/lab-notebook/score.md); at 6 AP50 falls again."""
TYPICAL = np.array([2.0, 1.4])
"""slope and offset of a usual training: what is left without any cell, and a few cells move little"""
TRUST = np.array([3.0, 3.0])
"""in TYPICAL: the inverse variance of both among trainings"""
FLATTEST = 0.1
"""slope: a higher rank never has the lower score"""
STEPS = 25
"""of Newton's method, of at most 1 in each number; five suffice as a rule"""


def fitted(found: list[Cells], truth: list[Cells]) -> Scoring:
    """Return the scoring by which the cells `found` by RANKING are as likely right as they score.

    Right is a cell that finds a true one of its image (IoU 0.5). All that was found counts, which is what AP and
    reliability are of, and once more what `lacss predict` would write of it.
    """
    written = [suppress(cells, PredictSettings().max_overlap) for cells in found]
    pairs = [(cells, true) for cells, true in zip([*found, *written], [*truth, *truth], strict=True)]
    ranks = np.concatenate([np.zeros(0), *(cells.scores for cells, _ in pairs)])
    right = np.concatenate([np.zeros(0), *(hits(cells, true) for cells, true in pairs)])
    slope, offset = logistic(log_odds(ranks), right)
    return Scoring(RANKING.power, max(FLATTEST, slope), offset)


def hits(cells: Cells, truth: Cells) -> Float[np.ndarray, " n"]:
    """Return 1 for each cell that finds a true one, 0 for the others."""
    found: np.ndarray = match(iou_matrix(cells, truth), cells.scores, THRESHOLDS[0]) != NOBODY
    return found.astype(np.float64)


def logistic(x: Float[np.ndarray, " n"], right: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return slope a and offset b of the likeliest p = sigmoid(a x + b), with TYPICAL as what is known before."""
    terms, numbers = np.stack([x, np.ones(len(x))]), TYPICAL.copy()
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-numbers @ terms))
        gradient = terms @ (p - right) + TRUST * (numbers - TYPICAL)
        curvature = (terms * p * (1 - p)) @ terms.T + np.diag(TRUST)
        numbers -= np.clip(np.linalg.solve(curvature, gradient), -1, 1)
    return float(numbers[0]), float(numbers[1])
