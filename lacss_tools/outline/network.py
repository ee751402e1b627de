"""The network that answers clicks: the last images' maps stay in memory, the next ones are made ahead."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from lacss_tools.arrays import Points
from lacss_tools.io.nuclei import FoundNuclei, Inputs
from lacss_tools.io.source import InMemory
from lacss_tools.predict.found import Found
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.prompt import PromptedImage

KEPT = 3
"""images: the one on show, the one before and the next"""


@dataclass
class Network:
    """A trained model and the images whose cells it draws; methods may be called from several threads."""

    predictor: Predictor
    images: Mapping[str, Path]
    inputs: Inputs
    kept: OrderedDict[str, PromptedImage] = field(default_factory=OrderedDict)
    last: tuple[tuple[str | float, ...], Found] | None = None
    """the last place and its cell: a click mostly asks again for what the preview showed"""
    lock: Lock = field(default_factory=Lock)

    def at(self, stem: str, point: Points) -> Found:
        """Return the cell of an image at a point (1, 2), (y, x): none or one."""
        asked = (stem, *point[0].tolist())
        with self.lock:
            if self.last is None or self.last[0] != asked:
                self.last = asked, self._image(stem).at(point)
            return self.last[1]

    def all_cells(self, stem: str) -> Found:
        """Return all the cells that it finds in an image."""
        with self.lock:
            return self.predictor.find(self._image(stem).source)

    def prepare(self, stem: str, point: Points) -> None:
        """Make the maps around a point, so that a click there is answered at once."""
        with self.lock:
            self._image(stem).prepare(point)

    def _image(self, stem: str) -> PromptedImage:
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
