"""Measurements of cells as a table."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells
from lacss_tools.formats import nuclei as compartments
from lacss_tools.formats.shape import Pixels, pixels_of, shapes

HEADER = ["label", "y", "x", "loi_y", "loi_x", "score", "area", "diameter", "major_axis", "minor_axis", "eccentricity",
          "solidity", "perimeter", "circularity"]  # fmt: skip
RELATIVE = "relative_area"
"""area over that of the median cell of the image: what is far from 1 is worth a look"""
PHYSICAL = ["y_um", "x_um", "area_um2", "diameter_um"]


def measure(
    labels: Labels,
    cells: Cells,
    image: Image | None,
    pixel_size: tuple[float, float] | None = None,
    channels: tuple[str, ...] = (),
    origin: tuple[int, int] = (0, 0),
    nuclei: compartments.NucleusLabels | None = None,
) -> tuple[list[str], list[list[Any]]]:
    """Return the header and one row per cell that is left in `labels` (cell k has label k + 1).

    Centroid, area and shape are those of the label's pixels (pixels, square pixels); `loi` is the point from which the
    cell was found; circularity is 4 pi area / perimeter^2, at most 1. With an image: mean, standard deviation and sum
    of every channel as in the file, named after `channels` when these fit. With `pixel_size` (y, x in micrometres):
    centroid, area and equivalent diameter in micrometres too. With `nuclei`: what
    `nuclei.measure` says. `labels`, `image` and `nuclei` may be a window that begins at `origin` (y, x); `cells` are
    always those of the whole image.
    """
    pixels = pixels_of(labels)
    found = shapes(labels, pixels)
    names = channels if image is not None and len(channels) == len(image) else range(0 if image is None else len(image))
    header = HEADER + (PHYSICAL if pixel_size else [])
    header += [f"{what}_{name}" for name in names for what in ("mean", "std", "sum")]
    header += [] if nuclei is None else compartments.header(names)
    centroid = found.centroid + np.array(origin)
    places = np.round(np.concatenate([centroid, cells.locations[pixels.label - 1]], axis=1), 2)
    round_as = np.divide(
        4 * np.pi * found.area, found.perimeter**2, out=np.ones(len(found.area)), where=found.perimeter > 0
    )
    columns = [
        *(found.diameter, found.major, found.minor, found.eccentricity, found.solidity, found.perimeter),
        np.minimum(round_as, 1.0),
        *_physical(centroid, found.area, pixel_size),
        *_intensities(pixels, image),
    ]
    rows, more = [], compartments.measure(pixels, image, nuclei) if nuclei else [[] for _ in pixels.label]
    for k, label in enumerate(pixels.label.tolist()):
        score, *numbers = (float(f"{value:.6g}") for value in (cells.scores[label - 1], *(part[k] for part in columns)))
        rows.append([label, *places[k].tolist(), score, int(found.area[k]), *numbers, *more[k]])
    return header, rows


def with_relative_area(header: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the table of a whole image with the column RELATIVE after the area.

    >>> with_relative_area(["label", "area", "mean_0"], [[1, 50, 7.0], [2, 100, 8.0], [3, 320, 9.0]])[1][2]
    [3, 320, 3.2, 9.0]
    """
    at = header.index("area")
    median = float(np.median([row[at] for row in rows])) if rows else 1.0
    wider = [[*row[: at + 1], round(row[at] / median, 3), *row[at + 1 :]] for row in rows]
    return [*header[: at + 1], RELATIVE, *header[at + 1 :]], wider


def _physical(
    centroid: Float[np.ndarray, "n 2"], area: Int64[np.ndarray, " n"], pixel_size: tuple[float, float] | None
) -> list[Float[np.ndarray, " n"]]:
    if pixel_size is None:
        return []
    square = area * pixel_size[0] * pixel_size[1]
    return [*(centroid * pixel_size).T, square, np.sqrt(4 / np.pi * square)]


def _intensities(pixels: Pixels, image: Image | None) -> list[Float[np.ndarray, " n"]]:
    columns = []
    for plane in () if image is None else image:
        values = plane[pixels.y, pixels.x].astype(np.float64)
        total = pixels.sums(values)
        mean = total / pixels.area
        spread = np.sqrt(pixels.sums((values - pixels.spread(mean)) ** 2) / pixels.area)
        columns += [mean, spread, total]
    return columns
