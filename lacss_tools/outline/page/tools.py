"""How each action of the page changes a drawing: by the network, or by hand."""

from collections.abc import Callable

import numpy as np

from lacss_tools.arrays import Points
from lacss_tools.errors import InputError
from lacss_tools.outline import click, edit
from lacss_tools.outline.drawing import Drawing, Edit
from lacss_tools.outline.journal import MARK, NETWORK, PERSON, Change, Row
from lacss_tools.outline.network import Network
from lacss_tools.outline.page.asked import Asked
from lacss_tools.outline.sheet import Fresh, Patch, Sheet
from lacss_tools.outline.suggest import add_all
from lacss_tools.web.stroke import Stroke

HAND = Row(1.0, PERSON)
Plan = Callable[[Drawing], Change]


def plan(stem: str, asked: Asked, network: Network | None) -> Plan:
    """Return how an action changes the drawing of an image; the network looks before anything is locked."""
    if asked.action == "finish":
        return lambda drawing: drawing.finish(True)
    if asked.action == "ask":
        found = need(network).all_cells(stem)
        return lambda drawing: add_all(drawing, found)
    if asked.action == "click":
        return _new_cell(stem, asked, need(network)) if not asked.number else _corrected(stem, asked, need(network))
    return lambda drawing: _by_hand(drawing, asked)


def need(network: Network | None) -> Network:
    """Return the network; InputError when there is none."""
    if network is None:
        raise InputError("There is no model to ask. Start lacss outline with one (`model`).")
    return network


def _new_cell(stem: str, asked: Asked, network: Network) -> Plan:
    there = network.at(stem, asked.points[:1])

    def change(drawing: Drawing) -> Change:
        piece = click.drawn(there)
        row = Row(float(there.scores[0]), NETWORK)
        return drawing.plan("click", lambda s, fresh: edit.place(s, fresh(), *_of(piece)), row)

    return change


def _corrected(stem: str, asked: Asked, network: Network) -> Plan:
    point, number = asked.points[:1], asked.number
    there = network.at(stem, point)

    def change(drawing: Drawing) -> Change:
        sheet = drawing.sheet
        _check(sheet, number)
        if asked.take:
            own = network.at(stem, click.middle(sheet, number))
            piece = click.without_point(sheet, number, point, there, own)
        else:
            piece = click.with_point(sheet, number, point, there)
        return drawing.plan("correct", lambda s, fresh: edit.reshape(s, number, *_of(piece)), HAND)

    return change


def _by_hand(drawing: Drawing, asked: Asked) -> Change:
    """Return what a tool does that needs no network."""
    number = asked.number
    if number:
        _check(drawing.sheet, number)
    if asked.action not in ("polygon", "brush", "split") and not number:
        raise InputError("No cell is selected. Click one first.")
    if asked.action == MARK:
        return drawing.mark(number)
    stroke = Stroke(asked.points, asked.radius, erase=False)
    tools: dict[str, Edit] = {
        "polygon": lambda s, fresh: edit.place(s, fresh(), *edit.polygon_mask(s, asked.points)),
        "brush": lambda s, fresh: _brush(s, number, stroke, fresh),
        "erase": lambda s, fresh: edit.erase(s, number, stroke, fresh),
        "split": lambda s, fresh: edit.split(s, number or _crossed(s, asked.points), asked.points, fresh),
        "merge": lambda s, fresh: edit.merge(s, number, _other(s, asked.other)),
        "delete": lambda s, fresh: edit.delete(s, number),
        "fill": lambda s, fresh: edit.fill(s, number),
        "smooth": lambda s, fresh: edit.smooth(s, number),
    }
    return drawing.plan(
        asked.action, tools[asked.action], HAND, {number} if asked.action == "brush" and number else None
    )


def _brush(sheet: Sheet, number: int, stroke: Stroke, fresh: Fresh) -> Patch:
    """Return the selected cell with what is painted; without one, a new cell on the free pixels under the brush."""
    return (
        edit.extend(sheet, number, stroke, fresh) if number else edit.place(sheet, fresh(), *edit.swept(sheet, stroke))
    )


def _crossed(sheet: Sheet, points: Points) -> int:
    """Return the cell that a line crosses longest."""
    numbers = [click.number_at(sheet, points[k : k + 1]) for k in range(len(points))]
    middle = [click.number_at(sheet, points[k : k + 2].mean(axis=0)[None]) for k in range(len(points) - 1)]
    crossed = [n for n in (*numbers, *middle) if n]
    if not crossed:
        raise InputError("The line crosses no cell. Draw it from one side of a cell to the other.")
    return max(set(crossed), key=crossed.count)


def _other(sheet: Sheet, number: int) -> int:
    _check(sheet, number)
    return number


def _check(sheet: Sheet, number: int) -> None:
    if number not in sheet.boxes:
        raise InputError("That cell is gone. Select another one.")


def _of(piece: click.Piece) -> tuple[int, int, np.ndarray]:
    return piece.top, piece.left, piece.mask
