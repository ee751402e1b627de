"""What the page may ask for: bodies of requests, checked once and for all."""

from dataclasses import dataclass

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.web.bodies import MAX_RADIUS, entries, field, is_count, number, points, unclear
from lacss_tools.web.stroke import Stroke

MAX_POINTS = 50_000
"""of all brush strokes of one repair: what a page sends is not trusted"""


@dataclass(frozen=True)
class RepairWish:
    """A repair as the page sends it; `base` is a candidate number, a threshold, or None for the mask on disk."""

    base: int | float | None
    strokes: tuple[Stroke, ...]
    removed: frozenset[int]
    added: Points


def parse_choice(body: object) -> int | None:
    """Return a candidate number, or None for a rejected image."""
    choice = field(body, "choice", 0)
    if choice is not None and not is_count(choice, least=1):
        raise InputError("A choice is a candidate number, or null to reject the image. Reload the page.")
    chosen: int | None = choice
    return chosen


def parse_score(body: object) -> float:
    """Return the least score of the suggestions to accept."""
    return number(field(body, "score", None), 0.0, 1.0)


def parse_repair(body: object) -> RepairWish:
    """Return a repair; InputError for anything that the page cannot have sent."""
    base = field(body, "base", 0)
    if isinstance(base, float):
        base = number(base, 1e-6, 1 - 1e-6)
    elif base is not None and not is_count(base, least=1):
        raise unclear()
    removed = entries(field(body, "removed", []))
    if not all(is_count(row, least=0) for row in removed):
        raise unclear()
    strokes = tuple(_stroke(item) for item in entries(field(body, "strokes", [])))
    if sum(len(stroke.points) for stroke in strokes) > MAX_POINTS:
        raise InputError("The brush was used too much for one repair. Save more often.")
    return RepairWish(base, strokes, frozenset(removed), points(field(body, "added", [])))


def parse_threshold(text: str) -> float:
    """Return a threshold strictly between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        raise unclear() from None
    return number(value, 1e-6, 1 - 1e-6)


def _stroke(item: object) -> Stroke:
    path, erase = points(field(item, "points", None)), field(item, "erase", None)
    if not isinstance(erase, bool) or not len(path):
        raise unclear()
    return Stroke(path, number(field(item, "radius", None), 0.1, MAX_RADIUS), erase)
