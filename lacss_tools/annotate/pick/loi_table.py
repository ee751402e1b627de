"""Delete and add rows of a LOI table by hand, leaving every other row as it is written."""

import csv
import io
from pathlib import Path

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.io.lois import LOI_HEADER, loi_rows
from lacss_tools.io.native import atomic

ORIGINALS = "original"
"""folder inside lois/ with each table as it was before the first repair"""
CERTAIN = "1"
"""response of a LOI that a person set"""


def edit_table(path: Path, removed: frozenset[int], added: Points) -> bytes:
    """Return the table as CSV without the rows `removed` (from 0, in order) and with the (y, x) points `added`.

    A table that does not exist counts as empty. Raises InputError when it has no such row.
    """
    rows = loi_rows(path) if path.exists() else [LOI_HEADER]
    header, body = rows[0], rows[1:]
    if any(not 0 <= row < len(body) for row in removed):
        raise InputError(f"{path} has {len(body)} points, fewer than the page showed. Reload the page.")
    kept = [row for k, row in enumerate(body) if k not in removed]
    for y, x in added:
        values = {"y": f"{y:.2f}", "x": f"{x:.2f}", "response": CERTAIN}
        kept.append([values.get(name, "") for name in header])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *kept])
    return text.getvalue().encode()


def keep_original(path: Path) -> None:
    """Copy the table to lois/original/ unless an earlier repair did."""
    copy = path.parent / ORIGINALS / path.name
    if path.exists() and not copy.exists():
        data = path.read_bytes()
        with atomic(copy) as part:
            part.write_bytes(data)
