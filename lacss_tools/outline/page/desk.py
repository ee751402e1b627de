"""The desk behind the page: what it shows of images and cells, and every action on them."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Timer
from typing import Any, TypedDict

import numpy as np

from lacss_tools.arrays import Points
from lacss_tools.outline import click
from lacss_tools.outline.contours import Path, contours
from lacss_tools.outline.drawing import Drawing
from lacss_tools.outline.journal import Change
from lacss_tools.outline.network import Network
from lacss_tools.outline.page.asked import Asked
from lacss_tools.outline.page.shelf import TILE, Shelf
from lacss_tools.outline.page.tools import HAND, need, plan
from lacss_tools.outline.progress import Progress
from lacss_tools.outline.session import OutlineSession
from lacss_tools.outline.sheet import Sheet
from lacss_tools.outline.store import Opened
from lacss_tools.outline.suggest import Known, doubts
from lacss_tools.web.bodies import Wish

PAUSE = 1.5
"""seconds without an action, after which label images are written"""


class CellView(TypedDict):
    """A cell as the page draws it; lengths in pixels of the image."""

    n: int
    at: tuple[int, int]
    """(y, x) of the corner of its box"""
    paths: list[Path]
    score: float
    by: str
    ambiguous: bool


class History(TypedDict):
    """How far an image is."""

    version: str
    state: str
    undo: int
    """actions that can be taken back"""
    redo: int
    count: int
    """cells"""


class Changed(History):
    """What an action changed."""

    cells: list[CellView]
    gone: list[int]
    selected: int
    """the cell to go on with, 0 for none"""


class ImageView(History):
    """All that the page needs to show an image beside its pixels."""

    size: tuple[int, int]
    channels: int
    tile: int
    levels: int
    counts: list[list[int]]
    nuclei: bool
    mask: bool
    note: str
    lois: list[list[float]]
    cells: list[CellView]
    doubts: list[tuple[int, float, str]]


@dataclass
class Desk:
    """A session with its images at hand; methods may be called from several threads."""

    session: OutlineSession
    shelf: Shelf
    progress: Progress
    network: Network | None = None
    closing: Callable[[], list[str]] = list
    """the commands that come next"""
    saver: Timer | None = None
    views: tuple[Drawing, dict[int, CellView]] | None = None
    """outlines of the image on show, which thousands of cells take seconds to make"""

    # ---- looking ----

    def state(self) -> dict[str, Any]:
        """Return what the page shows of all images."""
        with self.session.exclusive():
            images = [{"stem": stem, "state": self.session.state(stem)} for stem in self.session.stems]
        return {"images": images, "model": self.session.model, "next": self.closing(), **self.progress.told()}

    def version(self, k: int) -> dict[str, str]:
        """Return the version of an image: another one when somebody changed it."""
        with self.session.exclusive():
            return {"version": str(self.session.drawing(self.shelf.stem(k)).drawing.steps)}

    def image(self, k: int) -> ImageView:
        """Return an image with its cells."""
        stem = self.shelf.stem(k)
        pyramid = self.shelf.pyramid(stem)
        with self.session.exclusive():
            one = self.session.drawing(stem)
            shape = self._shape(one)
            lois = self.shelf.beside.points(stem)
            suggestions = self.session.suggestions
            overlaps = suggestions.overlaps(stem, shape) if suggestions else {}
            known = Known(lois, self.shelf.beside.mask(stem, shape), overlaps)
            note, one.note = one.note, ""
            return {
                **self._history(one),
                "size": shape,
                "channels": len(pyramid.planes[0]),
                "tile": TILE,
                "levels": len(pyramid.planes),
                "counts": pyramid.histograms(),
                "nuclei": stem in self.shelf.beside.dapi,
                "mask": known.mask is not None,
                "note": note,
                "lois": [] if lois is None else lois.round(1).tolist(),
                "cells": list(self._views(one).values()),
                "doubts": [(d.number, round(d.weight, 3), d.reason) for d in doubts(one.drawing, known)],
            }

    def nuclei_counts(self, k: int) -> dict[str, list[list[int]]]:
        """Return the histogram of the nuclei of an image."""
        return {"counts": self.shelf.pyramid(self.shelf.stem(k), nuclei=True).histograms()}

    def mask(self, k: int) -> dict[str, Any]:
        """Return the borders of the cell area of an image; none where it has no mask, or one of another size."""
        stem = self.shelf.stem(k)
        with self.session.exclusive():
            mask = self.shelf.beside.mask(stem, self._shape(self.session.drawing(stem)))
        if mask is None or not mask.any():
            return {"paths": [], "at": [0, 0]}
        sheet = Sheet(mask.astype(np.int32))
        return {"paths": contours(sheet, 1), "at": list(sheet.boxes[1][:2])}

    def tile(self, k: int, level: int, row: int, column: int, nuclei: bool) -> bytes:
        """Return the pixels of a tile."""
        return self.shelf.pyramid(self.shelf.stem(k), nuclei).tile(level, row, column)

    def preview(self, k: int, point: Points) -> dict[str, Any]:
        """Return the outline that a click would give; none where the network sees no cell."""
        found = need(self.network).at(self.shelf.stem(k), point)
        if not len(found):
            return {"paths": [], "at": [0, 0]}
        piece = click.drawn(found)
        sheet = Sheet(piece.mask.astype(np.int32))
        return {"paths": contours(sheet, 1), "at": [piece.top, piece.left], "score": round(float(found.scores[0]), 3)}

    def look(self, k: int, view: Points) -> dict[str, bool]:
        """Make the network look at a view (2, 2), its corners (y, x), before anybody clicks there."""
        if self.network is not None:
            self.network.look(self.shelf.stem(k), view)
        return {"looks": self.network is not None}

    # ---- acting ----

    def act(self, k: int, asked: Asked, wish: Wish) -> Changed:
        """Do what the page asks."""
        stem = self.shelf.stem(k)
        if asked.action in ("undo", "redo"):
            go = self.session.undo if asked.action == "undo" else self.session.redo
            change = go(stem, wish.version)
            self._save_soon()
            return self._changed(stem, change, 0)
        change = self.session.act(stem, wish.version, plan(stem, asked, self.network))
        if change.finished is not None:
            self.progress.finished(self.session, stem)
        self._save_soon()
        return self._changed(stem, change, asked.number)

    def _save_soon(self) -> None:
        """Write label images once the person pauses; the journal has everything already."""
        if self.saver is not None:
            self.saver.cancel()
        self.saver = Timer(PAUSE, self.session.save)
        self.saver.daemon = True
        self.saver.start()

    # ---- answering ----

    def _changed(self, stem: str, change: Change, asked: int) -> Changed:
        with self.session.exclusive():
            one = self.session.drawing(stem)
            numbers, boxes = sorted({*change.rows_before, *change.rows_after}), one.drawing.sheet.boxes
            here = [number for number in numbers if number in boxes]
            views = self._views(one, set(numbers))
            fresh = [number for number in here if change.rows_before.get(number) is None]
            return {
                **self._history(one),
                "cells": [views[number] for number in here],
                "gone": [number for number in numbers if number not in boxes],
                "selected": asked if asked in boxes else fresh[0] if len(fresh) == 1 else 0,
            }

    def _views(self, one: Opened, changed: set[int] | None = None) -> dict[int, CellView]:
        """Return the outlines of all cells; only those `changed` are made anew when the others are known."""
        drawing, known = self.views if changed is not None and self.views else (None, {})
        if drawing is not one.drawing:
            changed, known = None, {}
        stale = one.drawing.sheet.boxes if changed is None else changed & one.drawing.sheet.boxes.keys()
        for number in (changed or set()) - one.drawing.sheet.boxes.keys():
            known.pop(number, None)
        known |= {number: _view(one.drawing, number) for number in stale}
        self.views = one.drawing, known
        return known

    def _history(self, one: Opened) -> History:
        drawing = one.drawing
        return {
            "version": str(drawing.steps),
            "state": self.session.state(one.stem),
            "undo": drawing.at,
            "redo": len(drawing.history) - drawing.at,
            "count": len(drawing.sheet.boxes),
        }

    def _shape(self, one: Opened) -> tuple[int, int]:
        height, width = one.drawing.sheet.labels.shape
        return height, width


def _view(drawing: Drawing, number: int) -> CellView:
    y, x = drawing.sheet.boxes[number][:2]
    row = drawing.rows.get(number, HAND)
    return {
        "n": number,
        "at": (y, x),
        "paths": contours(drawing.sheet, number),
        "score": row.score,
        "by": row.by,
        "ambiguous": row.ambiguous,
    }
