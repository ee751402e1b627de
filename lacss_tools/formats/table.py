"""Measurements of cells as a table."""

from typing import Any

import numpy as np

from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells

SHAPE = ("equivalent_diameter_area", "axis_major_length", "axis_minor_length", "eccentricity", "solidity", "perimeter")
HEADER = ["label", "y", "x", "loi_y", "loi_x", "score", "area", "diameter", "major_axis", "minor_axis", "eccentricity",
          "solidity", "perimeter", "circularity"]  # fmt: skip
PHYSICAL = ["y_um", "x_um", "area_um2", "diameter_um"]


def measure(
    labels: Labels,
    cells: Cells,
    image: Image | None,
    pixel_size: tuple[float, float] | None = None,
    channels: tuple[str, ...] = (),
    origin: tuple[int, int] = (0, 0),
) -> tuple[list[str], list[list[Any]]]:
    """Return the header and one row per cell that is left in `labels` (cell k has label k + 1).

    Centroid, area and shape are those of the label's pixels (pixels, square pixels); `loi` is the point from which the
    cell was found; circularity is 4 pi area / perimeter^2, at most 1. With an image: mean, standard deviation and sum
    of every channel as in the file, named after `channels` when these fit. With `pixel_size` (y, x in micrometres):
    centroid, area and equivalent diameter in micrometres too. `labels` and `image` may be a window that begins at
    `origin` (y, x); `cells` are always those of the whole image.
    """
    from skimage.measure import regionprops

    names = channels if image is not None and len(channels) == len(image) else range(0 if image is None else len(image))
    header = HEADER + (PHYSICAL if pixel_size else [])
    header += [f"{what}_{name}" for name in names for what in ("mean", "std", "sum")]
    rows = []
    for region in regionprops(labels):
        k = region.label - 1
        where = [round(float(value), 2) for value in (*_centroid(region, origin), *cells.locations[k])]
        shape = [_solidity(region) if name == "solidity" else getattr(region, name) for name in SHAPE]
        shape.append(min(1.0, 4 * np.pi * region.area / shape[-1] ** 2) if shape[-1] else 1.0)
        values = [*_physical(region, origin, pixel_size), *_intensities(region, image)]
        numbers = [float(f"{number:.6g}") for number in (cells.scores[k], *shape, *values)]
        rows.append([region.label, *where, numbers[0], int(region.area), *numbers[1:]])
    return header, rows


def _solidity(region: Any) -> float:
    # the convex hull of a line or a point has no area
    return 1.0 if min(region.image.shape) < 2 or region.area < 4 else float(region.solidity)


def _centroid(region: Any, origin: tuple[int, int]) -> list[float]:
    return [place + start for place, start in zip(region.centroid, origin, strict=True)]


def _physical(region: Any, origin: tuple[int, int], pixel_size: tuple[float, float] | None) -> list[float]:
    if pixel_size is None:
        return []
    y, x = (place * size for place, size in zip(_centroid(region, origin), pixel_size, strict=True))
    area = region.area * pixel_size[0] * pixel_size[1]
    return [y, x, area, float(np.sqrt(4 / np.pi * area))]


def _intensities(region: Any, image: Image | None) -> list[float]:
    if image is None:
        return []
    inside = image[(slice(None), *region.slice)][:, region.image].astype(np.float64)
    return [float(value) for line in inside for value in (line.mean(), line.std(), line.sum())]
