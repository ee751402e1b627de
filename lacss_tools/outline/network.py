"""The network that answers clicks: the last images' maps stay in memory, those of the view are made ahead."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import torch

from lacss_tools.arrays import Points
from lacss_tools.errors import LacssError
from lacss_tools.io.nuclei import FoundNuclei, Inputs
from lacss_tools.io.source import InMemory
from lacss_tools.network.device import threads
from lacss_tools.outline.ahead import Ahead
from lacss_tools.predict.found import Found
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.prompt import PromptedImage

KEPT = 3
"""images: the one on show and those before it"""


@dataclass
class Network:
    """A trained model and the images whose cells it draws; methods may be called from several threads."""

    predictor: Predictor
    images: Mapping[str, Path]
    inputs: Inputs
    kept: OrderedDict[str, PromptedImage] = field(default_factory=OrderedDict)
    last: tuple[tuple[str | float, ...], Found] | None = None
    """the last place and its cell: a click mostly asks again for what the preview showed"""
    answering: Lock = field(default_factory=Lock)
    opening: Lock = field(default_factory=Lock)
    """of `kept`"""
    ahead: Ahead = field(default_factory=Ahead)

    def at(self, stem: str, point: Points) -> Found:
        """Return the cell of an image at a point (1, 2), (y, x): none or one."""
        asked = (stem, *point[0].tolist())
        with self.ahead.first(), self.answering:
            if self.last is None or self.last[0] != asked:
                self.last = asked, self._image(stem).at(point)
            return self.last[1]

    def all_cells(self, stem: str) -> Found:
        """Return all the cells that it finds in an image."""
        with self.ahead.first(), self.answering:
            return self.predictor.find(self._image(stem).source)

    def look(self, stem: str, view: Points) -> None:
        """Make the maps of a view (2, 2), its corners (y, x), in the background, so that clicks there are fast.

        What was to be made for the view before is given up.
        """
        self.ahead.turn_to(self._steps(stem, view))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Compute with half of the cores meanwhile, and at the end give up what is made in the background.

        The browser and the background need the others, and threads that wait for each other on busy cores are slower
        by far than one alone.
        """
        with threads(max(1, torch.get_num_threads() // 2)):
            try:
                yield
            finally:
                self.ahead.turn_to(iter(()))

    def _steps(self, stem: str, view: Points) -> Iterator[None]:
        with suppress(LacssError):  # a click will say what is wrong
            image = self._image(stem)
            yield from image.look(view)
            image.at(view.mean(axis=0)[None])  # the first answer of all loads what the later ones use

    def _image(self, stem: str) -> PromptedImage:
        with self.opening:
            found = self.kept.pop(stem, None)
            if found is None:
                found = PromptedImage(self.predictor, InMemory(self.inputs.read(self.images[stem])))
            self.kept[stem] = found
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
            return found


def network_of(predictor: Predictor, images: Mapping[str, Path], channel: str | None, nuclei: FoundNuclei) -> Network:
    """Return a network for images whose nuclei, where the model knows any, were found."""
    return Network(predictor, images, Inputs(channel, nuclei.of))
