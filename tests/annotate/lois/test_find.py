from dataclasses import replace

import numpy as np
import pytest

from lacss_tools.annotate.lois.find import (
    difference_of_gaussians,
    find_lois,
    local_maxima,
    normalise,
    refine,
)
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.errors import UsageError
from tests.made_up import nuclei

PIECES = LoiSettings(method="pieces")


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
    points, _ = find_lois(image, LoiSettings(sigma=(4.2, 5.0), min_response=0.01), 0.0)
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


def test_the_papers_rule_is_every_maximum_of_the_filter():
    image = nuclei([(30, 30), (50, 62), (70, 35)], rng=np.random.default_rng(0))
    points, strength = find_lois(image, LoiSettings(sigma=(4.2, 5.0), min_response=0.0), 0.0)
    response = difference_of_gaussians(normalise(image), 4.2, 5.0)
    expected = {
        (y, x)
        for y in range(100)
        for x in range(100)
        if response[y, x] > 0
        and all(
            response[y, x] > response[v, u]
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
            if 0 <= v < 100 and 0 <= u < 100
        )
    }
    assert len(points) == len(expected) > 3
    assert all(any(np.hypot(y - v, x - u) < 0.8 for v, u in expected) for y, x in points)
    assert (np.diff(strength) <= 0).all()


def test_min_distance_keeps_the_stronger():
    image = nuclei([(50, 44), (50, 58)])
    image[44:57, 52:65] *= 1.3
    for settings in (LoiSettings(sigma=(4.0, 4.8), min_distance=25.0), replace(PIECES, min_distance=25.0)):
        points, _ = find_lois(image, settings, 12.0)
        assert len(points) == 1
        assert points[0, 1] == pytest.approx(58, abs=1.5)
    assert len(find_lois(image, PIECES, 12.0)[0]) == 2


def test_a_constant_image_has_no_lois():
    for settings in (LoiSettings(method="network"), PIECES, LoiSettings(sigma=(4.2, 5.0))):
        points, response = find_lois(np.full((40, 40), 7, np.float32), settings, 12.0)
        assert points.shape == (0, 2)
        assert response.shape == (0,)
    assert (normalise(np.zeros((5, 5), np.float32)) == 0).all()


@pytest.mark.parametrize("bad", [{"sigma": (5.0, 4.2)}, {"nucleus_diameter": 1.0}, {"min_response": -1.0}])
def test_nonsense_settings_are_refused(bad):
    with pytest.raises(UsageError):
        LoiSettings(**bad)
