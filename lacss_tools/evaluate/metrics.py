"""The metrics of the paper, on cells that may overlap. Arrays in, numbers out.

AP (paper): the detections of all images are pooled and sorted by score; AP = (1/C) sum_k T(k) P(k) with C the number of
true cells, T(k) = 1 when the k-th detection is true, P(k) the precision among the first k. No interpolation, no cap.
It is not the "average precision" TP / (TP + FP + FN) of other tools, which is `accuracy` here.

Edge cases: without any true cell AP, FNR and their means are undefined and None; accuracy is None when there are no
detections either. With true cells and no detections AP is 0 and FNR 1. Detections of equal score keep their order.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.sparse import csr_array

from lacss_tools.cells import Cells

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
NOBODY = -1


@dataclass(frozen=True)
class ImageResult:
    """Counts of one image at IoU 0.5 and the score cut, and its own AP over all its detections."""

    n_truth: int
    n_detections: int
    tp: int
    fp: int
    fn: int
    ap50: float | None


@dataclass(frozen=True)
class Evaluation:
    """All numbers of a comparison; lists run over the IoU thresholds 0.50, 0.55, ..., 0.95."""

    ap50: float | None
    ap75: float | None
    map: float | None
    ap: list[float | None]
    fnr50: float | None
    fnr: list[float | None]
    afnr: float | None
    accuracy50: float | None
    n_images: int
    n_truth: int
    n_detections: int
    """detections at or above the score cut"""
    score_cut: float
    images: list[ImageResult]

    def as_json(self) -> dict[str, Any]:
        """Return a dictionary that JSON can hold: no nan, undefined values are null."""
        return asdict(self)


def iou_matrix(detections: Cells, truth: Cells) -> csr_array:
    """Return the intersection over union of the masks, sparse (detection, true cell): pairs that share no pixel are 0.

    Only cells whose boxes meet are compared, so time and memory grow with the cells, not with their square.
    """
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    areas, true_areas = detections.areas(), truth.areas()
    true_masks = [truth.mask(j) for j in range(len(truth))]
    for i in range(len(detections)):
        mask, (y0, x0, y1, x1) = detections.mask(i), detections.boxes[i]
        b = truth.boxes
        for j in np.flatnonzero((b[:, 0] < y1) & (b[:, 2] > y0) & (b[:, 1] < x1) & (b[:, 3] > x0)):
            top, left = max(y0, b[j, 0]), max(x0, b[j, 1])
            bottom, right = min(y1, b[j, 2]), min(x1, b[j, 3])
            ours = mask[top - y0 : bottom - y0, left - x0 : right - x0]
            theirs = true_masks[j][top - b[j, 0] : bottom - b[j, 0], left - b[j, 1] : right - b[j, 1]]
            if shared := np.count_nonzero(ours & theirs):
                rows.append(i)
                columns.append(int(j))
                values.append(shared / (areas[i] + true_areas[j] - shared))
    return csr_array((np.array(values, dtype=float), (rows, columns)), shape=(len(detections), len(truth)))


def match(iou: csr_array, scores: Float[np.ndarray, " n"], threshold: float) -> Integer[np.ndarray, " n"]:
    """Return the index of the true cell that each detection found, or -1 for a false detection.

    By falling score (equal scores in their order) each takes its best free true cell with IoU >= threshold > 0; every
    true cell is taken once.
    """
    partners = np.full(len(scores), NOBODY, dtype=np.int64)
    free = np.ones(iou.shape[1], dtype=bool)
    for k in np.argsort(-scores, kind="stable"):
        row = slice(iou.indptr[k], iou.indptr[k + 1])
        columns, values = iou.indices[row], iou.data[row]
        possible = (values >= threshold) & free[columns]
        if possible.any():
            partners[k] = columns[possible][np.argmax(values[possible])]
            free[partners[k]] = False
    return partners


def average_precision(true: Bool[np.ndarray, " n"], scores: Float[np.ndarray, " n"], count: int) -> float | None:
    """Return the paper's AP of pooled detections against `count` true cells; None when there are none."""
    if count == 0:
        return None
    hits = true[np.argsort(-scores, kind="stable")].astype(float)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((hits * precision).sum() / count)


def best_score_cut(true: Bool[np.ndarray, " n"], scores: Float[np.ndarray, " n"], count: int) -> float:
    """Return the score at or above which detections are kept so that F1 at IoU 0.5 is highest; 0 without detections."""
    if not len(scores) or count == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits, kept = np.cumsum(true[order]), np.arange(1, len(order) + 1)
    f1 = 2 * hits / (kept + count)
    last_of_equals = np.append(scores[order][1:] < scores[order][:-1], True)
    return float(scores[order][np.argmax(np.where(last_of_equals, f1, -1))])


def evaluate(pairs: list[tuple[Cells, Cells]], score_cut: float | None = None) -> Evaluation:
    """Compare (detections, truth) of each image; without `score_cut` the one that maximises F1 at IoU 0.5 is used.

    AP uses all detections; FNR, accuracy and the counts those at or above the score cut.
    """
    matrices = [iou_matrix(detections, truth) for detections, truth in pairs]
    scores = _join([detections.scores for detections, _ in pairs])
    count = sum(len(truth) for _, truth in pairs)
    per_image = [
        [match(iou, d.scores, t) != NOBODY for iou, (d, _) in zip(matrices, pairs, strict=True)] for t in THRESHOLDS
    ]
    true = [_join(parts).astype(bool) for parts in per_image]
    cut = best_score_cut(true[0], scores, count) if score_cut is None else score_cut
    kept = scores >= cut
    ap = [average_precision(hits, scores, count) for hits in true]
    fnr = [1 - float((hits & kept).sum()) / count if count else None for hits in true]
    tp, everything = int((true[0] & kept).sum()), int(kept.sum()) + count
    return Evaluation(
        ap50=ap[0],
        ap75=ap[5],
        map=_mean(ap),
        ap=ap,
        fnr50=fnr[0],
        fnr=fnr,
        afnr=_mean(fnr),
        accuracy50=tp / (everything - tp) if everything else None,
        n_images=len(pairs),
        n_truth=count,
        n_detections=int(kept.sum()),
        score_cut=cut,
        images=[_image_result(d, t, hits, cut) for (d, t), hits in zip(pairs, per_image[0], strict=True)],
    )


def _image_result(detections: Cells, truth: Cells, hits: Bool[np.ndarray, " n"], cut: float) -> ImageResult:
    # a cut drops the last of the greedy order, so it changes nobody's partner
    kept = detections.scores >= cut
    tp, found = int((hits & kept).sum()), int(kept.sum())
    ap50 = average_precision(hits, detections.scores, len(truth))
    return ImageResult(len(truth), found, tp, found - tp, len(truth) - tp, ap50)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
