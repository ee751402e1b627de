"""LOI tables: lois/STEM.csv, one row per LOI."""

from pathlib import Path

import numpy as np

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.io.native import write_table
from lacss_tools.io.tables import read_table
from lacss_tools.points import inside_image

LOI_HEADER = ["y", "x", "response"]
REWRITE_LOIS = "Write it again with lacss annotate-lois."


def write_lois(path: Path, points: Points, response: np.ndarray, outside: np.ndarray | None = None) -> None:
    """Write LOIs as CSV: y, x in pixels of the original image, the filter response, and 1 where `outside` is true."""
    rows = [[f"{y:.2f}", f"{x:.2f}", f"{r:.5g}"] for (y, x), r in zip(points, response, strict=True)]
    if outside is not None:
        rows = [[*row, str(int(flag))] for row, flag in zip(rows, outside, strict=True)]
    write_table(path, LOI_HEADER if outside is None else [*LOI_HEADER, "outside"], rows)


def read_lois(path: Path) -> tuple[Points, np.ndarray]:
    """Read LOIs: points (n, 2) float64 in pixels and their responses (n,).

    Extra columns are ignored, the response may be missing (then 1). Raises InputError for a wrong header or a bad row.
    """
    table = read_table(path, REWRITE_LOIS)
    if not {"y", "x"} <= set(table.header):
        found = ",".join(table.header)
        raise InputError(f"{path} has the header {found!r}, expected y,x,response. Rename the columns.")
    try:
        values = [(float(row["y"]), float(row["x"]), float(row.get("response") or 1)) for row in table.rows]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} holds a row that is not numbers ({error}). Correct or remove it.") from error
    numbers = np.array(values, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(numbers).all():
        raise InputError(f"{path} holds NaN or infinite numbers. Correct or remove those rows.")
    return numbers[:, :2], numbers[:, 2]


def check_inside(lois: Points, loi_path: Path, image_path: Path, shape: tuple[int, int]) -> None:
    """Raise InputError when a LOI lies outside its image of this shape (height, width)."""
    outside = ~inside_image(lois, shape)
    if outside.any():
        raise InputError(
            f"{loi_path} has {int(outside.sum())} LOIs outside {image_path}. They are y,x in pixels; swap?"
        )
