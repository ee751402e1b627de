"""Images by cell line, plate or well: from their names, or from a table."""

import re
from pathlib import Path

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.stems import as_stem, stem_of
from lacss_tools.io.tables import read_table

KEYS = ("image", "stem", "file", "filename", "name")
"""columns of a table that may name the image"""
REST = "(no group)"


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
