"""Use a trained model: image in, cells out."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lacss_tools.arrays import Image, Points
from lacss_tools.cells import Cells
from lacss_tools.contrast import Range
from lacss_tools.errors import InputError
from lacss_tools.io.source import Blank, ImageSource, InMemory, Stacked, whole
from lacss_tools.network.backbone import DEEPEST_STRIDE
from lacss_tools.network.device import autocast
from lacss_tools.network.frozen import freeze
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.network.preprocess import BLACK, scaled_size, working_scale
from lacss_tools.network.reach import reach
from lacss_tools.network.working import normalise, pad, resize
from lacss_tools.predict.cut import MAX_OFFSET, at_lois, cut, propose
from lacss_tools.predict.found import Found, best_first, join, suppress
from lacss_tools.predict.nms import close_pairs, keep_best
from lacss_tools.predict.original import Frame, to_original
from lacss_tools.predict.resample import measure_range, read_working
from lacss_tools.predict.settings import ALL_DETECTIONS, PredictSettings, TileSettings
from lacss_tools.predict.tiles import Box, Tile, plan, sample_windows

RIVALS_IN_A_ROW = 8
"""a proposal's fate may hang on a chain of better ones; so many links beyond the core are followed"""


@dataclass(frozen=True)
class Predictor:
    """A model with its working scale; call it with an image to get the cells, best first."""

    model: Lacss
    scale: float
    device: torch.device
    settings: PredictSettings
    tiling: TileSettings = field(default_factory=TileSettings)
    channel: str | None = None
    """the one channel that the model was trained on, by index or name; None for all"""
    nuclei_channel: str | None = None
    """the channel of those images that held their nuclei; None where that was not so"""

    @property
    def knows_nuclei(self) -> bool:
        """Whether the model was trained with nuclei, so that images may have them as their last channel."""
        return self.model.settings.nuclei is not None

    @property
    def trained_on(self) -> tuple[bool, str | None, str | None]:
        """Whether the model knows nuclei, and the channels of cells and nuclei that it was trained on."""
        return self.knows_nuclei, self.channel, self.nuclei_channel

    def __call__(self, image: Image, lois: Points | None = None) -> Cells:
        """Find the cells of one image (channel, y, x), or those at `lois` (n, 2), (y, x) in its pixels.

        The nuclei, if the model knows them, are the last channel, or left out. Raises InputError when the number of
        channels is wrong.
        """
        return self.find(InMemory(image), lois)

    def find(self, source: ImageSource, lois: Points | None = None) -> Found:
        """Find the cells of an image of any size, in tiles when it is large; with `lois` those at these places alone.

        Of two LOIs in one cell (the masks overlap by more than `max_overlap`) the one with the higher score is kept.
        """
        source = self.complete(source)
        frame = self.frame(source.shape)
        working = None if lois is None else frame.to_working(lois)
        with torch.inference_mode():
            if self.is_small(frame):
                parts = self._find_small([source], frame, working)
            else:
                parts = self._find_large(source, frame, working)
            return self._finish(join(frame.size, parts), frame, given=lois is not None)

    def frame(self, shape: tuple[int, int, int]) -> Frame:
        """Return how an image of `shape` (channels, height, width) lies at the working scale."""
        return Frame(scaled_size(shape[1:], self.scale), shape[1:])

    @property
    def cell_diameter(self) -> float:
        """Diameter of the typical cell that the model expects, in pixels of the images."""
        return self.model.settings.cell_diameter / self.scale

    @property
    def probable(self) -> bool:
        """Whether scores are probabilities, as those of weights from before they were are not."""
        return not self.model.scoring.plain

    @property
    def rivalry(self) -> float:
        """How far beyond the core of a tile proposals compete, in working pixels."""
        return RIVALS_IN_A_ROW * self.settings.nms_distance

    def for_ap(self) -> "Predictor":
        """Return the predictor that finds all that AP asks for, however unlikely its scores are by calibration."""
        least = self.model.scoring.of_rank(np.array([ALL_DETECTIONS.min_score]))
        return replace(self, settings=replace(ALL_DETECTIONS, min_score=float(least[0])))

    @property
    def locating(self) -> PredictSettings:
        """The settings for locations: `min_score` is what the location of a cell of that score has at least."""
        return replace(self.settings, min_score=self.model.scoring.least_location(self.settings.min_score))

    @property
    def halo(self) -> int:
        """The margin around the core of a tile, in working pixels, with which tiles give the same cells as one
        piece."""
        if self.tiling.halo is not None:
            return self.tiling.halo
        features, scores = reach(self.model.settings)
        beyond = math.ceil(MAX_OFFSET) + self.model.settings.patch_size // 2 + 1
        return max(features + beyond, scores + math.ceil(self.rivalry))

    def is_small(self, frame: Frame) -> bool:
        """Return whether an image is as small as those of the training, so that its norms are its own."""
        return frame.size[0] * frame.size[1] <= self.tiling.small**2

    def find_batch(self, images: list[Image]) -> list[Found]:
        """Find the cells of images of one shape, each in one piece; none depends on the others."""
        return self.find_together([InMemory(image) for image in images])

    def find_together(self, sources: list[ImageSource]) -> list[Found]:
        """Return the same of sources."""
        sources = [self.complete(source) for source in sources]
        frame = self.frame(sources[0].shape)
        with torch.inference_mode():
            return [self._finish(part, frame) for part in self._find_small(sources, frame)]

    def _find_small(self, sources: list[ImageSource], frame: Frame, lois: Points | None = None) -> list[Found]:
        """Return the cells of each image, found in one piece."""
        box = (0, 0, *frame.size)
        return self._cells_of(self.maps_of_whole(sources, frame), Tile(box, box), frame.size, lois)

    def _find_large(self, source: ImageSource, frame: Frame, lois: Points | None) -> list[Found]:
        """Return the cells of each tile, found by a network whose norms are those of the whole image."""
        model, intensities, boxes, maps = self.frozen(source, frame)
        tiles = list(plan(frame.size, self.tiling.tile, self.halo))
        if len(tiles) == 1 and [tiles[0].window] == boxes:
            return self._cells_of(maps, tiles[0], frame.size, lois)
        parts = []
        for tile in tiles:
            maps = self.maps_of_window(model, source, frame, tile.window, intensities)
            parts += self._cells_of(maps, tile, frame.size, lois)
        return parts

    def maps_of_whole(self, sources: list[ImageSource], frame: Frame) -> Maps:
        """Return the maps of small images of one size, each with norms of its own."""
        return self._maps(self.model, torch.stack([as_working(source, frame.size) for source in sources]))

    def frozen(self, source: ImageSource, frame: Frame) -> tuple[Lacss, Range, list[Box], Maps]:
        """Return the network with the norms of a large image, its intensities, and the windows they are from.

        Last come the maps of those windows.
        """
        intensities = measure_range(source)
        boxes = sample_windows(frame.size, self.tiling.sample)
        sample = torch.from_numpy(np.stack([read_working(source, frame.size, box, intensities) for box in boxes]))
        with autocast(self.device):
            model, maps = freeze(self.model, pad(sample, DEEPEST_STRIDE).to(self.device))
        return model, intensities, boxes, maps

    def maps_of_window(self, model: Lacss, source: ImageSource, frame: Frame, window: Box, intensities: Range) -> Maps:
        """Return the maps of a window of a large image, by its network of `frozen`."""
        return self._maps(model, torch.from_numpy(read_working(source, frame.size, window, intensities))[None])

    def _maps(self, model: Lacss, working: Float[Tensor, "b channel y x"]) -> Maps:
        with autocast(self.device):
            maps: Maps = model(pad(working, DEEPEST_STRIDE).to(self.device))
        return maps

    def _cells_of(self, maps: Maps, tile: Tile, size: tuple[int, int], lois: Points | None) -> list[Found]:
        """Return the cells that belong to one tile, for each image of a batch; with LOIs, of its only image."""
        if lois is None:
            proposals = propose(maps, tile, self.rivalry, size, self.locating)
        else:
            proposals = at_lois(maps, tile, lois)
        return cut(self.model, maps, proposals, tile, size)

    def _finish(self, found: Found, frame: Frame, given: bool = False) -> Found:
        """Suppress cells of all tiles, by distance and score unless their places were given, then by overlap.

        Those that are kept move to the original grid.
        """
        if not given:
            found = best_first(found, found.location_scores)
            rivals = close_pairs(found.locations, self.settings.nms_distance)
            found = found.select(keep_best(len(found), rivals))
            found = found.select(np.flatnonzero(found.scores >= self.settings.min_score))
        found = found.select(np.flatnonzero(found.areas() >= self.settings.min_area))
        found = best_first(found, found.scores)
        return to_original(suppress(found, self.settings.max_overlap, self.settings.max_iou), frame)

    def complete(self, source: ImageSource) -> ImageSource:
        """Return an image with as many channels as those of the training: a blank one for nuclei that are left out.

        Raises InputError for any other number of channels.
        """
        given, expected = source.shape[0], self.model.settings.channels
        if self.knows_nuclei and given == expected - 1:
            return Stacked((source, Blank(source.shape[1:])))
        if given != expected:
            cells = expected - self.knows_nuclei
            beside = " beside their nuclei" if self.knows_nuclei else ""
            way_out = "Name the `channel` to use." if cells == 1 else "Give the same."
            raise InputError(f"The image has {given} channels, the model was trained on {cells}{beside}. {way_out}")
        return source


