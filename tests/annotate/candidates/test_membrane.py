import numpy as np
import pytest

from lacss_tools.annotate.candidates.candidates import make_candidates
from lacss_tools.annotate.candidates.membrane import fill_outlines
from lacss_tools.annotate.candidates.settings import CutSettings


def rings(size=240, radius=20.0):
    """Bright outlines 4 px wide around dark insides, and the true area."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    image, truth = np.full((size, size), 100.0), np.zeros((size, size), bool)
    for cy, cx in [(50, 60), (50, 180), (150, 100), (180, 180), (110, 0)]:
        distance = np.hypot(y - cy, x - cx)
        image[np.abs(distance - radius + 2) < 2] = 900
        truth |= distance < radius
    return (image + rng.normal(0, 10, image.shape)).astype(np.float32), truth


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_outlined_cells_are_missed_without_and_found_with_filling():
    image, truth = rings()
    plain, _ = make_candidates(image[None], CutSettings())
    filled, _ = make_candidates(image[None], CutSettings(membrane=44.0))
    assert max(iou(mask, truth) for mask in plain) < 0.6
    assert max(iou(mask, truth) for mask in filled) > 0.9


def test_a_cell_wider_than_the_diameter_stays_open():
    image, _ = rings()
    filled = fill_outlines(image, 20.0)
    assert filled[50, 60] < 300
    assert fill_outlines(image, 44.0)[50, 60] > 700


@pytest.mark.parametrize("diameter", [3.0, 7.5, 20.0, 44.0, 133.0])
def test_nothing_becomes_darker_and_the_size_stays(diameter):
    image = rings()[0][:101, :233]
    filled = fill_outlines(image, diameter)
    assert filled.shape == image.shape
    assert filled.dtype == np.float32
    assert (filled >= image).all()


def test_dark_outlines_are_filled_downwards():
    image, truth = rings()
    masks, _ = make_candidates(1000 - image[None], CutSettings(membrane=44.0, polarity="dark"))
    assert max(iou(mask, truth) for mask in masks) > 0.9
