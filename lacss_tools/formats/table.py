"""Measurements of cells as a table."""

from typing import Any

import numpy as np

from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells

SHAPE = ("equivalent_diameter_area", "axis_major_length", "axis_minor_length", "eccentricity", "solidity")
HEADER = ["label", "y", "x", "loi_y", "loi_x", "score", "area", "diameter", "major_axis", "minor_axis", "eccentricity",
          "solidity"]  # fmt: skip


def measure(labels: Labels, cells: Cells, image: Image) -> tuple[list[str], list[list[Any]]]:
    """Return the header and one row per cell that is left in `labels` (cell k has label k + 1).

    Centroid, area and shape are those of the label's pixels (pixels, square pixels); `loi` is the point from which
    the cell was found; `mean_c` is the mean intensity of channel c as in the file.
    """
    from skimage.measure import regionprops

    header = HEADER + [f"mean_{c}" for c in range(len(image))]
    rows = []
    for region in regionprops(labels):
        k = region.label - 1
        where = [round(float(value), 2) for value in (*region.centroid, *cells.locations[k])]
        shape = [_solidity(region) if name == "solidity" else getattr(region, name) for name in SHAPE]
        means = [channel[region.slice][region.image].mean(dtype=np.float64) for channel in image]
        numbers = [float(f"{number:.6g}") for number in (cells.scores[k], *shape, *means)]
        rows.append([region.label, *where, numbers[0], int(region.area), *numbers[1:]])
    return header, rows


def _solidity(region: Any) -> float:
    # the convex hull of a line or a point has no area
    return 1.0 if min(region.image.shape) < 2 or region.area < 4 else float(region.solidity)