def as_working(source: ImageSource, size: tuple[int, int]) -> Float[Tensor, "channel y x"]:
    """Return a whole image as the network sees it, at its working `size`; each part is resized before they are joined.

    A blank channel is as black as normalisation makes one of zeros.
    """
    if isinstance(source, Stacked):
        return torch.cat([as_working(part, size) for part in source.parts])
    return torch.full((1, *size), BLACK) if isinstance(source, Blank) else resize(normalise(whole(source)), size)


def load_predictor(
    path: Path,
    device: str = "auto",
    settings: PredictSettings | None = None,
    tiling: TileSettings | None = None,
    diameter: float | None = None,
) -> Predictor:
    """Load a run folder (its best weights) or a .safetensors file; InputError when it is not a model of ours.

    `diameter` is how many pixels a typical cell is across in the images to come, None if as many as in training.
    """
    from lacss_tools.network.device import choose_device
    from lacss_tools.network.weights import load_weights, read_header

    chosen = choose_device(device)
    model, scale = load_weights(path)
    model = model.to(chosen).eval()
    if diameter is not None:
        scale = working_scale(diameter, model.settings.cell_diameter)
    told = read_header(path)
    own, tiles = settings or PredictSettings(), tiling or TileSettings()
    return Predictor(model, scale, chosen, own, tiles, told.channel, told.nuclei_channel)
