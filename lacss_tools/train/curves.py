"""The learning curve of a run: every loss term that it logged, and validation AP, over minutes."""

from typing import Any

from lacss_tools.screen.plots import BLUE, RED, panels, png
from lacss_tools.train.history import Row


def learning_curve(rows: list[Row]) -> bytes:
    """Return `draw_curve` as PNG."""
    return png(draw_curve(rows))


def draw_curve(rows: list[Row]) -> Any:
    """Plot all loss terms (left) and, where there is one, the validation AP (right) over minutes."""
    figure, (left, right) = panels(2)
    for name in dict.fromkeys(name for row in rows for name in row.losses):
        known = [(row.seconds / 60, row.losses[name]) for row in rows if name in row.losses]
        left.plot(*zip(*known, strict=True), label=name, linewidth=1.2)
    left.set(xlabel="minutes", ylabel="loss", yscale="log")
    if left.lines:
        left.legend(frameon=False, fontsize=8)
    validated = [(row.seconds / 60, row.validation) for row in rows if row.validation]
    if validated:
        minutes = [when for when, _ in validated]
        right.plot(minutes, [scores.ap50 for _, scores in validated], "o-", color=BLUE, label="AP50", markersize=4)
        right.plot(minutes, [scores.map for _, scores in validated], "o-", color=RED, label="mAP", markersize=4)
        right.legend(frameon=False)
    right.set(xlabel="minutes", ylabel="validation", ylim=(0, 1))
    return figure
