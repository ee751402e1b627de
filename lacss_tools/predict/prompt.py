"""Cells at points that come one by one: the maps of an image are made once, and each point is answered from them."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from lacss_tools.arrays import Points
from lacss_tools.contrast import Range
from lacss_tools.io.source import ImageSource
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.predict.cut import at_lois, cut
from lacss_tools.predict.found import Found
from lacss_tools.predict.original import Frame, to_original
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.tiles import Box, Tile, plan

SIDE = 512
"""working pixels: the core of a tile of a large image, small so that its maps come soon"""
KEPT_TILES = 24
"""whose maps are in memory, of about 20 MB each"""


@dataclass
class PromptedImage:
    """An image and the maps that a network made of it: of all of it, or of the tiles of a large one that were needed.

    `at` gives the very cell that `Predictor.find` would with this point as its only LOI.
    """

    predictor: Predictor
    source: ImageSource
    maps: OrderedDict[Box, Maps] = field(default_factory=OrderedDict)
    """core of a tile -> its maps, least recently used first"""

    @cached_property
    def frame(self) -> Frame:
        """How the image lies at the working scale."""
        return self.predictor.frame(self.predictor.complete(self.source).shape)

    @cached_property
    def tiles(self) -> list[Tile]:
        """The parts that maps are made of; a small image is one."""
        whole = (0, 0, *self.frame.size)
        if self.predictor.is_small(self.frame):
            return [Tile(whole, whole)]
        return list(plan(self.frame.size, SIDE, self.predictor.halo))

    @cached_property
    def _frozen(self) -> tuple[Lacss, Range]:
        """The network with the norms of a large image, and its range of intensities."""
        with torch.inference_mode():
            model, intensities, _, _ = self.predictor.frozen(self.predictor.complete(self.source), self.frame)
        return model, intensities

    def at(self, point: Points) -> Found:
        """Return the cell at one point (1, 2), (y, x) in pixels of the image: none or one."""
        place = self.frame.to_working(point)
        tile = self.tile_at(place[0])
        with torch.inference_mode():
            maps = self.maps_of(tile)
            found = cut(self.predictor.model, maps, at_lois(maps, tile, place), tile, self.frame.size)[0]
        least = self.predictor.settings.min_area
        return to_original(found.select(np.flatnonzero(found.areas() >= least)), self.frame)

    def prepare(self, point: Points) -> None:
        """Make the maps around a point, so that the next answer there comes at once."""
        self.maps_of(self.tile_at(self.frame.to_working(point)[0]))

    def tile_at(self, place: np.ndarray) -> Tile:
        """Return the tile whose core holds a point, in working pixels; of one outside the image the nearest."""
        y, x = np.clip(place, 0, np.array(self.frame.size) - 1)
        return next(t for t in self.tiles if y < t.core[2] - 0.5 and x < t.core[3] - 0.5)

    def maps_of(self, tile: Tile) -> Maps:
        """Return the maps of a tile, made now if they are not in memory."""
        found = self.maps.pop(tile.core, None)
        if found is None:
            with torch.inference_mode():
                found = self._make(tile)
        self.maps[tile.core] = found
        while len(self.maps) > KEPT_TILES:
            self.maps.popitem(last=False)
        return found

    def _make(self, tile: Tile) -> Maps:
        source = self.predictor.complete(self.source)
        if self.predictor.is_small(self.frame):
            return self.predictor.maps_of_whole([source], self.frame)
        model, intensities = self._frozen
        return self.predictor.maps_of_window(model, source, self.frame, tile.window, intensities)
