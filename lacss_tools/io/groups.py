"""Images by cell line, plate or well: from their names, from a table, or as patterns and plates tell them."""

import re
from collections.abc import Collection
from pathlib import Path

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.acquired import tells_fields
from lacss_tools.io.patterns import Position, position_of
from lacss_tools.io.stems import as_stem, stem_of
from lacss_tools.io.tables import read_table

KEYS = ("image", "stem", "file", "filename", "name")
"""columns of a table that may name the image"""
REST = "(no group)"


def groups_of(
    stems: list[str], expression: str | None, table: Path | None, column: str = "group"
) -> dict[str, str] | None:
    """Return stem -> group by a regular expression or a table; else the wells of a plate, None without any.

    UsageError for both, and those of `groups_by_name` and `groups_by_table`.
    """
    if expression and table:
        raise UsageError("`group` and `group_table` both name groups. Give one of them.")
    if expression:
        return groups_by_name(stems, expression)
    return groups_by_table(stems, table, column) if table else _wells(positions(stems))


def positions(stems: Collection[str]) -> dict[str, Position]:
    """Return stem -> position on a plate where the stems of all images tell it; nothing else.

    Where nobody said by which pattern names are composed, plate, well and field have to be in them, as in those of an
    OME-Zarr plate: a name may hold a B2 for other reasons.
    """
    said, found = tells_fields(), {stem: position_of(stem) for stem in stems}
    told = {stem: one for stem, one in found.items() if one and (said or (one.plate and one.field))}
    return told if len(told) == len(found) else {}


def _wells(found: dict[str, Position]) -> dict[str, str] | None:
    """Return stem -> well, with its plate where there are several."""
    several = len({one.plate for one in found.values()}) > 1
    return {stem: f"{one.plate}_{one.well}" if several else one.well for stem, one in found.items()} or None


def groups_by_name(stems: list[str], pattern: str) -> dict[str, str]:
    """Return stem -> group: what the first bracket of the regular expression finds in the stem (or all it finds).

    >>> groups_by_name(["A172_Phase_1", "MCF7_Phase_2"], "^([^_]+)_")
    {'A172_Phase_1': 'A172', 'MCF7_Phase_2': 'MCF7'}
    """
    try:
        finder = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"`group` {pattern!r} is no regular expression ({error}). Give one like '^([^_]+)_'."
        ) from error
    found = {stem: finder.search(stem) for stem in stems}
    if not any(found.values()):
        raise UsageError(f"`group` {pattern!r} finds nothing in any name, such as {stems[0]!r}. Correct it.")
    return {stem: (hit.group(1 if finder.groups else 0) or REST) if hit else REST for stem, hit in found.items()}


def groups_by_table(stems: list[str], path: Path, column: str) -> dict[str, str]:
    """Return stem -> group from a CSV with `column` and a column that names the image (with or without its ending)."""
    table = read_table(path, "Give a table with a header.")
    key = next((name for name in table.header if name.lower() in KEYS), None)
    if key is None or column not in table.header:
        there, needed = ", ".join(table.header), f"{column!r} and one of {', '.join(KEYS)}"
        raise InputError(f"{path} has the columns {there}; needed are {needed}. Rename.")
    named = {row[key]: row.get(column) for row in table.rows if key in row}
    known = {kind: group for name, group in named.items() for kind in (as_stem(name), stem_of(Path(name)))}
    return {stem: known.get(stem) or REST for stem in stems}
