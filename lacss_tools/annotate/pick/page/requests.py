"""What the page may ask for: bodies of requests, checked once and for all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lacss_tools.annotate.pick.repair import Stroke
from lacss_tools.arrays import Points
from lacss_tools.errors import InputError

MAX_POINTS = 50_000
"""of all brush strokes of one repair: what a page sends is not trusted"""
MAX_RADIUS = 500.0
"""of a brush, in pixels"""
FAR = 1e6
"""no image is larger, in pixels"""


@dataclass(frozen=True)
class Wish:
    """Which window wants to change which version of an image."""

    window: str
    version: str


@dataclass(frozen=True)
class RepairWish:
    """A repair as the page sends it; `base` is a candidate number, a threshold, or None for the mask on disk."""

    base: int | float | None
    strokes: tuple[Stroke, ...]
    removed: frozenset[int]
    added: Points


def parse_wish(body: object) -> Wish:
    """Return window and version; both may be missing, a version then matches nothing that was decided."""
    return Wish(_word(_field(body, "window", "")), _word(_field(body, "version", "")))


def parse_choice(body: object) -> int | None:
    """Return a candidate number, or None for a rejected image."""
    choice = _field(body, "choice", 0)
    if choice is not None and not _is_count(choice, least=1):
        raise InputError("A choice is a candidate number, or null to reject the image. Reload the page.")
    number: int | None = choice
    return number


def parse_score(body: object) -> float:
    """Return the least score of the suggestions to accept."""
    return _number(_field(body, "score", None), 0.0, 1.0)


def parse_repair(body: object) -> RepairWish:
    """Return a repair; InputError for anything that the page cannot have sent."""
    base = _field(body, "base", 0)
    if isinstance(base, float):
        base = _number(base, 1e-6, 1 - 1e-6)
    elif base is not None and not _is_count(base, least=1):
        raise _unclear()
    removed = _list(_field(body, "removed", []))
    if not all(_is_count(row, least=0) for row in removed):
        raise _unclear()
    strokes = tuple(_stroke(item) for item in _list(_field(body, "strokes", [])))
    if sum(len(stroke.points) for stroke in strokes) > MAX_POINTS:
        raise InputError("The brush was used too much for one repair. Save more often.")
    return RepairWish(base, strokes, frozenset(removed), _points(_field(body, "added", [])))


def parse_threshold(text: str) -> float:
    """Return a threshold strictly between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        raise _unclear() from None
    return _number(value, 1e-6, 1 - 1e-6)


def _stroke(item: object) -> Stroke:
    points, erase = _points(_field(item, "points", None)), _field(item, "erase", None)
    if not isinstance(erase, bool) or not len(points):
        raise _unclear()
    return Stroke(points, _number(_field(item, "radius", None), 0.1, MAX_RADIUS), erase)


def _points(items: object) -> Points:
    rows = [_list(item) for item in _list(items)]
    if any(len(row) != 2 for row in rows):
        raise _unclear()
    return np.array([[_number(value, -FAR, FAR) for value in row] for row in rows], dtype=np.float64).reshape(-1, 2)


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:  # nan fails too
        raise _unclear()
    return float(value)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= FAR


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _unclear()
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise _unclear()
    return value


def _field(body: object, name: str, default: object) -> Any:
    return body.get(name, default) if isinstance(body, dict) else default


def _unclear() -> InputError:
    return InputError("The page sent something that makes no sense. Reload the page.")
