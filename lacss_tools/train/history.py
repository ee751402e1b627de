"""metrics.jsonl: what a run logged, a JSON object per line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lacss_tools.errors import InputError
from lacss_tools.io.native import write_text

METRICS = "metrics.jsonl"
VALIDATED = "val_"
"""begins the names of validation figures, so that a loss term may be called anything else"""


class Scores(NamedTuple):
    """AP on the validation images (the paper's AP, pooled), 0 to 1."""

    ap50: float
    ap75: float
    map: float


@dataclass(frozen=True)
class Row:
    """One line: the loss terms of a step by name, and the validation of the weights at that step if there was one.

    `seconds` are those of training so far.
    """

    step: int
    seconds: float
    losses: dict[str, float]
    validation: Scores | None = None

    def figures(self) -> dict[str, float]:
        """Return the losses by name, and the validation figures by name behind `val_`."""
        scores = self.validation._asdict() if self.validation else {}
        return self.losses | {VALIDATED + name: value for name, value in scores.items()}

    def to_line(self) -> str:
        """Return the line, with its end."""
        return json.dumps({"step": self.step, "seconds": self.seconds, **self.figures()}) + "\n"


def row_from(stored: Mapping[str, int | float]) -> Row:
    """Return the row that a line holds.

    >>> row_from({"step": 20, "seconds": 1.5, "score": 0.3}).losses
    {'score': 0.3}
    """
    figures = {name: value for name, value in stored.items() if name not in ("step", "seconds")}
    losses = {name: value for name, value in figures.items() if not name.startswith(VALIDATED)}
    scores = {name.removeprefix(VALIDATED): value for name, value in figures.items() if name not in losses}
    return Row(int(stored["step"]), float(stored["seconds"]), losses, Scores(**scores) if scores else None)


def read_metrics(run: Path) -> list[Row]:
    """Return the rows of metrics.jsonl, oldest first; a last line cut short by a crash is dropped.

    Raises InputError for a line that is JSON but no row.
    """
    path = run / METRICS
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.is_file() else [], start=1):
        try:
            rows.append(row_from(json.loads(line)))
        except json.JSONDecodeError:
            break
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"{path}, line {number}, is no row of a run ({error}). Remove it.") from error
    return rows


def since_start(run: Path) -> tuple[Scores, Scores] | None:
    """Return the scores of the weights that a run went on from, and the best since (by mAP); None for other runs."""
    validated = [(row.step, row.validation) for row in read_metrics(run) if row.validation]
    if not validated or validated[0][0] > 0:
        return None
    return validated[0][1], max((scores for _, scores in validated), key=lambda scores: scores.map)


def write_metrics(run: Path, rows: list[Row]) -> None:
    """Write all rows of metrics.jsonl."""
    write_text(run / METRICS, "".join(row.to_line() for row in rows))
