"""What the page may ask for, checked once and for all."""

from dataclasses import dataclass

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.outline.journal import MARK
from lacss_tools.web.bodies import FAR, MAX_RADIUS, field, is_count, number, points, unclear

MAX_POINTS = 20_000
"""of one stroke: what a page sends is not trusted"""
NEEDS_POINTS = {"polygon": 3, "brush": 1, "erase": 1, "split": 2, "click": 1}
ACTIONS = (*NEEDS_POINTS, "merge", "delete", "fill", "smooth", MARK, "ask", "finish", "undo", "redo")


@dataclass(frozen=True)
class Asked:
    """One action on an image; what it has no use for is empty."""

    action: str
    number: int
    """the selected cell, 0 for none"""
    other: int
    points: Points
    radius: float
    take: bool
    """whether a click takes away"""


def parse_action(body: object) -> Asked:
    """Return an action; InputError for anything that the page cannot have sent."""
    action, take = field(body, "action", ""), field(body, "take", False)
    if action not in ACTIONS or not isinstance(take, bool):
        raise unclear()
    path = points(field(body, "points", []))
    if len(path) > MAX_POINTS:
        raise InputError("The line is too long for one action. Lift the pen more often.")
    if len(path) < NEEDS_POINTS.get(action, 0):
        raise unclear()
    cell, other = (field(body, name, 0) for name in ("number", "other"))
    if not is_count(cell, least=0) or not is_count(other, least=0):
        raise unclear()
    return Asked(action, cell, other, path, number(field(body, "radius", 1), 0.1, MAX_RADIUS), take)


def parse_place(y: str, x: str) -> Points:
    """Return a point (1, 2) from two numbers of an address."""
    try:
        place = [float(y), float(x)]
    except ValueError:
        raise unclear() from None
    return points([[number(value, -FAR, FAR) for value in place]])
