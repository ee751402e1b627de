"""Scores that weigh how well the areas agree: SEG and AJI+."""

import numpy as np

from lacss_tools.metrics.matching import best_pairs
from lacss_tools.metrics.overlap import Overlap, rows_of


def seg_sum(both: Overlap) -> float:
    """Return the sum over true cells of SEG, the measure of the Cell Tracking Challenge (Maska et al. 2014).

    A true cell R counts |R and S| / |R or S| for the detection S that covers more than half of R, and 0 when none
    does; of overlapping detections the best counts. SEG is this sum over the number of true cells.
    """
    best = np.zeros(len(both.true_areas))
    iou = both.iou()
    covers = 2 * both.shared.data > both.true_areas[iou.indices]
    np.maximum.at(best, iou.indices[covers], iou.data[covers])
    return float(best.sum())


def aji_areas(both: Overlap) -> tuple[int, int]:
    """Return numerator and denominator of AJI+ (Graham et al. 2019) in pixels; they add over images.

    Detections and true cells are paired one to one for the highest sum of IoU. AJI+ is the sum of the intersections of
    the pairs over the sum of their unions and of the areas of all cells without partner.
    """
    partners = best_pairs(both.iou())
    shared = both.shared
    rows = rows_of(shared)
    common = int(shared.data[partners[rows] == shared.indices].sum())
    return common, int(both.areas.sum() + both.true_areas.sum()) - common
