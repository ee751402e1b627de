import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacss_tools.annotate.candidates.choice import smooth_level
from lacss_tools.annotate.check.measure import (
    in_one_nucleus,
    measure_lois,
    measure_mask,
    nearest_distances,
    too_close,
    weaker_of_pairs,
)

coordinate = st.floats(0, 30).map(lambda value: round(value, 1))
points_of = st.lists(st.tuples(coordinate, coordinate), max_size=8).map(lambda rows: np.array(rows).reshape(-1, 2))


def bumps(*centres, sigma=4.0, shape=(60, 80)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2)) for cy, cx in centres).astype(np.float32)


@given(points_of)
def test_nearest_distances_agree_with_all_pairs(points):
    expected = [
        min((np.hypot(*(a - b)) for j, b in enumerate(points) if j != i), default=np.inf) for i, a in enumerate(points)
    ]
    np.testing.assert_allclose(nearest_distances(points), expected)


@given(points_of, st.floats(0.5, 20), st.integers(0, 99))
def test_too_close_agrees_with_all_pairs(points, distance, seed):
    response = np.random.default_rng(seed).integers(0, 3, len(points)).astype(float)

    def is_stronger(i, j):
        return response[i] > response[j] or (response[i] == response[j] and i < j)

    expected = [
        any(is_stronger(i, j) and np.hypot(*(points[i] - points[j])) <= distance for i in range(len(points)) if i != j)
        for j in range(len(points))
    ]
    assert too_close(points, response, distance).tolist() == expected


def test_of_a_pair_the_weaker_comes_first_and_of_equals_the_later():
    points = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]])
    pairs = weaker_of_pairs(points, np.array([1.0, 1.0, 1.0, 2.0]), 2.0)
    assert sorted(pairs.tolist()) == [[1, 0], [2, 3]]


def test_two_points_are_one_nucleus_unless_the_dapi_has_a_valley_between_them():
    one, two = bumps((30, 30), sigma=6), bumps((30, 50)) + bumps((30, 66))
    dapi = 100 + 50 * (one + two)
    points = np.array([[30.0, 27.0], [30.0, 33.0], [30.0, 50.0], [30.0, 66.0]])
    response = np.array([0.2, 0.1, 0.1, 0.2])
    assert in_one_nucleus(points, response, dapi, 20.0).tolist() == [False, True, False, False]
    assert in_one_nucleus(points, response, dapi, 5.0).tolist() == [False] * 4


def test_lois_outside_the_image_and_on_dark_dapi_are_told():
    dapi = 200 + 1000 * bumps((30, 30), (20, 60))
    points = np.array([[30.0, 30.0], [21.0, 60.0], [50.0, 8.0], [-0.6, 30.0], [30.0, 79.4], [30.0, 79.6]])
    facts = measure_lois(points, np.ones(6), (60, 80), dapi, 10.0)
    assert facts.beyond.tolist() == [False, False, False, True, False, True]
    assert facts.on_dark.tolist() == [False, False, True, True, True, True]


def test_without_dapi_and_shape_little_is_known():
    facts = measure_lois(np.array([[900.0, 1.0]]), np.ones(1), None, None, None)
    assert (facts.on_dark, facts.one_nucleus, facts.beyond.tolist(), facts.nearest.tolist()) == (
        None,
        None,
        [False],
        [np.inf],
    )


def test_a_mask_is_measured_with_lois_and_image():
    mask = np.zeros((10, 20), bool)
    mask[:5, :4] = mask[6:, 10:15] = True  # 20 px with a LOI, 20 px without
    image = smooth_level(np.where(mask, 300, 100).astype(np.float32)[None])
    facts = measure_mask(mask, np.array([[2.0, 2.0], [0.0, 19.0]]), image)
    assert (facts.fraction, facts.lonely) == (0.2, 0.5)
    assert facts.outside.tolist() == [False, True]
    assert facts.step > 0.5
    assert measure_mask(~mask, None, image).step == pytest.approx(-facts.step)


@pytest.mark.parametrize("value", [False, True])
def test_an_empty_or_full_mask_has_no_step(value):
    mask = np.full((10, 20), value)
    facts = measure_mask(mask, np.array([[2.0, 2.0]]), np.random.default_rng(0).random((10, 20), np.float32))
    assert (facts.fraction, facts.step, facts.lonely, facts.outside.tolist()) == (float(value), None, 0.0, [not value])
    assert measure_mask(mask, None, None).lonely is None
