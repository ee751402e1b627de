"""The tables beside predictions in, cells.csv and its summaries out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.errors import InputError
from lacss_tools.io.groups import groups_by_name, groups_by_table
from lacss_tools.io.native import write_table
from lacss_tools.io.project import list_tables
from lacss_tools.io.tables import read_table
from lacss_tools.table.join import GROUP, IMAGE, CellTable, Row, in_micrometres, join, named, summed_up

CELLS, IMAGES, GROUPS = "cells.csv", "images.csv", "groups.csv"
NEEDED = ("label", "area")
"""columns of every table of cells"""


@dataclass(frozen=True)
class Wishes:
    """What is asked of the tables."""

    group: str | None = None
    """regular expression that finds the group in a stem"""
    group_table: Path | None = None
    group_column: str = GROUP
    pixel_size: float | None = None
    """micrometres"""
    channels: tuple[str, ...] = ()
    """names in place of indices"""


def write_tables(predictions: Path, folder: Path, wishes: Wishes) -> tuple[int, list[Path]]:
    """Write the table of all cells and the summaries; return the number of cells and the files.

    InputError for a folder without tables of cells.
    """
    files = list_tables(predictions)
    stems = list(files)
    groups = None
    if wishes.group:
        groups = groups_by_name(stems, wishes.group)
    elif wishes.group_table:
        groups = groups_by_table(stems, wishes.group_table, wishes.group_column)
    table = join(((stem, *_read(path)) for stem, path in files.items()), groups)
    if wishes.pixel_size:
        table = in_micrometres(table, wishes.pixel_size)
    table = named(table, list(wishes.channels))
    written = [folder / CELLS, folder / IMAGES]
    write_table(written[0], table.columns, [[row.get(name, "") for name in table.columns] for row in table.rows])
    header, rows = summed_up(table, IMAGE, stems)
    if groups:
        header, rows = [header[0], GROUP, *header[1:]], [[row[0], groups[str(row[0])], *row[1:]] for row in rows]
        written.append(folder / GROUPS)
        write_table(written[2], *by_group(table, groups))
    write_table(written[1], header, rows)
    return len(table.rows), written


def by_group(table: CellTable, groups: dict[str, str]) -> tuple[list[str], list[list[str | int]]]:
    """Return the summary of groups, with the images of each and the median of the cells in one."""
    images, cells = Counter(groups.values()), Counter(row[IMAGE] for row in table.rows)
    header, rows = summed_up(table, GROUP, sorted(images))
    counts = {name: [cells[stem] for stem, own in groups.items() if own == name] for name in images}
    wider = [[row[0], images[str(row[0])], *row[1:2], f"{np.median(counts[str(row[0])]):g}", *row[2:]] for row in rows]
    return [header[0], "images", header[1], "median_cells_per_image", *header[2:]], wider


def _read(path: Path) -> tuple[list[str], list[Row]]:
    table = read_table(path, "Write it again with lacss predict.")
    if any(name not in table.header for name in NEEDED):
        raise InputError(f"{path} is no table of cells (its columns are {', '.join(table.header)}). Move it away.")
    return table.header, table.rows
