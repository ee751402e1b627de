"""How far the numbers could be off because these images were taken and not others."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Integer

from lacss_tools.metrics.average_precision import ranked_ap
from lacss_tools.metrics.metrics import Matched, pooled_hits, pooled_scores
from lacss_tools.metrics.tally import THRESHOLDS, mean, ratio

REPEATS = 500
"""times that images are drawn"""
LEVEL = 0.95
"""of the intervals"""

Draw = Integer[np.ndarray, " image"]
"""how often each image was drawn"""


def draws(images: int, repeats: int = REPEATS, seed: int = 0) -> Iterator[Draw]:
    """Draw as many images as there are, with replacement, `repeats` times."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield np.bincount(rng.integers(0, images, images), minlength=images)


def intervals(
    matched: list[Matched], cut: float, repeats: int = REPEATS, seed: int = 0
) -> dict[str, list[float] | None]:
    """Return the central 95 % of AP50, AP75, mAP, accuracy, F1 and FNR (at IoU 0.5) over redrawn images.

    The percentile bootstrap (Efron 1979) with images as units: cells of one image are alike and must be drawn together.
    None for fewer than two images, and where a number is undefined in more than half of the draws.
    """
    numbers = _numbers(matched, cut)
    if len(matched) < 2:
        return dict.fromkeys(numbers(np.ones(len(matched), dtype=np.int64)))
    rows = [numbers(draw) for draw in draws(len(matched), repeats, seed)]
    return {name: _central([row[name] for row in rows]) for name in rows[0]}


def _central(values: list[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    if 2 * len(known) <= len(values):
        return None
    tail = 50 * (1 - LEVEL)
    return [float(value) for value in np.percentile(known, [tail, 100 - tail])]


def _numbers(matched: list[Matched], cut: float) -> Callable[[Draw], dict[str, float | None]]:
    """Return a function from a draw to its numbers; everything that draws share is computed once."""
    scores, hits = pooled_scores(matched), pooled_hits(matched)
    order = np.argsort(-scores, kind="stable")
    image = np.repeat(np.arange(len(matched)), [len(m.detections) for m in matched])[order]
    ranked = hits[:, order]
    truth = np.array([len(m.truth) for m in matched], dtype=np.int64)
    kept = [m.detections.scores >= cut for m in matched]
    found = np.array([np.count_nonzero(k) for k in kept], dtype=np.int64)
    tp = np.array([np.count_nonzero((m.partners[0] >= 0) & k) for m, k in zip(matched, kept, strict=True)], np.int64)

    def numbers(draw: Draw) -> dict[str, float | None]:
        count, again = int(truth @ draw), draw[image]
        ap = [ranked_ap(np.repeat(line, again), count) for line in ranked]
        n, right = int(found @ draw), int(tp @ draw)
        return {
            "ap50": ap[0],
            "ap75": ap[THRESHOLDS.index(0.75)],
            "map": mean(ap),
            "accuracy50": ratio(right, n + count - right),
            "f1_50": ratio(2 * right, n + count),
            "fnr50": 1 - right / count if count else None,
        }

    return numbers
