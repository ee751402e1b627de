"""Figures as PNG bytes: AP and FNR over IoU as in the paper's figure 3b, precision over recall, reliability."""

import itertools

import numpy as np

from lacss_tools.metrics.average_precision import f1_by_cut, precision_recall
from lacss_tools.metrics.metrics import THRESHOLDS, Evaluation, Matched, pooled_hits, pooled_scores
from lacss_tools.metrics.strata import Reliability, SizeClass
from lacss_tools.screen.plots import COLOURS, panels, plain_ticks, png


def ap_and_fnr(results: dict[str, Evaluation]) -> bytes:
    """Plot AP (left) and FNR (right) over the IoU threshold, one line per named result."""
    figure, axes = panels(2)
    for name, result in results.items():
        for axis, values in zip(axes, (result.ap, result.fnr), strict=True):
            points = [(t, value) for t, value in zip(THRESHOLDS, values, strict=True) if value is not None]
            axis.plot(*zip(*points, strict=True) if points else ([], []), "o-", label=name, markersize=4)
    for axis, label in zip(axes, ("average precision (paper)", "false negative rate"), strict=True):
        axis.set(xlabel="IoU threshold", ylabel=label, ylim=(-0.02, 1.02), xlim=(0.48, 0.97))
    if len(results) > 1:
        axes[0].legend(frameon=False)
    return png(figure)


def f1_and_pq(results: dict[str, Evaluation]) -> bytes:
    """Plot F1, accuracy and PQ at the score cut over the IoU threshold, one line per named result."""
    figure, axes = panels(3)
    for name, result in results.items():
        lines = (result.rates.f1, result.rates.accuracy, result.rates.pq)
        for axis, values in zip(axes, lines, strict=True):
            points = [(t, value) for t, value in zip(THRESHOLDS, values, strict=True) if value is not None]
            axis.plot(*zip(*points, strict=True) if points else ([], []), "o-", label=name, markersize=4)
    for axis, label in zip(axes, ("F1", "accuracy TP / (TP + FP + FN)", "panoptic quality"), strict=True):
        axis.set(xlabel="IoU threshold", ylabel=label, ylim=(-0.02, 1.02), xlim=(0.48, 0.97))
    if len(results) > 1:
        axes[0].legend(frameon=False)
    return png(figure)


def precision_recall_and_cut(matched: dict[str, list[Matched]], cuts: dict[str, float]) -> bytes:
    """Plot precision over recall (IoU 0.5 full, 0.75 dashed) and F1 over the score cut, the cut in use as a dot."""
    figure, (left, right) = panels(2)
    for (name, images), colour in zip(matched.items(), itertools.cycle(COLOURS)):
        scores, hits = pooled_scores(images), pooled_hits(images)
        count = sum(len(image.truth) for image in images)
        if not len(scores) or not count:
            continue
        for k, style in ((0, "-"), (THRESHOLDS.index(0.75), "--")):
            recall, precision = precision_recall(hits[k], scores, count)
            left.step(recall, precision, style, color=colour, label=name if k == 0 else None, where="post")
        values, f1 = f1_by_cut(hits[0], scores, count)
        right.plot(values, f1, color=colour)
        at = int(np.argmin(np.abs(values - cuts[name])))
        right.plot(values[at], f1[at], "o", color=colour)
    left.set(xlabel="recall", ylabel="precision", ylim=(-0.02, 1.02), xlim=(-0.02, 1.02))
    right.set(xlabel="score cut", ylabel="F1 at IoU 0.5", ylim=(-0.02, 1.02))
    if len(matched) > 1 and left.lines:
        left.legend(frameon=False)
    return png(figure)


def reliability_and_sizes(reliable: dict[str, Reliability], sizes: dict[str, list[SizeClass]]) -> bytes:
    """Plot the fraction of true detections over their score, and missed and false cells by size."""
    figure, (left, right) = panels(2)
    left.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for name, line in reliable.items():
        left.plot(line.score, line.true, "o-", label=name, markersize=4)
    left.set(xlabel="score of the detection", ylabel="fraction that is true (IoU 0.5)", ylim=(-0.02, 1.02))
    for (name, classes), colour in zip(sizes.items(), itertools.cycle(COLOURS)):
        for values, style, what in (("fnr", "o-", "missed"), ("fdr", "s--", "false")):
            points = [(np.sqrt(c.low * c.high), getattr(c, values)) for c in classes if getattr(c, values) is not None]
            label = what if len(sizes) == 1 else f"{name}: {what}"
            right.plot(
                *zip(*points, strict=True) if points else ([], []), style, color=colour, label=label, markersize=4
            )
    right.set(xlabel="area of the cell (pixels)", ylabel="fraction at IoU 0.5", ylim=(-0.02, 1.02))
    if any(sizes.values()):
        right.set_xscale("log")
        plain_ticks(right.xaxis)
        right.legend(frameon=False, fontsize=8)
    return png(figure)
