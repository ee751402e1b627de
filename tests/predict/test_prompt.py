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


WHOLE = np.array([[0.0, 0.0], [149.0, 299.0]])


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("tiling", [TileSettings(), LARGE], ids=["small", "large"])
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_point_is_answered_as_prediction_does(monkeypatch, tiling, scale, looked):
    monkeypatch.setattr(prompt, "SIDE", 64)
    network = predictor(scale, tiling)
    source = InMemory(picture(150, 300))
    image = PromptedImage(network, source)
    if looked:
        assert len(list(image.look(WHOLE))) == len(image.tiles)
    found = 0
    for place in PLACES:
        expected = network.find(source, np.array([place]))
        same(image.at(np.array([place])), expected)
        found += len(expected)
    assert found > 2
    assert len(image.tiles) == 1 or tiling is LARGE


@pytest.fixture
def made(monkeypatch):
    """Cores of the tiles of which maps were made, 64 pixels large where somebody looks ahead."""
    monkeypatch.setattr(prompt, "SIDE", 64)
    made = []
    make = PromptedImage._make
    monkeypatch.setattr(PromptedImage, "_make", lambda self, tile: made.append(tile.core) or make(self, tile))
    return made


def large():
    return PromptedImage(predictor(tiling=replace(LARGE, halo=32)), InMemory(picture(150, 300)))


def test_a_view_is_made_from_its_middle_once_and_clicks_there_need_no_more(made):
    image = large()
    steps = image.look(np.array([[10.0, 70.0], [60.0, 200.0]]))
    next(steps)
    assert made == [(0, 128, 64, 192)]
    list(steps)
    assert made[1:] == [(0, 64, 64, 128), (0, 192, 64, 256)]
    list(image.look(np.array([[10.0, 70.0], [60.0, 130.0]])))
    image.at(np.array([[30.0, 255.4]]))
    assert len(made) == 3


def test_elsewhere_a_click_makes_as_little_as_it_needs_and_the_oldest_are_dropped(made, monkeypatch):
    monkeypatch.setattr(prompt, "KEPT_TILES", 2)
    image = large()
    for x in (10.0, 12.0, 100.0, 11.0, 200.0, 13.0, 101.0):
        image.at(np.array([[10.0, x]]))
    assert [core[1] for core in made] == [0, 96, 192, 96]
    assert all(core[3] - core[1] == 32 for core in made)
    assert len(image.seen) == 2


def test_a_cell_that_is_too_small_is_none():
    network = replace(predictor(), settings=replace(EASY, min_area=1e6))
    assert len(PromptedImage(network, InMemory(picture(96, 96))).at(np.array([[40.0, 40.0]]))) == 0
