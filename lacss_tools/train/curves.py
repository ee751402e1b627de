"""The learning curve of a run: loss terms and validation AP over minutes."""

from typing import Any

from lacss_tools.screen.plots import BLUE, RED, panels, png


def learning_curve(rows: list[dict[str, Any]]) -> bytes:
    """Plot the training loss and, where there is one, the validation AP over minutes (rows of metrics.jsonl)."""
    figure, (left, right) = panels(2)
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
    return png(figure)
