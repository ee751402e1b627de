"""What a page may send: bodies of requests and the words in them, checked once and for all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lacss_tools.arrays import MAX_LABEL, Points
from lacss_tools.errors import InputError, LacssError

FAR = 1e6
"""no image is larger, in pixels"""
MAX_RADIUS = 500.0
"""of a brush, in pixels"""


class ConflictError(LacssError):
    """Somebody else changed the image since the page last saw it."""


@dataclass(frozen=True)
class Wish:
    """Which window wants to change which version of an image."""

    window: str
    version: str


def parse_wish(body: object) -> Wish:
    """Return window and version; both may be missing, a version then matches nothing that was decided."""
    return Wish(word(field(body, "window", "")), word(field(body, "version", "")))


def points(items: object) -> Points:
    """Return (y, x) points of a list of pairs."""
    rows = [entries(item) for item in entries(items)]
    if any(len(row) != 2 for row in rows):
        raise unclear()
    return np.array([[number(value, -FAR, FAR) for value in row] for row in rows], dtype=np.float64).reshape(-1, 2)


def number(value: object, low: float, high: float) -> float:
    """Return a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:  # nan fails too
        raise unclear()
    return float(value)


def is_count(value: object, least: int) -> bool:
    """Return whether this is a whole number of at least `least`, small enough for a label."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_LABEL


def entries(value: object) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise unclear()
    return value


def word(value: object) -> str:
    """Return a short text."""
    if not isinstance(value, str) or len(value) > 64:
        raise unclear()
    return value


def field(body: object, name: str, default: object) -> Any:
    """Return what a body has under a name."""
    return body.get(name, default) if isinstance(body, dict) else default


def unclear() -> InputError:
    """Return what is said of a body that no page sends."""
    return InputError("The page sent something that makes no sense. Reload the page.")
