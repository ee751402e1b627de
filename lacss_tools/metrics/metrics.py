"""The whole comparison of detections with truth, on cells that may overlap. Arrays in, numbers out.

AP uses all detections, ranked by score; rates and counts use those at or above one score cut. What each number means
is said where it is made: `average_precision`, `tally`, `jaccard`, `boundary`, `locations`. Edge cases: without any
true cell AP is undefined and None; with true cells and no detections it is 0.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer

from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.metrics.average_precision import average_precision, best_score_cut, coco_ap
from lacss_tools.metrics.matching import NOBODY, match
from lacss_tools.metrics.overlap import Overlap, iou_matrix, overlap
from lacss_tools.metrics.tally import NOTHING, THRESHOLDS, Rates, Tally, mean, rates, tally

__all__ = [
    "NOBODY", "THRESHOLDS", "Evaluation", "ImageResult", "Matched", "average_precision", "best_score_cut", "compare",
    "evaluate", "evaluation_from_json", "iou_matrix", "match", "summarise",
]  # fmt: skip


@dataclass(frozen=True)
class Matched:
    """One image compared, before any score cut."""

    detections: Cells
    truth: Cells
    both: Overlap
    partners: list[Integer[np.ndarray, " n"]]
    """at each of THRESHOLDS, the true cell that each detection found or -1"""

    def counts(self, cut: float) -> Tally:
        """Count the detections with a score of at least `cut`."""
        # a cut drops the last of the greedy order, so it changes nobody's partner
        keep = np.flatnonzero(self.detections.scores >= cut)
        kept = [partner[keep] for partner in self.partners]
        return tally(self.detections.select(keep), self.truth, self.both.select(keep), kept)


@dataclass(frozen=True)
class ImageResult:
    """One image: counts and rates at IoU 0.5 and the score cut, and its own AP over all its detections."""

    n_truth: int
    n_detections: int
    tp: int
    fp: int
    fn: int
    ap50: float | None
    accuracy50: float | None = None
    precision50: float | None = None
    recall50: float | None = None
    f1_50: float | None = None
    sq50: float | None = None
    pq50: float | None = None
    seg: float | None = None
    aji_plus: float | None = None
    boundary_f: float | None = None
    count_error: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """All numbers of a comparison; lists run over the IoU thresholds 0.50, 0.55, ..., 0.95."""

    ap50: float | None
    ap75: float | None
    map: float | None
    ap: list[float | None]
    """AP of the paper, pooled"""
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
    ap50_coco: float | None
    ap75_coco: float | None
    map_coco: float | None
    ap_coco: list[float | None]
    rates: Rates
    accuracy50_images: float | None = None
    """TP / (TP + FP + FN) at IoU 0.5 as the mean of the images, which is what Cellpose and StarDist publish"""

    def as_json(self) -> dict[str, Any]:
        """Return a dictionary that JSON can hold: no nan, undefined values are null, rates beside the rest."""
        plain = asdict(self)
        named: dict[str, Any] = plain.pop("rates")
        return plain | named


def evaluation_from_json(stored: dict[str, Any]) -> Evaluation:
    """Return what `as_json` stored; further keys are ignored."""
    names = {field.name for field in fields(Evaluation)} - {"images", "rates"}
    return Evaluation(
        **{name: stored[name] for name in names if name in stored},
        images=[ImageResult(**line) for line in stored["images"]],
        rates=Rates(**{field.name: stored[field.name] for field in fields(Rates)}),
    )


def compare(detections: Cells, truth: Cells) -> Matched:
    """Match the cells of one image at every threshold; InputError when a score is nan or infinite."""
    if not np.isfinite(detections.scores).all():
        bad = int((~np.isfinite(detections.scores)).sum())
        raise InputError(f"{bad} detections have a score that is nan or infinite. Give a finite score to each.")
    both = overlap(detections, truth)
    iou = both.iou()
    return Matched(detections, truth, both, [match(iou, detections.scores, t) for t in THRESHOLDS])


def evaluate(pairs: list[tuple[Cells, Cells]], score_cut: float | None = None) -> Evaluation:
    """Compare (detections, truth) of each image; without `score_cut` the one that maximises F1 at IoU 0.5 is used."""
    matched = [compare(detections, truth) for detections, truth in pairs]
    return summarise(matched, choose_cut(matched) if score_cut is None else score_cut)


def choose_cut(matched: list[Matched]) -> float:
    """Return the score cut that maximises F1 at IoU 0.5 over all images."""
    return best_score_cut(pooled_hits(matched)[0], pooled_scores(matched), sum(len(m.truth) for m in matched))


def pooled_scores(matched: list[Matched]) -> Float[np.ndarray, " n"]:
    """Return the scores of all detections, image after image."""
    return np.concatenate([np.zeros(0), *(m.detections.scores for m in matched)])


def pooled_hits(matched: list[Matched]) -> Bool[np.ndarray, "10 n"]:
    """Return, at each threshold, which of all detections are true."""
    return np.array([np.concatenate([np.zeros(0, bool), *(m.partners[t] != NOBODY for m in matched)])
                     for t in range(len(THRESHOLDS))])  # fmt: skip


def summarise(matched: list[Matched], cut: float) -> Evaluation:
    """Pool images (all, or those of a group) at one score cut."""
    counts = [m.counts(cut) for m in matched]
    total = sum(counts, NOTHING)
    scores, hits = pooled_scores(matched), pooled_hits(matched)
    ap = [average_precision(true, scores, total.truth) for true in hits]
    coco = [coco_ap(true, scores, total.truth) for true in hits]
    pooled = rates(total)
    images = [_image_result(m, count) for m, count in zip(matched, counts, strict=True)]
    return Evaluation(
        ap50=ap[0],
        ap75=ap[5],
        map=mean(ap),
        ap=ap,
        fnr50=pooled.fnr[0],
        fnr=pooled.fnr,
        afnr=pooled.afnr,
        accuracy50=pooled.accuracy[0],
        n_images=len(matched),
        n_truth=total.truth,
        n_detections=total.detections,
        score_cut=cut,
        images=images,
        ap50_coco=coco[0],
        ap75_coco=coco[5],
        map_coco=mean(coco),
        ap_coco=coco,
        rates=pooled,
        accuracy50_images=mean([image.accuracy50 for image in images]),
    )


def _image_result(matched: Matched, counts: Tally) -> ImageResult:
    tp, own = int(counts.tp[0]), rates(counts)
    return ImageResult(
        n_truth=counts.truth,
        n_detections=counts.detections,
        tp=tp,
        fp=counts.detections - tp,
        fn=counts.truth - tp,
        ap50=average_precision(matched.partners[0] != NOBODY, matched.detections.scores, counts.truth),
        accuracy50=own.accuracy[0],
        precision50=own.precision[0],
        recall50=own.recall[0],
        f1_50=own.f1[0],
        sq50=own.sq[0],
        pq50=own.pq[0],
        seg=own.seg,
        aji_plus=own.aji_plus,
        boundary_f=own.boundary_f,
        count_error=own.count_error,
    )
