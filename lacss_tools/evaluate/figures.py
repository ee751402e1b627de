"""Figures as PNG bytes: AP and FNR over IoU as in the paper's figure 3b, and learning curves."""

import io
import itertools
from typing import Any

import numpy as np

from lacss_tools.metrics.average_precision import f1_by_cut, precision_recall
from lacss_tools.metrics.metrics import THRESHOLDS, Evaluation, Matched, pooled_hits, pooled_scores
from lacss_tools.metrics.strata import Reliability, SizeClass

BLUE, RED = "#0072b2", "#d55e00"
COLOURS = (
    BLUE,
    RED,
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)  # Okabe and Ito's, which colour-blind people tell apart


def ap_and_fnr(results: dict[str, Evaluation]) -> bytes:
    """Plot AP (left) and FNR (right) over the IoU threshold, one line per named result."""
    figure, axes = _figure(2)
    for name, result in results.items():
        for axis, values in zip(axes, (result.ap, result.fnr), strict=True):
            points = [(t, value) for t, value in zip(THRESHOLDS, values, strict=True) if value is not None]
            axis.plot(*zip(*points, strict=True) if points else ([], []), "o-", label=name, markersize=4)
    for axis, label in zip(axes, ("average precision (paper)", "false negative rate"), strict=True):
        axis.set(xlabel="IoU threshold", ylabel=label, ylim=(-0.02, 1.02), xlim=(0.48, 0.97))
    if len(results) > 1:
        axes[0].legend(frameon=False)
    return _png(figure)


def f1_and_pq(results: dict[str, Evaluation]) -> bytes:
    """Plot F1, accuracy and PQ at the score cut over the IoU threshold, one line per named result."""
    figure, axes = _figure(3)
    for name, result in results.items():
        lines = (result.rates.f1, result.rates.accuracy, result.rates.pq)
        for axis, values in zip(axes, lines, strict=True):
            points = [(t, value) for t, value in zip(THRESHOLDS, values, strict=True) if value is not None]
            axis.plot(*zip(*points, strict=True) if points else ([], []), "o-", label=name, markersize=4)
    for axis, label in zip(axes, ("F1", "accuracy TP / (TP + FP + FN)", "panoptic quality"), strict=True):
        axis.set(xlabel="IoU threshold", ylabel=label, ylim=(-0.02, 1.02), xlim=(0.48, 0.97))
    if len(results) > 1:
        axes[0].legend(frameon=False)
    return _png(figure)


def precision_recall_and_cut(matched: dict[str, list[Matched]], cuts: dict[str, float]) -> bytes:
    """Plot precision over recall (IoU 0.5 full, 0.75 dashed) and F1 over the score cut, the cut in use as a dot."""
    figure, (left, right) = _figure(2)
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
    return _png(figure)


def reliability_and_sizes(reliable: dict[str, Reliability], sizes: dict[str, list[SizeClass]]) -> bytes:
    """Plot the share of true detections over their score, and missed and false cells by size."""
    figure, (left, right) = _figure(2)
    left.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for name, line in reliable.items():
        left.plot(line.score, line.true, "o-", label=name, markersize=4)
    left.set(xlabel="score of the detection", ylabel="share that is true (IoU 0.5)", ylim=(-0.02, 1.02))
    for (name, classes), colour in zip(sizes.items(), itertools.cycle(COLOURS)):
        for values, style, what in (("fnr", "o-", "missed"), ("fdr", "s--", "false")):
            points = [(np.sqrt(c.low * c.high), getattr(c, values)) for c in classes if getattr(c, values) is not None]
            label = what if len(sizes) == 1 else f"{name}: {what}"
            right.plot(
                *zip(*points, strict=True) if points else ([], []), style, color=colour, label=label, markersize=4
            )
    right.set(xlabel="area of the cell (pixels)", ylabel="share at IoU 0.5", ylim=(-0.02, 1.02))
    if any(sizes.values()):
        right.set_xscale("log")
        _plain_ticks(right.xaxis)
        right.legend(frameon=False, fontsize=8)
    return _png(figure)


def learning_curve(rows: list[dict[str, Any]]) -> bytes:
    """Plot the training loss and, where there is one, the validation AP over minutes (rows of metrics.jsonl)."""
    figure, (left, right) = _figure(2)
    terms = [name for name in ("score", "offset", "labels", "weak", "aux") if any(name in row for row in rows)]
    for name in terms:
        known = [(row["seconds"] / 60, row[name]) for row in rows if name in row]
        left.plot(*zip(*known, strict=True), label=name, linewidth=1.2)
    left.set(xlabel="minutes", ylabel="loss", yscale="log")
    if terms:
        left.legend(frameon=False, fontsize=8)
    for name, label, colour in (("val_ap50", "AP50", BLUE), ("val_map", "mAP", RED)):
        known = [(row["seconds"] / 60, row[name]) for row in rows if name in row]
        if known:
            right.plot(*zip(*known, strict=True), "o-", color=colour, label=label, markersize=4)
    right.set(xlabel="minutes", ylabel="validation", ylim=(0, 1))
    if right.lines:
        right.legend(frameon=False)
    return _png(figure)


def _figure(columns: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * columns, 3.2))
    # a fixed layout: matplotlib's own takes as long as the drawing
    inch = 1 / (4.2 * columns)
    figure.subplots_adjust(left=0.65 * inch, right=1 - 0.1 * inch, bottom=0.17, top=0.97, wspace=0.25)
    axes = figure.subplots(1, columns)
    for axis in axes:
        axis.set_prop_cycle(color=COLOURS)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#dddddd", linewidth=0.6)
    return figure, axes


def _plain_ticks(axis: Any) -> None:
    """Write 100 200 500 1000 on a logarithmic axis, where powers of ten would run into each other."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
