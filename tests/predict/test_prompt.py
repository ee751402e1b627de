"""A click is answered with the very cell that a prediction at this point gives, in small images and in large ones."""

from dataclasses import replace

import numpy as np
import pytest

from lacss_tools.io.source import InMemory
from lacss_tools.predict import prompt
from lacss_tools.predict.prompt import PromptedImage
from lacss_tools.predict.settings import TileSettings
from tests.predict.test_tiles import EASY, LARGE, picture, predictor, same

pytestmark = pytest.mark.usefixtures("one_thread")
PLACES = ([40.0, 50.0], [0.0, 0.0], [149.4, 299.4], [64.0, 128.0], [100.3, 7.7])


@pytest.mark.parametrize("tiling", [TileSettings(), LARGE], ids=["small", "large"])
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_point_is_answered_as_prediction_does(monkeypatch, tiling, scale):
    monkeypatch.setattr(prompt, "SIDE", 64)
    network = predictor(scale, tiling)
    source = InMemory(picture(150, 300))
    image = PromptedImage(network, source)
    found = 0
    for place in PLACES:
        expected = network.find(source, np.array([place]))
        same(image.at(np.array([place])), expected)
        found += len(expected)
    assert found > 2
    assert len(image.tiles) == (1 if tiling is not LARGE else len(image.tiles))


def test_maps_are_made_once_and_the_oldest_are_dropped(monkeypatch):
    monkeypatch.setattr(prompt, "SIDE", 64)
    monkeypatch.setattr(prompt, "KEPT_TILES", 2)
    network = predictor(tiling=replace(LARGE, halo=32))
    image = PromptedImage(network, InMemory(picture(150, 300)))
    made = []
    monkeypatch.setattr(
        PromptedImage, "_make", lambda self, tile, make=PromptedImage._make: made.append(tile.core) or make(self, tile)
    )
    for x in (10.0, 12.0, 100.0, 11.0, 200.0, 13.0, 101.0):
        image.prepare(np.array([[10.0, x]]))
    assert [core[1] for core in made] == [0, 64, 192, 64]
    assert len(image.maps) == 2


def test_a_cell_that_is_too_small_is_none():
    network = replace(predictor(), settings=replace(EASY, min_area=1e6))
    assert len(PromptedImage(network, InMemory(picture(96, 96))).at(np.array([[40.0, 40.0]]))) == 0
