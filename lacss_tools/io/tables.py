"""Read CSV files, ours and other people's, as rows of text; callers know what the columns mean."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from lacss_tools.errors import InputError

SEPARATORS = (",", ";", "\t")
"""of columns: Excel writes semicolons where the comma is in the numbers"""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""how text in UTF-16 begins"""
REMARK = "#"


@dataclass(frozen=True)
class Table:
    """A CSV file: its column names, without spaces around them, and its rows that are not empty."""

    header: list[str]
    cells: list[list[str]]
    lines: list[int]
    """the line of each row in the file, from 1"""
    separator: str = SEPARATORS[0]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Each row by column; a short row lacks the last."""
        return [dict(zip(self.header, row, strict=False)) for row in self.cells]


def read_table(path: Path, remedy: str, latin: bool = False) -> Table:
    """Read a CSV file whose first line is its header, under lines with a # in front; errors as `read_rows`.

    Columns may be separated by semicolons or tabs, whichever the header has most of. The text may be UTF-16 and, if
    `latin`, of an encoding of 8 bits: then only what is in English letters can be relied on.
    """
    text = _decoded(path, remedy, latin)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith(REMARK)), "")
    separator = max(SEPARATORS, key=first.count)
    header: list[str] | None = None
    cells, lines = [], []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for row in reader:
            if not any(cell.strip() for cell in row) or (header is None and row[0].startswith(REMARK)):
                continue
            if header is None:
                header = [name.strip() for name in row]
            else:
                cells.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise _no_csv(path, error, remedy) from error
    return Table(header or [], cells, lines, separator)


def read_rows(path: Path, remedy: str) -> tuple[list[list[str]], bool]:
    """Return all lines of a file of ours that are not empty, the header first, and whether the last one has its end.

    Raises InputError, which ends with the sentence `remedy`, for a file that is missing or no CSV in UTF-8.
    """
    text = _decoded(path, remedy)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise _no_csv(path, error, remedy) from error
    return rows, text.endswith("\n")


def _decoded(path: Path, remedy: str, latin: bool = False) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if latin and not data.startswith(UTF_16):
            return data.decode("latin-1")
        raise _no_csv(path, error, remedy) from error
    except OSError as error:
        raise _no_csv(path, error, remedy) from error


def _no_csv(path: Path, error: Exception, remedy: str) -> InputError:
    return InputError(f"{path} cannot be read as CSV ({error}). {remedy}")
