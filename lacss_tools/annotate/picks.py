"""The record of picks: masks/picks.csv, one row per image."""

import csv
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.files import write_table

HEADER = ["stem", "choice", "threshold", "by", "time"]
REJECTED = "none"


@dataclass(frozen=True)
class Pick:
    """What was decided for one image: candidate 1..n, or `none` when no candidate will do."""

    stem: str
    choice: str
    threshold: str
    by: str
    """person or auto"""
    time: str

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
    """Return stem -> pick, empty when the file does not exist; InputError for another header or a bad choice."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows or rows[0] != HEADER:
        raise InputError(f"{path} has another header than {','.join(HEADER)}. Repair the first line or move it away.")
    bad = [row for row in rows[1:] if len(row) != len(HEADER) or not (row[1] == REJECTED or row[1].isdigit())]
    if bad:
        raise InputError(f"{path} holds a row that is no pick: {','.join(bad[0])!r}. Repair or remove it.")
    return {row[0]: Pick(*row) for row in rows[1:]}


def write_picks(path: Path, picks: dict[str, Pick]) -> None:
    """Write all picks, sorted by stem."""
    write_table(path, HEADER, [list(astuple(picks[stem])) for stem in sorted(picks)])
