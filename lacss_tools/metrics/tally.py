"""Counts of a comparison that add over images, and the rates that follow from them.

The same function turns the tally of one image, of a group and of everything into rates: pooled numbers are made of
summed counts, never of averaged rates.

Edge cases: a rate whose denominator is 0 is None. So without true cells recall, FNR and SEG are None; without
detections precision is None; SQ is None when nothing was found; with neither truth nor detections everything is None
(an empty image found empty counts for nothing, neither as success nor as failure). With one of the two, accuracy, F1,
PQ, AJI+ and the boundary F-score are 0.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Integer

from lacss_tools.cells import Cells
from lacss_tools.metrics.boundary import border_counts
from lacss_tools.metrics.jaccard import aji_areas, seg_sum
from lacss_tools.metrics.locations import DISTANCES, close_pairs
from lacss_tools.metrics.matching import NOBODY
from lacss_tools.metrics.overlap import Overlap, rows_of

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
"""IoU from which a detection is right"""


@dataclass(frozen=True)
class Tally:
    """Sums over the detections at or above a score cut, and over the true cells, of any number of images."""

    truth: int
    detections: int
    tp: Integer[np.ndarray, "10"]
    """true positives at each IoU threshold"""
    iou: Float[np.ndarray, "10"]
    """their IoU, summed"""
    gap: int
    """|detections - true cells| of each image, summed"""
    seg: float
    common: int
    covered: int
    """AJI+ is common over covered"""
    border: Integer[np.ndarray, "4"]
    close: Integer[np.ndarray, "5"]
    """pairs of LOI and true centroid within each of DISTANCES"""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


NOTHING = Tally(0, 0, np.zeros(10, int), np.zeros(10), 0, 0.0, 0, 0, np.zeros(4, int), np.zeros(len(DISTANCES), int))


def tally(
    detections: Cells,
    truth: Cells,
    both: Overlap,
    partners: list[Integer[np.ndarray, " n"]],
) -> Tally:
    """Count one image; `partners` holds what `match` found at each of THRESHOLDS."""
    iou, rows = both.iou(), rows_of(both.shared)
    common, covered = aji_areas(both)
    sums = [iou.data[partner[rows] == iou.indices].sum() for partner in partners]
    return Tally(
        truth=len(truth),
        detections=len(detections),
        tp=np.array([np.count_nonzero(partner != NOBODY) for partner in partners]),
        iou=np.array(sums, dtype=np.float64),
        gap=abs(len(detections) - len(truth)),
        seg=seg_sum(both),
        common=common,
        covered=covered,
        border=border_counts(detections, truth),
        close=np.array([close_pairs(detections.locations, truth.locations, d) for d in DISTANCES]),
    )


@dataclass(frozen=True)
class Rates:
    """What the counts mean; lists run over THRESHOLDS (`loi_*`: over DISTANCES), None is undefined."""

    accuracy: list[float | None]
    """TP / (TP + FP + FN): the "average precision" of Cellpose and Kaggle, StarDist's accuracy"""
    precision: list[float | None]
    recall: list[float | None]
    f1: list[float | None]
    """2 TP / (2 TP + FP + FN); also RQ, the recognition quality of PQ"""
    sq: list[float | None]
    """segmentation quality: mean IoU of the true positives"""
    pq: list[float | None]
    """panoptic quality (Kirillov et al. 2019): SQ x RQ"""
    fnr: list[float | None]
    afnr: float | None
    """mean FNR over the thresholds"""
    seg: float | None
    aji_plus: float | None
    boundary_f: float | None
    count_error: float | None
    """|detections - true cells| of each image, summed, over the number of true cells"""
    loi_precision: list[float | None]
    loi_recall: list[float | None]


def rates(counts: Tally) -> Rates:
    """Return the rates of one tally, whether of one image or of many."""
    n, m, tp = counts.detections, counts.truth, counts.tp.tolist()
    near, ours, found, theirs = counts.border.tolist()
    recall = [ratio(hits, m) for hits in tp]
    fnr = [None if value is None else 1 - value for value in recall]
    return Rates(
        accuracy=[ratio(hits, n + m - hits) for hits in tp],
        precision=[ratio(hits, n) for hits in tp],
        recall=recall,
        f1=[ratio(2 * hits, n + m) for hits in tp],
        sq=[ratio(iou, hits) for iou, hits in zip(counts.iou.tolist(), tp, strict=True)],
        pq=[ratio(2 * iou, n + m) for iou in counts.iou.tolist()],
        fnr=fnr,
        afnr=mean(fnr),
        seg=ratio(counts.seg, m),
        aji_plus=ratio(counts.common, counts.covered),
        boundary_f=_harmonic(ratio(near, ours), ratio(found, theirs)),
        count_error=ratio(counts.gap, m),
        loi_precision=[ratio(hits, n) for hits in counts.close.tolist()],
        loi_recall=[ratio(hits, m) for hits in counts.close.tolist()],
    )


def ratio(part: int | float, whole: int | float) -> float | None:
    """Return part / whole, None when there is no whole."""
    return part / whole if whole else None


def mean(values: list[float | None]) -> float | None:
    """Return the mean of the defined values, None when there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _harmonic(precision: float | None, recall: float | None) -> float | None:
    if precision is None and recall is None:
        return None
    # one side without any border: nothing of the other can be near it
    both = (precision or 0.0) * (recall or 0.0)
    return 2 * both / ((precision or 0.0) + (recall or 0.0)) if both else 0.0
