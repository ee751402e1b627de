"""Cells at points that come one by one: the maps of an image are made once, and each point is answered from them."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock, RLock

import numpy as np
import torch

from lacss_tools.arrays import Points
from lacss_tools.contrast import Range
from lacss_tools.io.source import ImageSource
from lacss_tools.network.backbone import COARSE_STRIDE, DEEPEST_STRIDE, FINE_STRIDE
from lacss_tools.network.device import return_memory
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.predict.cut import at_lois, cut
from lacss_tools.predict.found import Found
from lacss_tools.predict.original import Frame, to_original
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.tiles import Box, Tile, around, plan

SIDE = 512
"""working pixels: the core of a tile of a large image that is made ahead"""
KEPT_TILES = 24
"""whose maps are in memory, of about 10 MB each"""


@dataclass(frozen=True)
class Seen:
    """The maps of a tile, whose window is as large as these maps."""

    tile: Tile
    maps: Maps


@dataclass
class PromptedImage:
    """An image and the maps that a network made of it; methods may be called from several threads.

    They are those of all of a small image. Of a large one they are made in tiles: ahead by `look`, or in a tile just
    large enough where somebody asks for a cell. `at` gives the very cell that `Predictor.find` would with this point
    as its only LOI.
    """

    predictor: Predictor
    source: ImageSource
    seen: OrderedDict[Box, Seen] = field(default_factory=OrderedDict)
    """by core, least recently used first"""
    lock: Lock = field(default_factory=Lock)
    """of `seen`"""
    making: RLock = field(default_factory=RLock)
    """held while maps are made that others wait for: not by tiles for one point"""
    frozen: tuple[Lacss, Range] | None = None

    @cached_property
    def frame(self) -> Frame:
        """How the image lies at the working scale."""
        return self.predictor.frame(self.predictor.complete(self.source).shape)

    @cached_property
    def tiles(self) -> list[Tile]:
        """The parts that maps are made of ahead; a small image is one."""
        whole = (0, 0, *self.frame.size)
        if self.predictor.is_small(self.frame):
            return [Tile(whole, whole)]
        return list(plan(self.frame.size, SIDE, self.predictor.halo))

    def at(self, point: Points) -> Found:
        """Return the cell at one point (1, 2), (y, x) in pixels of the image: none or one."""
        place = self.frame.to_working(point)
        with torch.inference_mode():
            seen = self._seen_at(place[0])
            own = at_lois(seen.maps, seen.tile, place)
            found = cut(self.predictor.model, seen.maps, own, seen.tile, self.frame.size)[0]
        least = self.predictor.settings.min_area
        return to_original(found.select(np.flatnonzero(found.areas() >= least)), self.frame)

    def look(self, view: Points) -> Iterator[None]:
        """Make the maps of the tiles in a view, one per step, those in its middle first.

        `view` holds its corners (2, 2), (y, x) in pixels of the image.
        """
        low, high = self.frame.to_working(view)
        cores = np.array([tile.core for tile in self.tiles])
        away = np.hypot(*np.maximum(cores[:, :2] - (low + high) / 2, (low + high) / 2 - cores[:, 2:]).clip(0).T)
        in_view = np.flatnonzero(((cores[:, :2] < high + 0.5) & (cores[:, 2:] > low + 0.5)).all(axis=1))
        for k in in_view[np.argsort(away[in_view], kind="stable")][:KEPT_TILES].tolist():
            self._make_once(self.tiles[k])
            yield

    def _seen_at(self, place: np.ndarray) -> Seen:
        """Return the maps at a point, in working pixels; for one outside the image the nearest."""
        y, x = np.clip(place, 0, np.array(self.frame.size) - 1) + 0.5
        with self.lock:
            for core, seen in self.seen.items():
                if core[0] <= y < core[2] and core[1] <= x < core[3]:
                    self.seen.move_to_end(core)
                    return seen
        if self.predictor.is_small(self.frame):
            return self._make_once(self.tiles[0])
        top, left = (int(value // DEEPEST_STRIDE) * DEEPEST_STRIDE for value in (y, x))
        core = (top, left, top + DEEPEST_STRIDE, left + DEEPEST_STRIDE)
        return self._keep(around(core, self.frame.size, self.predictor.halo))

    def _make_once(self, tile: Tile) -> Seen:
        """Return the maps of a tile, made now if they are not in memory."""
        with self.making:
            with self.lock:
                found = self.seen.get(tile.core)
                if found is not None:
                    self.seen.move_to_end(tile.core)
            return found or self._keep(tile)

    def _keep(self, tile: Tile) -> Seen:
        """Return the maps of a tile, made now."""
        seen = self._make(tile)
        return_memory(self.predictor.device)  # layers of many sizes would leave a gigabyte with the process
        with self.lock:
            self.seen[tile.core] = seen
            while len(self.seen) > KEPT_TILES:
                self.seen.popitem(last=False)
        return seen

    def _make(self, tile: Tile) -> Seen:
        source = self.predictor.complete(self.source)
        with torch.inference_mode():
            if self.predictor.is_small(self.frame):
                return Seen(tile, self.predictor.maps_of_whole([source], self.frame))
            model, intensities = self._network()
            return self._trim(tile, self.predictor.maps_of_window(model, source, self.frame, tile.window, intensities))

    def _network(self) -> tuple[Lacss, Range]:
        """Return the network with the norms of a large image, and its range of intensities, measured once."""
        if self.frozen is None:
            with self.making, torch.inference_mode():
                if self.frozen is None:
                    self.frozen = self.predictor.frozen(self.predictor.complete(self.source), self.frame)[:2]
        return self.frozen

    def _trim(self, tile: Tile, maps: Maps) -> Seen:
        """Return maps without the margin that only the network had to see: patches reach no farther."""
        margin = min(self.predictor.model.settings.patch_size // 2 + COARSE_STRIDE, self.predictor.halo)
        kept = around(tile.core, self.frame.size, margin)
        starts = [kept.window[i] - tile.window[i] for i in (0, 1)]
        # to the end of the image also what was added to it, as for the whole
        ends = [None if kept.window[i] == tile.window[i] else kept.window[i] - tile.window[i - 2] for i in (2, 3)]
        fine, coarse = (
            tuple(slice(a // step, b and b // step) for a, b in zip(starts, ends, strict=True))
            for step in (FINE_STRIDE, COARSE_STRIDE)
        )
        planes = (maps.features[:, *fine], maps.scores[:, *coarse], maps.offsets[:, *coarse])
        return Seen(kept, Maps(*(plane.contiguous() for plane in planes)))
