import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lacss_tools.annotate.candidates.choice import (
    agreement,
    area_per_loi,
    best,
    border_step,
    choose,
    middle_area,
    score_candidates,
    smooth_level,
    typical,
    with_loi,
)
from lacss_tools.annotate.pick.session import load_choices

NOBODY = np.zeros((0, 2))


def square(size, *boxes):
    mask = np.zeros((size, size), bool)
    for y0, x0, y1, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def discs(*radii):
    """Nested masks of three discs each, and the LOIs in their centres."""
    y, x = np.mgrid[:90, :120]
    centres = np.array([[25.0, 25.0], [30.0, 85.0], [65.0, 55.0]])
    nearest = np.min([np.hypot(y - cy, x - cx) for cy, cx in centres], axis=0)
    return np.stack([nearest < radius for radius in radii]), centres, nearest


# ---- LOIs -----------------------------------------------------------------------------------------------------------


def test_agreement_is_the_harmonic_mean_of_cover_and_explained_area():
    mask = square(20, (0, 0, 5, 5), (10, 10, 15, 15), (10, 0, 15, 5))  # 75 px, 25 of them with a LOI
    points = np.array([[2.0, 2.0], [3.0, 3.0], [18.0, 2.0], [19.0, 19.0]])  # 2 of 4 on the mask
    assert agreement(mask, points) == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))


def test_regions_that_touch_at_a_corner_are_two():
    mask = np.array([[1, 1, 0], [0, 0, 1]], bool)
    np.testing.assert_array_equal(with_loi(mask, np.array([[0.0, 0.0]])), [[1, 1, 0], [0, 0, 0]])


@given(arrays(bool, (4, 5)), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=5))
def test_the_part_with_lois_agrees_with_a_flood_fill(mask, places):
    reached = {place for place in places if mask[place]}
    while True:
        around = {(y + dy, x + dx) for y, x in reached for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))}
        more = {(y, x) for y, x in around if 0 <= y < 4 and 0 <= x < 5 and mask[y, x]} - reached
        if not more:
            break
        reached |= more
    expected = np.zeros_like(mask)
    for place in reached:
        expected[place] = True
    np.testing.assert_array_equal(with_loi(mask, np.array(places, float).reshape(-1, 2)), expected)


# ---- border ---------------------------------------------------------------------------------------------------------


def test_the_step_is_whole_at_the_border_and_gone_beside_it():
    level = square(12, (4, 4, 8, 8)).astype(np.float32)
    assert border_step(square(12, (4, 4, 8, 8)), level) == 1
    assert border_step(~square(12, (4, 4, 8, 8)), level) == 1
    assert border_step(square(12, (2, 2, 10, 10)), level) == 0
    assert border_step(square(12), level) == 0
    assert border_step(~square(12), level) == 0


@settings(max_examples=60)
@given(arrays(bool, (5, 6)), arrays(np.float32, (5, 6), elements=st.floats(0, 1, width=32)))
def test_the_step_agrees_with_a_loop_over_pixels(mask, level):
    def has_neighbour(y, x, value):
        around = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        return any(0 <= a < 5 and 0 <= b < 6 and mask[a, b] == value for a, b in around)

    places = [(y, x) for y in range(5) for x in range(6)]
    inner = [level[p] for p in places if mask[p] and has_neighbour(*p, False)]
    outer = [level[p] for p in places if not mask[p] and has_neighbour(*p, True)]
    expected = abs(np.mean(inner) - np.mean(outer)) if inner else 0
    assert border_step(mask, level) == pytest.approx(expected, abs=1e-6)


def test_gain_and_offset_of_the_camera_do_not_change_the_level():
    image = np.random.default_rng(0).gamma(1, 300, (2, 40, 50)).astype(np.float32)
    np.testing.assert_allclose(smooth_level(image * 4 + 100), smooth_level(image), atol=1e-5)


