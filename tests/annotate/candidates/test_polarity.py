import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from lacss_tools.annotate.candidates.polarity import cells_are_dark


def discs(cover, seed, spread=0.2, size=300):
    rng = np.random.default_rng(seed)
    image = np.zeros((size, size))
    y, x = np.mgrid[:size, :size]
    while (image > 0).mean() < cover:
        cy, cx = rng.uniform(-20, size + 20, 2)
        image[np.hypot(y - cy, x - cx) < rng.uniform(12, 20)] = max(1 + rng.normal(0, spread), 0.1)
    image = ndimage.gaussian_filter(image, 1) + rng.normal(0, 0.03, image.shape)
    return (100 + 800 * image).astype(np.float32)[None]


def full_image(seed, gap, spread, size=300):
    """Cells side by side, with gaps between them."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-20, size + 20, (80, 2))
    distance, nearest = cKDTree(centres).query(np.indices((size, size)).reshape(2, -1).T, k=2)
    level = np.where(distance[:, 1] - distance[:, 0] > gap, 1 + rng.normal(0, spread, 80)[nearest[:, 0]], 0.1)
    image = ndimage.gaussian_filter(level.reshape(size, size), 1) + rng.normal(0, 0.03, (size, size))
    return (100 + 800 * image).astype(np.float32)[None]


@pytest.mark.parametrize("cover", [0.06, 0.2, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_dark_cells_on_a_bright_background_are_seen_and_bright_ones_left(cover, seed):
    image = discs(cover, seed)
    assert not cells_are_dark(image)
    assert cells_are_dark(-image)
    assert cells_are_dark(5000 - image * 3)


@pytest.mark.parametrize("gap", [2, 4, 8])
@pytest.mark.parametrize("spread", [0, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_field_full_of_bright_cells_is_left_alone(gap, spread, seed):
    assert not cells_are_dark(full_image(seed, gap, spread))


@pytest.mark.parametrize("cover", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("spread", [0, 0.3])
def test_a_crowd_of_bright_cells_with_few_gaps_is_left_alone(cover, spread):
    assert not cells_are_dark(discs(cover, 0, spread))


def test_a_constant_and_a_tiny_image_are_left_alone():
    assert not cells_are_dark(np.full((1, 50, 60), 7, np.float32))
    assert not cells_are_dark(np.arange(6, dtype=np.float32).reshape(1, 1, 6))


def test_one_row_of_many_pixels_is_no_error():
    assert not cells_are_dark(np.random.default_rng(0).normal(size=(1, 1, 3000)).astype(np.float32))
