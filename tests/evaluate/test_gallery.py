import numpy as np
import pytest

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.evaluate.gallery import LARGE, errors_picture, row_of, truth_picture, worst_and_best
from lacss_tools.metrics.metrics import compare, evaluate
from lacss_tools.screen.draw import GREEN, SKY, VERMILLION, YELLOW

SHAPE = (400, 400)


def cells_of(*corners):
    labels = np.zeros(SHAPE, np.int32)
    for number, (y, x) in enumerate(corners, start=1):
        labels[y : y + 20, x : x + 20] = number
    return cells_from_labels(labels)


@pytest.fixture
def image():
    return np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)


@pytest.fixture
def matched():
    return compare(cells_of((50, 52), (300, 300)), cells_of((50, 50), (50, 200), (200, 50)))


def where(rgb, colour):
    return {tuple(corner // 50 * 50) for corner in np.argwhere((rgb == colour).all(axis=-1)) + 5}


def test_found_false_and_missed_cells_have_their_own_colours(image, matched):
    assert where(truth_picture(image, matched.truth), GREEN) == {(50, 50), (50, 200), (200, 50)}
    picture = errors_picture(image, matched, 0.0)
    assert where(picture, SKY) == {(50, 50)}
    assert where(picture, VERMILLION) == {(300, 300)}
    assert where(picture, YELLOW) == {(50, 200), (200, 50)}


def test_detections_below_the_cut_are_not_drawn(image, matched):
    picture = errors_picture(image, matched, 2.0)
    assert where(picture, SKY) == where(picture, VERMILLION) == set()
    assert len(where(picture, YELLOW)) == 3


def test_the_picture_misses_as_many_cells_as_the_table(image):
    # one detection overlaps two true cells by more than half and can find only one of them
    one = cells_of((50, 50))
    truth = Cells(SHAPE, np.ones(2), one.locations.repeat(2, 0), one.boxes + np.array([[0], [2]]), one.crops * 2)
    between = Cells(SHAPE, np.ones(1), one.locations, one.boxes + 1, one.crops)
    assert evaluate([(between, truth)]).images[0].fn == 1
    assert where(errors_picture(image, compare(between, truth), 0.0), YELLOW)


@pytest.mark.parametrize("channels", [None, 1, 2, 5])
@pytest.mark.parametrize("size", [(100, 120), (2500, 300), (401, 399)])
def test_pictures_are_neither_tiny_nor_huge(size, channels):
    image = None if channels is None else np.random.default_rng(0).random((channels, *size)).astype(np.float32)
    labels = np.zeros(size, np.int32)
    labels[-40:, -40:] = 1  # at the border, where block means leave pixels out
    cells = cells_from_labels(labels)
    left, right = truth_picture(image, cells), errors_picture(image, compare(cells, cells), 0.0)
    assert left.shape == right.shape
    assert 200 <= max(left.shape) <= LARGE
    assert (left == GREEN).all(axis=-1).any()


def test_noise_is_made_coarser_until_it_fits():
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3)).astype(np.uint8)
    rich, poor = (row_of("a", [("x", noise), ("y", noise)], budget) for budget in (10_000_000, 200_000))
    assert len(poor) < 210_000 < len(rich)
    assert poor.count("data:image/jpeg") == 2


def test_worst_and_best_share_no_field():
    values = [0.1, 0.9, None, 0.5, 0.3, 0.8]
    assert worst_and_best(values, 2) == ([0, 4], [1, 5])
    worst, best = worst_and_best(values, 4)
    assert not set(worst) & set(best)
    assert set(worst) | set(best) == {0, 1, 3, 4, 5}
    assert worst_and_best([None], 3) == ([], [])
    assert worst_and_best([0.4], 3) == ([], [0])
