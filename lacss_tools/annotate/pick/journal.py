"""The journal of decisions: masks/picks.csv, one row per image. Knows nothing of the page that asks for them."""

import csv
import io
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.durable import append
from lacss_tools.io.native import write_table
from lacss_tools.io.stems import as_stem
from lacss_tools.io.tables import read_rows

HEADER = ["stem", "choice", "threshold", "by", "time", "edited", "cut"]
HEADERS = (HEADER, HEADER[:-1], HEADER[:-2])
"""that files may have: some were begun before candidates were known by their bytes, or masks could be repaired"""
REJECTED = "none"
PERSON = "person"
AUTO = "auto"
REPAIRS = ("threshold", "brush", "lois")
"""what a person may have changed: cut anew at a threshold, painted, points added or deleted"""


@dataclass(frozen=True)
class Pick:
    """What was decided for one image: candidate 1..n, or `none` when no candidate will do."""

    stem: str
    choice: str
    threshold: str
    by: str
    """person or auto"""
    time: str
    """ISO 8601, UTC"""
    edited: str = ""
    """the repairs that were made to the candidate, joined by +; empty when the mask is the candidate as it was cut"""
    cut: str = ""
    """the candidates that were picked from: how the SHA-256 of their file begins; empty where that is not known"""

    @property
    def number(self) -> int | None:
        """Candidate number from 1, None when the image was rejected; of a mask cut in between, the nearest one."""
        return None if self.choice == REJECTED else int(self.choice)


def make_pick(stem: str, number: int | None, thresholds: list[float], by: str) -> Pick:
    """Return the pick of candidate `number` (from 1; None rejects the image), stamped with the time."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    if number is None:
        return Pick(stem, REJECTED, "", by, stamp)
    return Pick(stem, str(number), f"{thresholds[number - 1]:.6g}", by, stamp)


def mark_repaired(pick: Pick, threshold: float, repairs: list[str]) -> Pick:
    """Return the pick with the threshold that was cut at and the names of its repairs, each once and in order."""
    edited = "+".join(name for name in REPAIRS if name in repairs)
    return replace(pick, threshold=f"{threshold:.6g}", edited=edited)


def row_of(pick: Pick) -> str:
    """Return the line of the journal, with its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(astuple(pick))
    return text.getvalue()


# ---- reading --------------------------------------------------------------------------------------------------------


def read_picks(path: Path) -> dict[str, Pick]:
    """Return stem -> pick, empty when the file does not exist; of several rows of one image the last one counts.

    A last line that is cut short was never confirmed and does not count. Raises InputError for an unreadable file,
    another header, or a row that is no pick.
    """
    rows, _ = _read_rows(path)
    return _picks_of(rows)


def _picks_of(rows: list[list[str]]) -> dict[str, Pick]:
    picks = (Pick(as_stem(stem), *others) for stem, *others in rows)
    return {pick.stem: pick for pick in picks}


def _read_rows(path: Path) -> tuple[list[list[str]], bool]:
    """Return the rows under the header, and whether more can be appended to the file as it is."""
    if not path.exists():
        return [], False
    rows, whole = read_rows(path, "Repair it or move it away.")
    if not rows or rows[0] not in HEADERS:
        raise InputError(f"{path} has another header than {','.join(HEADER)}. Repair the first line or move it away.")
    if not whole and not _is_pick(rows[-1]):
        rows.pop()
    for row in rows[1:]:
        if not _is_pick(row):
            raise InputError(f"{path} holds a row that is no pick: {','.join(row)!r}. Repair or remove it.")
    return rows[1:], whole and rows[0] == HEADER


def _is_pick(row: list[str]) -> bool:
    if len(row) not in map(len, HEADERS) or row[3] not in (PERSON, AUTO):
        return False
    if not set("".join(row[5:6]).split("+")) <= {"", *REPAIRS}:
        return False
    return row[1] == REJECTED or (row[1].isascii() and row[1].isdigit() and int(row[1]) > 0)


# ---- writing --------------------------------------------------------------------------------------------------------


def write_picks(path: Path, picks: dict[str, Pick]) -> None:
    """Write all picks, sorted by stem."""
    write_table(path, HEADER, [list(astuple(picks[stem])) for stem in sorted(picks)])


def record(path: Path, changes: dict[str, Pick | None]) -> dict[str, Pick]:
    """Put the picks of some images into the journal (None takes a row out) and return all picks.

    On disk, for good, when this returns; all of the changes or none. Rows of new images are appended, anything else
    writes the file anew. Reads the file afresh, so that rows which another process wrote in between stay.
    """
    rows, open_end = _read_rows(path)
    picks = _picks_of(rows)
    added = [pick for pick in changes.values() if pick is not None]
    fresh = not picks.keys() & changes.keys()
    for stem, pick in changes.items():
        picks.pop(stem, None)
        if pick is not None:
            picks[stem] = pick
    if open_end and fresh and len(added) == len(changes):
        append(path, "".join(map(row_of, added)).encode())
    else:
        write_picks(path, picks)
    return picks
