"""Read CSV files, ours and other people's, as rows of text; callers know what the columns mean."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from lacss_tools.errors import InputError


@dataclass(frozen=True)
class Table:
    """A CSV file: its column names, without spaces around them, and each row by column; a short row lacks the last."""

    header: list[str]
    rows: list[dict[str, str]]


def read_table(path: Path, remedy: str) -> Table:
    """Read a CSV file whose first line is its header; errors as `read_rows`."""
    rows, _ = read_rows(path, remedy)
    header = [name.strip() for name in rows[0]] if rows else []
    return Table(header, [dict(zip(header, row, strict=False)) for row in rows[1:]])


def read_rows(path: Path, remedy: str) -> tuple[list[list[str]], bool]:
    """Return all lines that are not empty, the header first, and whether the last one has its end.

    Raises InputError, which ends with the sentence `remedy`, for a file that is missing or no CSV in UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}). {remedy}") from error
    return rows, text.endswith("\n")
