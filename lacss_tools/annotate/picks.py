"""The journal of decisions: masks/picks.csv, one row per image. Knows nothing of the page that asks for them."""

import csv
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.files import write_table

HEADER = ["stem", "choice", "threshold", "by", "time"]
REJECTED = "none"
PERSON = "person"
AUTO = "auto"


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

    @property
    def number(self) -> int | None:
        """Candidate number from 1, None when the image was rejected."""
        return None if self.choice == REJECTED else int(self.choice)


def make_pick(stem: str, number: int | None, thresholds: list[float], by: str) -> Pick:
    """Return the pick of candidate `number` (from 1; None rejects the image), stamped with the time."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    if number is None:
        return Pick(stem, REJECTED, "", by, stamp)
    return Pick(stem, str(number), f"{thresholds[number - 1]:.6g}", by, stamp)


def read_picks(path: Path) -> dict[str, Pick]:
    """Return stem -> pick, empty when the file does not exist; of several rows of one image the last one counts.

    Raises InputError for an unreadable file, another header, or a row that is no pick.
    """
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}). Repair it or move it away.") from error
    if not rows or rows[0] != HEADER:
        raise InputError(f"{path} has another header than {','.join(HEADER)}. Repair the first line or move it away.")
    for row in rows[1:]:
        if not _is_pick(row):
            raise InputError(f"{path} holds a row that is no pick: {','.join(row)!r}. Repair or remove it.")
    return {row[0]: Pick(*row) for row in rows[1:]}


def _is_pick(row: list[str]) -> bool:
    if len(row) != len(HEADER) or row[3] not in (PERSON, AUTO):
        return False
    return row[1] == REJECTED or (row[1].isascii() and row[1].isdigit() and int(row[1]) > 0)


def write_picks(path: Path, picks: dict[str, Pick]) -> None:
    """Write all picks, sorted by stem."""
    write_table(path, HEADER, [list(astuple(picks[stem])) for stem in sorted(picks)])


def record(path: Path, stem: str, pick: Pick | None) -> dict[str, Pick]:
    """Put the pick of `stem` into the journal (None takes its row out) and return all picks.

    Reads the file afresh, so that rows which another process wrote in between stay.
    """
    picks = read_picks(path)
    if pick is None:
        picks.pop(stem, None)
    else:
        picks[stem] = pick
    write_picks(path, picks)
    return picks
