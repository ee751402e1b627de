"""LOI tables: lois/STEM.csv, one row per LOI."""

import re
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.io.native import write_table
from lacss_tools.io.tables import Table, read_table
from lacss_tools.points import inside_image

LOI_HEADER = ["y", "x", "response"]
NAPARI = {"y": "axis-0", "x": "axis-1"}
OF_STACKS = "axis-2"
"""a column that napari has where the first axis is not y"""
SAVE = "Save it as CSV with the columns y,x (text, not a spreadsheet)."
CORRECT = "Correct or remove that line."
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def write_lois(path: Path, points: Points, response: np.ndarray, outside: np.ndarray | None = None) -> None:
    """Write LOIs as CSV: y, x in pixels of the original image, the filter response, and 1 where `outside` is true."""
    rows = [[f"{y:.2f}", f"{x:.2f}", f"{r:.5g}"] for (y, x), r in zip(points, response, strict=True)]
    if outside is not None:
        rows = [[*row, str(int(flag))] for row, flag in zip(rows, outside, strict=True)]
    write_table(path, LOI_HEADER if outside is None else [*LOI_HEADER, "outside"], rows)


def read_lois(path: Path) -> tuple[Points, np.ndarray]:
    """Read LOIs: points (n, 2) float64 in pixels and their responses (n,).

    Columns are found by their names here and in Fiji and napari; others are ignored, the response may be missing (then
    1). Numbers may have decimal commas. Raises InputError for another header, and for a row that is not numbers.
    """
    return _values(path, _read(path))


def loi_rows(path: Path) -> list[list[str]]:
    """Return the rows of a table as they are written, the header first; those of a foreign table in our columns."""
    table = _read(path)
    if not table.header:
        return [LOI_HEADER]
    points, response = _values(path, table)
    if {"y", "x"} <= set(table.header) and table.separator == "," and not _decimal_commas(table, _texts(path, table)):
        return [table.header, *table.cells]
    rows = zip(points.tolist(), response.tolist(), strict=True)
    return [LOI_HEADER, *([f"{y:g}", f"{x:g}", f"{r:g}"] for (y, x), r in rows)]


def _read(path: Path) -> Table:
    return read_table(path, SAVE, latin=True)


def _values(path: Path, table: Table) -> tuple[Points, np.ndarray]:
    texts = _texts(path, table)
    commas = _decimal_commas(table, texts)
    numbers = np.ones((len(texts), 3))
    for k, (row, line) in enumerate(zip(texts, table.lines, strict=True)):
        try:
            numbers[k] = [float(text.replace(",", ".") if commas else text) for text in row]
        except ValueError:
            told = ";".join(row[:2])
            raise InputError(f"{path}, line {line}, is a row that is not numbers ({told}). {CORRECT}") from None
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad):
        raise InputError(f"{path}, line {table.lines[bad[0]]}, holds NaN or infinite numbers. {CORRECT}")
    return numbers[:, :2], numbers[:, 2]


def _texts(path: Path, table: Table) -> list[list[str]]:
    """Return y, x and response of each row as they are written; what is missing is empty, a response then 1."""
    at = [_column(path, table.header, name) for name in ("y", "x")]
    at += [table.header.index("response")] if "response" in table.header else []
    rows = [[row[k] if k < len(row) else "" for k in at] for row in table.cells]
    return [[*row[:2], "".join(row[2:]).strip() or "1"] for row in rows]


def _column(path: Path, header: list[str], name: str) -> int:
    """Return where y or x is; InputError when no column or several can be meant."""
    if name in header:
        return header.index(name)
    known = [at for at, own in enumerate(header) if own.lower() == name]
    if not known and NAPARI["y"] in header and NAPARI["x"] in header and OF_STACKS not in header:
        known = [header.index(NAPARI[name])]
    if len(known) == 1:
        return known[0]
    if header and all(_is_number(text) for text in header):
        raise InputError(f"{path} has no header, so that y and x cannot be told apart. Write y,x above the numbers.")
    found = ",".join(header)
    raise InputError(f"{path} has the header {found!r}, expected y,x,response. Rename the columns.")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _decimal_commas(table: Table, rows: list[list[str]]) -> bool:
    """Return whether the commas in numbers are decimal.

    Not where some numbers have points, nor where all could be thousands and commas part the columns.
    """
    texts = [text.strip() for row in rows for text in row]
    with_comma = [text for text in texts if "," in text]
    if not with_comma or any("." in text for text in texts):
        return False
    return table.separator != "," or not all(THOUSANDS.fullmatch(text) for text in with_comma)


def check_inside(lois: Points, loi_path: Path, image_path: Path, shape: tuple[int, int]) -> None:
    """Raise InputError when a LOI lies outside its image of this shape (height, width)."""
    outside = ~inside_image(lois, shape)
    if outside.any():
        y, x = lois[outside][0].tolist()
        raise InputError(
            f"{loi_path} has {int(outside.sum())} LOIs outside {image_path} (y {y:g}, x {x:g}). "
            "They are y,x in pixels; swap?"
        )