@pytest.mark.parametrize("true", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("cell", [900, 60])
def test_the_candidate_at_the_visible_border_is_chosen_whatever_the_lois_say(true, cell):
    masks, points, nearest = discs(20, 18, 16, 14, 12)
    background = 200
    noise = np.random.default_rng(true).normal(0, 5, nearest.shape)
    image = (np.where(masks[true], cell, background) + noise).astype(np.float32)[None]
    assert [agreement(mask, points) for mask in masks] == [1.0] * 5
    assert choose(masks, points, image) == true
    assert choose(masks, points) == 2


def test_without_a_visible_border_the_middle_is_chosen():
    masks, points, _ = discs(20, 18, 16, 14, 12)
    ramp = np.linspace(100, 130, 90 * 120, dtype=np.float32).reshape(1, 90, 120)
    assert choose(masks, points, ramp) == 2
    np.testing.assert_allclose(score_candidates(masks, points, ramp), score_candidates(masks, points))


def test_a_border_counts_five_percent_less_with_every_tighter_candidate():
    masks, points, nearest = discs(20, 18, 16)
    image = np.where(nearest < 18, 600, 200).astype(np.float32)[None]
    steps = np.array([border_step(mask, smooth_level(image)) for mask in masks]) * [1, 0.95, 0.9]
    expected = np.maximum(steps, 0.03) / steps.max() * [0.99, 1, 0.99]
    np.testing.assert_allclose(score_candidates(masks, points, image), expected, rtol=1e-6)


# ---- area -----------------------------------------------------------------------------------------------------------


def test_area_per_loi_counts_the_lois_on_the_mask():
    mask = square(20, (0, 0, 6, 6))
    assert area_per_loi(mask, np.array([[1.0, 1.0], [2.0, 2.0], [9.0, 9.0]])) == 18
    assert area_per_loi(mask, np.array([[9.0, 9.0]])) is None
    assert middle_area(np.stack([~square(20), mask, square(20)]), np.array([[1.0, 1.0]])) == 36
    assert typical([36.0, None] * 7) is None
    assert typical([36.0, None] * 8) == 36


def test_an_unusual_area_lowers_the_score_in_proportion():
    mask, point = square(20, (0, 0, 10, 10))[None], np.array([[1.0, 1.0]])
    for area, part in ((100.0, 1), (160.0, 1), (62.0, 1), (400.0, 1.65 / 4), (25.0, 1.65 / 4)):
        assert score_candidates(mask, point, typical_area=area)[0] == pytest.approx(part)


def test_the_set_tells_which_of_two_good_candidates_is_right():
    masks, points, nearest = discs(28, 24, 20, 14, 12)
    halo = np.where(nearest < 14, 400, np.where(nearest < 28, 150, 100)).astype(np.float32)[None]
    usual = np.pi * 14**2
    assert choose(masks, points, halo) == 0
    assert choose(masks, points, halo, usual) == 3


# ---- the choice -----------------------------------------------------------------------------------------------------


def test_a_candidate_that_loses_cells_or_adds_empty_area_is_not_chosen():
    points = np.array([[2.0, 2.0], [12.0, 12.0]])
    right = square(30, (0, 0, 5, 5), (10, 10, 15, 15))
    too_much = right | square(30, (20, 0, 30, 30))
    too_little = square(30, (0, 0, 5, 5))
    assert choose(np.stack([too_much, right, too_little]), points) == 1
    assert choose(np.stack([right, too_little, too_little]), points) == 0
    assert choose(np.stack([too_much, too_much, right]), points) == 2


def test_equal_candidates_give_the_middle_and_each_place_away_costs_one_percent():
    masks = np.stack([square(10, (0, 0, 5, 5))] * 5)
    points = np.array([[2.0, 2.0]])
    np.testing.assert_allclose(score_candidates(masks, points), [0.98, 0.99, 1, 0.99, 0.98])
    assert choose(masks, points) == 2


def test_without_lois_all_scores_are_0_and_the_middle_is_chosen():
    masks, _, nearest = discs(20, 18, 16, 14, 12)
    image = (nearest < 12).astype(np.float32)[None]
    assert score_candidates(masks, NOBODY, image, 500.0).tolist() == [0] * 5
    assert choose(masks, NOBODY, image, 500.0) == 2
    assert choose(masks & False, np.array([[1.0, 1.0]]), image, 500.0) == 2


@given(arrays(np.float64, st.integers(1, 6), elements=st.floats(0, 1)))
def test_the_best_has_the_highest_score_and_is_nearest_to_the_middle(scores):
    chosen = best(scores)
    ties = np.flatnonzero(scores == scores.max())
    assert chosen in ties
    assert abs(chosen - (len(scores) - 1) / 2) == np.abs(ties - (len(scores) - 1) / 2).min()


# ---- in a session ---------------------------------------------------------------------------------------------------


@pytest.fixture
def eight(project, reopen):
    """A session of eight equal images."""
    for stem in "defgh":
        for name in ("images/a.tif", "candidates/a.tif", "lois/a.csv"):
            path = project / name
            shutil.copy(path, path.with_stem(stem))
    return reopen()


def test_a_session_knows_the_usual_area_of_its_middle_candidates(eight, discs):
    assert eight.typical_area == discs[2].sum()
    assert load_choices(eight, "a").typical_area == discs[2].sum()


def test_too_few_readable_candidates_say_nothing_of_the_usual_area(eight):
    eight.candidates["a"].write_bytes(b"no tiff")
    assert eight.typical_area is None
