import numpy as np
import pytest

from lacss_tools.annotate.check.measure import measure_lois, weaker_of_pairs
from lacss_tools.annotate.check.sizes import nucleus_sizes, share_a_nucleus
from tests.made_up import nuclei

CENTRES, RADII = np.array([[30.0, 30.0], [30.0, 90.0], [90.0, 40.0], [95.0, 100.0]]), np.array([5.0, 10.0, 14.0, 20.0])


def speckled(seed=0):
    """Nuclei of four sizes with bright spots in them, as textured chromatin has."""
    rng = np.random.default_rng(seed)
    dapi = nuclei(CENTRES, 130, RADII, rng)
    spots = nuclei(np.array([[90.0, 34.0], [88.0, 47.0], [90.0, 92.0], [101.0, 108.0]]), 130, 2.0)
    return dapi + 0.3 * (spots - 20)


def test_a_nucleus_is_as_large_as_the_disc_in_it_wherever_its_point_lies():
    off = CENTRES + 0.5 * RADII[:, None] * np.array([0.6, -0.8])
    for points in (CENTRES, off):
        sizes = nucleus_sizes(speckled(), points, 16.0)
        np.testing.assert_allclose(sizes.diameter, 2 * RADII, rtol=0.2)
        assert (np.hypot(*(sizes.middle - CENTRES).T) < 0.35 * RADII).all()


def test_large_images_give_the_same_sizes():
    dapi = speckled()
    fine = nucleus_sizes(dapi.repeat(3, axis=0).repeat(3, axis=1), 3 * CENTRES + 1, 48.0)
    np.testing.assert_allclose(fine.diameter / 3, nucleus_sizes(dapi, CENTRES, 16.0).diameter, rtol=0.15)


def test_points_share_a_nucleus_by_its_own_size():
    far = np.add(CENTRES, 0.9 * RADII[:, None] * np.array([0.6, -0.8]))
    points = np.concatenate([CENTRES, far])
    pairs = weaker_of_pairs(points, np.r_[np.full(4, 2.0), np.ones(4)], 60.0)
    # 18 px apart in the largest, where 9 px separate neighbours of the smallest kind
    assert share_a_nucleus(points, pairs, nucleus_sizes(speckled(), points, 16.0)).tolist() == [False] * 4 + [True] * 4


def test_touching_nuclei_are_two():
    centres = np.array([[40.0, 40.0], [40.0, 59.0]])
    sizes = nucleus_sizes(nuclei(centres, 90, 10.0), centres, 20.0)
    np.testing.assert_allclose(sizes.diameter, 20, rtol=0.15)
    assert not share_a_nucleus(centres, np.array([[1, 0]]), sizes).any()


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.array([[-30.0, 500.0], [2.0, 2.0]])])
def test_no_points_and_points_on_nothing_do_no_harm(points):
    facts = measure_lois(points, np.ones(len(points)), (130, 130), speckled(), 16.0)
    assert facts.diameter.shape == facts.one_nucleus.shape == (len(points),)
    assert np.isfinite(facts.diameter).all()
