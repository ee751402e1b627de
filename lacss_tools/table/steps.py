"""The tables beside predictions in, cells.csv and its summaries out."""

from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.groups import groups_of, positions
from lacss_tools.io.native import atomic, write_table
from lacss_tools.io.project import list_tables
from lacss_tools.io.tables import read_table
from lacss_tools.table.join import GROUP, IMAGE, NAMES, POSITION, CellTable, Row, in_micrometres, join, named, summed_up

CELLS, IMAGES, GROUPS, PARQUET = "cells.csv", "images.csv", "groups.csv", "cells.parquet"
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
    parquet: bool = False
    """whether the table of all cells is written so too"""


def write_tables(predictions: Path, folder: Path, wishes: Wishes) -> tuple[int, list[Path]]:
    """Write the table of all cells and the summaries; return the number of cells and the files.

    InputError for a folder without tables of cells, UsageError for Parquet without pyarrow.
    """
    if wishes.parquet and find_spec("pyarrow") is None:
        raise UsageError("`parquet` needs pyarrow. Install it: pip install pyarrow")
    files = list_tables(predictions)
    stems = list(files)
    groups = groups_of(stems, wishes.group, wishes.group_table, wishes.group_column)
    images = _known(stems, groups)
    table = join(map(_read, files.values()), images)
    if wishes.pixel_size:
        table = in_micrometres(table, wishes.pixel_size)
    table = named(table, list(wishes.channels))
    written = [folder / CELLS, folder / IMAGES]
    write_table(written[0], table.columns, [[row.get(name, "") for name in table.columns] for row in table.rows])
    header, rows = summed_up(table, IMAGE, stems)
    header = [*images[0], *header[1:]]
    rows = [[*known.values(), *row[1:]] for known, row in zip(images, rows, strict=True)]
    if wishes.parquet:
        written.append(folder / PARQUET)
        write_parquet(written[-1], table)
    if groups:
        written.append(folder / GROUPS)
        write_table(written[-1], *by_group(table, groups))
    write_table(written[1], header, rows)
    for name in {PARQUET, GROUPS} - {path.name for path in written}:  # of an earlier call, of other cells perhaps
        (folder / name).unlink(missing_ok=True)
    return len(table.rows), written


def _known(stems: list[str], groups: dict[str, str] | None) -> list[Row]:
    """Return what is known of each image beside its cells: group and position on a plate, where there are any."""
    places = positions(stems)
    told = [name for name in POSITION if any(getattr(place, name) for place in places.values())]
    return [
        {IMAGE: stem} | ({GROUP: groups[stem]} if groups else {}) | {name: getattr(places[stem], name) for name in told}
        for stem in stems
    ]


def write_parquet(path: Path, table: CellTable) -> None:
    """Write a table of cells as Parquet: names as text, labels as whole numbers, the rest as numbers, empty as null."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name in table.columns:
        kind = str if name in NAMES else whole if name == "label" else float
        columns[name] = pyarrow.array(
            [kind(row[name]) if row.get(name) else None for row in table.rows],
            {str: pyarrow.string(), whole: pyarrow.int64(), float: pyarrow.float64()}[kind],
        )
    with atomic(path) as part:
        parquet.write_table(pyarrow.table(columns), part)


def whole(text: str) -> int:
    """Return a whole number that may be written with decimals, as programs that rewrite tables do."""
    return int(float(text))


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
    for line, row in zip(table.lines, table.rows, strict=True):
        for name, text in row.items():
            if name not in NAMES and text and not _fits(name, text):
                raise InputError(
                    f"{path}, line {line}, has {text!r} in the column {name}, which is no number there. Correct it, or "
                    "move notes into a file of their own."
                )
    return table.header, table.rows


def _fits(name: str, text: str) -> bool:
    """Return whether a text is a number, for labels a whole one."""
    try:
        value = float(text)
    except ValueError:
        return False
    return name != "label" or value.is_integer()
