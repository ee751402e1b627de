"""AP in its two meanings, the precision-recall curve, and the score cut.

AP (paper): the detections of all images are pooled and sorted by score; AP = (1/C) sum_k T(k) P(k) with C the number of
true cells, T(k) = 1 when the k-th detection is true, P(k) the precision among the first k. No interpolation, no cap.
AP (COCO): the precision at recall r is the highest at any recall >= r; the mean of it at r = 0, 0.01, ..., 1. No cap on
the number of detections either (COCO's own is 100).
Neither is the "average precision" TP / (TP + FP + FN) of other tools, which is called accuracy here.

Without any true cell both are undefined: None. Detections of equal score keep their order.
"""

import numpy as np
from jaxtyping import Bool, Float

Hits = Bool[np.ndarray, " n"]
"""whether each detection is true"""
Scores = Float[np.ndarray, " n"]

RECALLS = np.linspace(0, 1, 101)


def average_precision(true: Hits, scores: Scores, count: int) -> float | None:
    """Return the paper's AP of pooled detections against `count` true cells; None when there are none."""
    return ranked_ap(true[np.argsort(-scores, kind="stable")], count)


def ranked_ap(hits: Hits, count: int) -> float | None:
    """Return the paper's AP of detections that are sorted already, best first."""
    if count == 0:
        return None
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / count)


def coco_ap(true: Hits, scores: Scores, count: int) -> float | None:
    """Return COCO's AP, sampled at 101 recalls, of pooled detections against `count` true cells."""
    if count == 0:
        return None
    recall, precision = precision_recall(true, scores, count)
    if not len(recall):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.append(envelope, 0.0)[at].mean())


def precision_recall(true: Hits, scores: Scores, count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return recall and precision among the k best detections, k = 1..n; recall is 0 without true cells."""
    hits = np.cumsum(true[np.argsort(-scores, kind="stable")])
    return hits / max(count, 1), hits / np.arange(1, len(hits) + 1)


def f1_by_cut(true: Hits, scores: Scores, count: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Return the distinct scores, falling, and F1 = 2 TP / (detections + true cells) when each of them is the cut."""
    order = np.argsort(-scores, kind="stable")
    hits, kept = np.cumsum(true[order]), np.arange(1, len(order) + 1)
    last_of_equals = np.append(scores[order][1:] < scores[order][:-1], np.ones(min(len(order), 1), bool)).astype(bool)
    return scores[order][last_of_equals], (2 * hits / (kept + count))[last_of_equals]


def best_score_cut(true: Hits, scores: Scores, count: int) -> float:
    """Return the score at or above which detections are kept so that F1 is highest; 0 without detections or truth."""
    if not len(scores) or count == 0:
        return 0.0
    cuts, f1 = f1_by_cut(true, scores, count)
    return float(cuts[np.argmax(f1)])
