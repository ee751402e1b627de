import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacss_tools.annotate.lois import (
    difference_of_gaussians,
    estimate_diameter,
    find_lois,
    local_maxima,
    normalise,
    refine,
)
from lacss_tools.annotate.settings import LoiSettings
from lacss_tools.errors import UsageError


def grid(text):
    return np.array([[float(c) for c in line.split()] for line in text.strip().splitlines()], dtype=np.float32)


def peaks(text):
    return [tuple(p) for p in np.argwhere(local_maxima(grid(text))).tolist()]


def test_a_single_peak():
    assert peaks("0 0 0\n0 5 0\n0 0 0") == [(1, 1)]


def test_diagonal_neighbours_do_not_count():
    assert peaks("0 0 0 0\n0 5 0 0\n0 0 6 0\n0 0 0 0") == [(1, 1), (2, 2)]


def test_a_plateau_gives_one_point_near_its_centre():
    assert peaks("0 0 0 0 0\n0 5 5 5 0\n0 0 0 0 0") == [(1, 2)]


def test_a_plateau_beside_something_higher_gives_none():
    assert peaks("0 0 0 0 0\n0 5 5 6 0\n0 0 0 0 0") == [(1, 3)]


def test_a_ring_plateau_gives_one_point():
    assert len(peaks("0 0 0 0 0\n0 5 5 5 0\n0 5 1 5 0\n0 5 5 5 0\n0 0 0 0 0")) == 1


def test_a_peak_on_the_border_counts_and_a_constant_image_has_none():
    assert peaks("9 0 0\n0 0 0\n0 0 0") == [(0, 0)]
    assert peaks("3 3 3\n3 3 3\n3 3 3") == []


def test_a_bright_edge_without_a_nucleus_gives_no_point():
    image = np.full((60, 60), 10, np.float32)
    image[:, :2] = 11  # far below the contrast of a nucleus
    y, x = np.mgrid[:60, :60]
    image += (90 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 50)).astype(np.float32)
    points, _ = find_lois(image, LoiSettings(sigma=(4.2, 5.0)), 16.8)
    np.testing.assert_allclose(points, [[30, 30]], atol=0.1)


def test_the_parabola_finds_the_top_between_pixels():
    y, x = np.mgrid[:9, :9]
    bowl = (10 - (y - 4.3) ** 2 - 0.5 * (x - 3.8) ** 2).astype(np.float32)
    np.testing.assert_allclose(refine(bowl, np.array([[4, 4]])), [[4.3, 3.8]], atol=1e-5)


def test_difference_of_gaussians_of_a_point_is_that_of_its_kernels():
    image = np.zeros((61, 61), np.float32)
    image[30, 30] = 1
    response = difference_of_gaussians(image, 4.2, 5.0)
    expected = 1 / (2 * np.pi) * (1 / 4.2**2 - 1 / 5.0**2)  # value of two unit Gaussians at their centre
    assert response[30, 30] == pytest.approx(expected, rel=0.03)
    assert response.sum() == pytest.approx(0, abs=1e-3)


def nuclei(centres, size=100, radius=6.0, rng=None, edge=2):
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 20.0)
    for cy, cx in centres:
        image += 200 / (1 + np.exp(np.clip((np.hypot(y - cy, x - cx) - radius) * edge, -50, 50)))
    return (image + (0 if rng is None else rng.normal(0, 3, image.shape))).astype(np.float32)


def test_touching_nuclei_stay_two_and_a_textured_nucleus_is_one():
    pair = nuclei([(50, 40), (50, 54)], radius=7)
    points, _ = find_lois(pair, LoiSettings(), 14.0)
    assert len(points) == 2
    textured = nuclei([(50, 50)], radius=9)
    textured[47:53, 44:47] += 60
    textured[47:53, 53:56] += 60
    plain, _ = find_lois(textured, LoiSettings(sigma=(2.0, 2.4)), 18.0)
    merged, _ = find_lois(textured, LoiSettings(), 18.0)
    assert len(plain) > 1
    assert len(merged) == 1


def test_min_distance_keeps_the_stronger():
    image = nuclei([(50, 44), (50, 58)])
    image[44:57, 52:65] *= 1.3
    points, _ = find_lois(image, LoiSettings(sigma=(4.0, 4.8), min_distance=25.0), 12.0)
    assert len(points) == 1
    assert points[0, 1] == pytest.approx(58, abs=1.5)


@settings(max_examples=25, deadline=None)
@given(st.integers(-6, 6), st.integers(-6, 6))
def test_lois_move_with_the_image(dy, dx):
    centres = np.array([(30, 30), (50, 62), (70, 35)])
    image = nuclei(centres)
    moved = nuclei(centres + np.array([dy, dx]))
    first, _ = find_lois(image, LoiSettings(), 12.0)
    second, _ = find_lois(moved, LoiSettings(), 12.0)
    order = [np.lexsort(np.round(p).T) for p in (first, second)]
    np.testing.assert_allclose(first[order[0]] + (dy, dx), second[order[1]], atol=0.05)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_gain_and_offset_do_not_matter(gain, offset):
    image = nuclei([(30, 30), (50, 62), (70, 35)], rng=np.random.default_rng(0)).astype(np.float64)
    first, strength = find_lois(image.astype(np.float32), LoiSettings(), 12.0)
    second, again = find_lois((image * gain + offset).astype(np.float32), LoiSettings(), 12.0)
    assert len(first) == len(second) == 3
    np.testing.assert_allclose(first, second, atol=0.1)
    np.testing.assert_allclose(strength, again, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("radius", [5.0, 8.0, 14.0])
def test_the_diameter_is_estimated(radius):
    image = nuclei(
        [(30, 30), (60, 160), (160, 60), (150, 150)], size=200, radius=radius, rng=np.random.default_rng(1), edge=9
    )
    assert estimate_diameter([image]) == pytest.approx(2 * radius, rel=0.3)


def test_without_nuclei_the_papers_sigmas_are_used():
    assert LoiSettings().sigmas(estimate_diameter([np.zeros((50, 50), np.float32)])) == pytest.approx((4.2, 5.0))


def test_a_constant_image_has_no_lois():
    points, response = find_lois(np.full((40, 40), 7, np.float32), LoiSettings(), 12.0)
    assert points.shape == (0, 2)
    assert response.shape == (0,)
    assert (normalise(np.zeros((5, 5), np.float32)) == 0).all()


@pytest.mark.parametrize("bad", [{"sigma": (5.0, 4.2)}, {"nucleus_diameter": 1.0}, {"min_response": -1.0}])
def test_nonsense_settings_are_refused(bad):
    with pytest.raises(UsageError):
        LoiSettings(**bad)
