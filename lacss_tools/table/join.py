"""Tables of cells joined, and summed up by image and group. Rows of text in, rows out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lacss_tools.formats.table import PHYSICAL

Row = dict[str, str]
IMAGE, GROUP = "image", "group"
POSITION = ("plate", "well", "field", "time")
"""columns of images of a plate"""
NAMES = (IMAGE, GROUP, *POSITION)
"""columns of text"""
PLACES = frozenset({"label", "y", "x", "loi_y", "loi_x", "y_um", "x_um"})
"""columns that say where a cell is: no median of them is of use"""
PER_CHANNEL = ("mean", "std", "sum", "nucleus_mean", "cytoplasm_mean")
"""what columns per channel begin with; the index or name of the channel follows"""


@dataclass(frozen=True)
class CellTable:
    """All cells: the columns, in the order in which images have them, and a row per cell."""

    columns: list[str]
    rows: list[Row]


def join(tables: Iterable[tuple[list[str], list[Row]]], images: list[Row]) -> CellTable:
    """Join the tables (columns, rows) of several images; a column that an image lacks is empty there.

    `images` is what is known of each: its columns come first.
    """
    columns = list(images[0])
    rows: list[Row] = []
    for known, (own, cells) in zip(images, tables, strict=True):
        columns += [name for name in own if name not in columns]
        rows += [row | known for row in cells]
    return CellTable(columns, rows)


def in_micrometres(table: CellTable, size: float) -> CellTable:
    """Return the table with lengths and areas in micrometres too, where it lacks them; `size` is that of a pixel.

    >>> in_micrometres(CellTable(["area"], [{"area": "8"}]), 0.5).rows
    [{'area_um2': '2', 'area': '8'}]
    """
    factors = dict(zip(PHYSICAL, (("y", size), ("x", size), ("area", size**2), ("diameter", size)), strict=True))

    def filled(row: Row) -> Row:
        new = {name: f"{float(row[of]) * factor:.6g}" for name, (of, factor) in factors.items() if row.get(of)}
        return new | {name: value for name, value in row.items() if value}

    more = [name for name, (of, _) in factors.items() if name not in table.columns and of in table.columns]
    return CellTable(table.columns + more, [filled(row) for row in table.rows])


def named(table: CellTable, channels: list[str]) -> CellTable:
    """Return the table with these names in place of the indices of channels.

    >>> named(CellTable(["mean_0", "mean_1"], [{"mean_0": "5", "mean_1": "7"}]), ["actin"]).rows
    [{'mean_actin': '5', 'mean_1': '7'}]
    """
    new = {f"{what}_{k}": f"{what}_{name}" for what in PER_CHANNEL for k, name in enumerate(channels)}
    rows = [{new.get(name, name): value for name, value in row.items()} for row in table.rows]
    return CellTable([new.get(name, name) for name in table.columns], rows)


def summed_up(table: CellTable, by: str, known: Iterable[str]) -> tuple[list[str], list[list[str | int]]]:
    """Return the header and a row per image or group (`by`): how many cells, and medians of their numbers.

    `known` are all images or groups, also those without cells.
    """
    numbers = [name for name in table.columns if name not in PLACES and name not in NAMES]
    members: dict[str, list[Row]] = {name: [] for name in known}
    for row in table.rows:
        members[row[by]].append(row)
    header = [by, "cells", *(f"median_{name}" for name in numbers)]
    rows: list[list[str | int]] = []
    for name, cells in members.items():
        rows.append([name, len(cells), *(_median(cells, column) for column in numbers)])
    return header, rows


def _median(cells: list[Row], column: str) -> str:
    values = [float(row[column]) for row in cells if row.get(column)]
    return f"{np.median(values):.6g}" if values else ""
