"""Histograms over the set, as PNG bytes."""

import numpy as np

from lacss_tools.annotate.check.findings import JudgedImage
from lacss_tools.annotate.check.overview import Overview
from lacss_tools.screen.plots import BLUE, RED, png


def histograms(judged: list[JudgedImage], facts: Overview) -> bytes | None:
    """Plot LOIs per image, distances to the nearest LOI, mask fraction, area per LOI: those of which there is data."""
    lois = [one.image.lois for one in judged if one.image.lois is not None]
    distances = [one.nearest[np.isfinite(one.nearest)] for one in lois]
    areas = [area for one in judged if (area := one.area_per_loi) is not None]
    panels = [
        ("LOIs per image", np.array([len(one.points) for one in lois]), None),
        ("distance to the nearest LOI (px)", np.concatenate([*distances, np.zeros(0)]), facts.nucleus_diameter),
        (
            "mask, % of the image",
            np.array([100 * m.fraction for one in judged if (m := one.image.mask) is not None]),
            None,
        ),
        ("mask area per LOI (px)", np.array(areas), None),
    ]
    panels = [panel for panel in panels if len(panel[1])]
    return _draw(panels) if panels else None


def _draw(panels: list[tuple[str, np.ndarray, float | None]]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(panels), 2.5), layout="constrained")
    for axis, (name, values, line) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        top = np.percentile(values, 99.5)
        axis.hist(np.minimum(values, top), bins=24, color=BLUE)
        if line is not None:
            axis.axvline(line, color=RED, linewidth=1.5, label="nucleus diameter")
            axis.legend(frameon=False, fontsize="small")
        axis.set(xlabel=name, ylabel="LOIs" if "nearest" in name else "images")
        axis.spines[["top", "right"]].set_visible(False)
    return png(figure)
