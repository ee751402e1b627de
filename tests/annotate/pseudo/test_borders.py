"""Whether borders are told to be bright or dark, on meshes of cells whose borders are known."""

import numpy as np
import pytest

from lacss_tools.annotate.pseudo.borders import (
    BRIGHT,
    DARK,
    DISTANCE,
    FEWEST,
    Evidence,
    choose,
    describe,
    measure,
    neighbours,
    pool,
)
from tests.made_up import made_up_image, tiled_cells


def evidence(contrast, **more):
    image, labels, centres = tiled_cells(contrast=contrast, **more)
    return measure(image, labels > 0, centres)


def test_bright_and_dark_borders_are_told_apart_and_flat_cells_are_neither():
    bright, flat, dark = (evidence(contrast).contrast for contrast in (0.6, 0.0, -0.6))
    assert dark < -0.7 < -0.15 < flat < 0.15 < 0.7 < bright


def test_dark_nuclei_beside_the_border_are_not_taken_for_it():
    """A membrane stain: borders little brighter than the cells, nuclei far darker."""
    image, labels, centres = tiled_cells(contrast=0.25)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for cy, cx in centres:
        image[np.hypot(y - cy, x - cx) < 4] -= 0.8
    assert choose(measure(image, labels > 0, centres)) == BRIGHT


def test_bright_nuclei_with_dim_rims_have_dark_borders():
    image, labels, centres = made_up_image(3)
    assert choose(measure(image[0], labels > 0, centres)) == DARK


def test_gain_is_nothing_to_the_contrast_and_turning_the_image_over_turns_its_sign():
    image, labels, centres = tiled_cells(contrast=0.3)
    one, louder, inverse = (measure(change, labels > 0, centres) for change in (image, 3 * image, -image))
    assert louder.contrast == pytest.approx(one.contrast, abs=1e-4)
    assert inverse.contrast == pytest.approx(-one.contrast, abs=1e-4)


def test_pairs_across_background_do_not_count():
    image, labels, centres = tiled_cells()
    between = np.minimum(labels % 7, 1).astype(bool)  # every seventh column of cells is no cell
    assert 0 < measure(image, between, centres).pairs < measure(image, labels > 0, centres).pairs
    assert measure(image, np.zeros(image.shape, bool), centres) == Evidence()


def test_neighbours_have_nobody_between_them_and_are_neither_doubled_nor_far():
    assert len(neighbours(np.zeros((0, 2)))) == 0
    assert neighbours(np.array([[0.0, 0.0], [0.0, 4.0], [0.0, 30.0], [0.0, 120.0]])).tolist() == [[1, 2]]
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (60, 2))
    pairs = {tuple(pair) for pair in neighbours(points).tolist()}
    for i in range(60):
        for j in range(i + 1, 60):
            middle, length = (points[i] + points[j]) / 2, np.hypot(*(points[i] - points[j]))
            others = np.delete(points, [i, j], axis=0)
            alone = np.hypot(*(others - middle).T).min() >= length / 2
            assert ((i, j) in pairs) == (alone and 10 <= length <= 60)


def test_a_data_set_is_judged_as_a_whole_and_said_in_words():
    sure, few = evidence(0.6), Evidence(darker=9.0, brighter=0.1, pairs=FEWEST - 1)
    together = pool([sure, few])
    assert together.pairs == sure.pairs + few.pairs
    assert together.darker == pytest.approx(sure.darker + 9.0)
    assert (choose(sure), choose(few)) == (BRIGHT, DARK)
    assert describe(sure).startswith("borders are brighter than cells: membrane-like")
    assert describe(evidence(-0.6)).startswith("borders are darker than cells (contrast -0.")
    assert "too few cells touch" in describe(few)
    assert "neither" in describe(evidence(0.0))
    assert describe(sure, DISTANCE).endswith("whatever the intensity")
