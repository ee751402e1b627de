"""The page of `lacss outline` for tests, with a network that sees a disc wherever one clicks."""

import numpy as np

from lacss_tools.cells import Cells, cells_from_crops
from lacss_tools.formats.sources import open_source
from lacss_tools.outline.network import Network
from lacss_tools.outline.page.desk import Desk
from lacss_tools.outline.page.shelf import Shelf
from lacss_tools.outline.progress import Progress
from lacss_tools.outline.session import FINISHED, open_session
from lacss_tools.outline.sources import find_beside
from lacss_tools.outline.suggest import Suggestions

RADIUS = 8
SIDE = 96


def disc(y, x, radius=RADIUS, side=SIDE):
    rows, columns = np.ogrid[:side, :side]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


class Discs(Network):
    """Sees a disc around each point, none within 5 pixels of the left border, and two when it is asked for all."""

    def __init__(self):  # as the network of a session has it, but for a model
        self.asked = []

    __repr__ = object.__repr__

    def at(self, stem, point) -> Cells:
        self.asked.append((stem, *point[0].tolist()))
        y, x = point[0]
        return cells_from_crops((SIDE, SIDE), [(0, 0, disc(y, x))] if x > 5 else [], [0.9] if x > 5 else [])

    def all_cells(self, stem) -> Cells:
        crops = [(0, 0, disc(y, x)) for y, x in ((20, 20), (70, 70))]
        return cells_from_crops((SIDE, SIDE), crops, [0.8, 0.4])

    def look(self, stem, view) -> None:
        self.looked = (stem, *view.ravel().tolist())


def make_desk(project, start=None, network=True) -> Desk:
    """Return a desk on a project of images/, with what else it has."""
    suggestions = Suggestions(open_source(project / start)) if start else None
    session = open_session(project / "images", project / "labels", suggestions)
    session.model = "discs" if network else None
    beside = find_beside(*(project / name for name in ("dapi", "lois", "masks")))
    desk = Desk(session, Shelf(session, beside), Progress(2, "name"), Discs() if network else None)
    desk.closing = lambda: ["lacss train --supervision full"] if session.counts()[FINISHED] else []
    return desk
