"""Plots as PNG bytes: the colours, panels and ticks that all figures share."""

import io
from typing import Any

BLUE, RED = "#0072b2", "#d55e00"


COLOURS = (
    BLUE,
    RED,
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)  # Okabe and Ito's, which colour-blind people tell apart


def panels(columns: int) -> tuple[Any, Any]:
    """Return a figure with that many axes side by side (4.2 by 3.2 inches each), and the axes."""
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


def plain_ticks(axis: Any) -> None:
    """Write 100 200 500 1000 on a logarithmic axis, where powers of ten would run into each other."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def png(figure: Any) -> bytes:
    """Return a figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
