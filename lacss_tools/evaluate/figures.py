"""Figures as PNG bytes: AP and FNR over IoU as in the paper's figure 3b, and learning curves."""

import io
from typing import Any

from lacss_tools.evaluate.metrics import THRESHOLDS, Evaluation

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


def learning_curve(rows: list[dict[str, Any]]) -> bytes:
    """Plot the training loss and, where there is one, the validation AP over minutes (rows of metrics.jsonl)."""
    figure, (left, right) = _figure(2)
    terms = [name for name in ("score", "offset", "labels", "weak", "aux") if any(name in row for row in rows)]
    for name in terms:
        known = [(row["seconds"] / 60, row[name]) for row in rows if name in row]
        left.plot(*zip(*known, strict=True), label=name, linewidth=1.2)
    left.set(xlabel="minutes", ylabel="loss", yscale="log")
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

    figure = Figure(figsize=(4.2 * columns, 3.2), layout="constrained")
    axes = figure.subplots(1, columns)
    for axis in axes:
        axis.set_prop_cycle(color=COLOURS)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#dddddd", linewidth=0.6)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
