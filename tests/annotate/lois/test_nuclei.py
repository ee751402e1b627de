import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label, regionprops

from lacss_tools.annotate.lois.nuclei import (
    FALLBACK_DIAMETER,
    blob_response,
    compress,
    estimate_diameter,
    find_nuclei,
    select,
)
from lacss_tools.annotate.lois.optics import average
from lacss_tools.annotate.lois.settings import MIN_RESPONSE
from lacss_tools.annotate.lois.tree import CUT_OFF, LEVELS, grow
from tests.made_up import nuclei

THREE = [(30, 30), (50, 62), (70, 35)]


def find(image, diameter=12.0):
    return find_nuclei(image, diameter, MIN_RESPONSE)[0]


def assert_one_each(points, centres, within):
    distance = np.hypot(*(points[:, None] - np.array(centres)[None]).transpose(2, 0, 1))
    assert len(points) == len(centres)
    assert (distance.min(axis=0) < within).all()


# ---- what is found ----


def test_nuclei_of_very_different_size_get_one_point_each():
    centres = [(25, 25), (30, 90), (90, 40), (80, 110), (130, 20), (130, 80)]
    image = nuclei(centres, size=150, radius=[4, 6, 8, 11, 14, 5], rng=np.random.default_rng(0))
    assert_one_each(find(image, 14.0), centres, within=1)


def test_touching_nuclei_stay_two_and_a_textured_nucleus_is_one():
    assert_one_each(find(nuclei([(50, 40), (50, 54)], radius=7), 14.0), [(50, 40), (50, 54)], within=2)
    textured = nuclei([(50, 50)], radius=9)
    textured[47:53, 44:47] += 60
    textured[47:53, 53:56] += 60
    assert_one_each(find(textured, 18.0), [(50, 50)], within=1)


def test_a_dim_nucleus_beside_a_bright_one_is_found():
    bright, dim = nuclei([(50, 40)], radius=7), nuclei([(50, 58)], radius=7)
    assert_one_each(find(bright * 4 + dim, 14.0), [(50, 40), (50, 58)], within=2)


def test_a_nucleus_cut_by_the_border_is_found():
    points = find(nuclei([(1, 50), (60, 60), (98, 20)], radius=8), 16.0)
    assert len(points) == 3
    assert (np.abs(points[:, 0] - 1) < 5).any()


def test_an_uneven_field_and_bright_debris_change_nothing():
    image = nuclei(THREE, rng=np.random.default_rng(0))
    plain = find(image)
    uneven = find(image + np.linspace(0, 60, 100, dtype=np.float32)[:, None])
    image[10, 80] = 5000
    with_debris = find(image)
    for points in (uneven, with_debris):
        assert_one_each(points, plain, within=1)


def test_the_type_of_the_pixels_does_not_matter():
    image = np.rint(nuclei(THREE, rng=np.random.default_rng(0))).clip(0, 255)
    np.testing.assert_allclose(find((image * 257).astype(np.float32)), find(image.astype(np.float32)), atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(-6, 6), st.integers(-6, 6))
def test_points_move_with_the_image(dy, dx):
    centres = np.array(THREE)
    first, second = find(nuclei(centres)), find(nuclei(centres + np.array([dy, dx])))
    order = [np.lexsort(np.round(p).T) for p in (first, second)]
    np.testing.assert_allclose(first[order[0]] + (dy, dx), second[order[1]], atol=0.05)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_gain_and_offset_do_not_matter(gain, offset):
    image = nuclei(THREE, rng=np.random.default_rng(0)).astype(np.float64)
    first, strength, _ = find_nuclei(image.astype(np.float32), 12.0, MIN_RESPONSE)
    second, again, _ = find_nuclei((image * gain + offset).astype(np.float32), 12.0, MIN_RESPONSE)
    assert len(first) == len(second) == 3
    np.testing.assert_allclose(first, second, atol=0.1)
    np.testing.assert_allclose(strength, again, rtol=0.02, atol=1e-3)


def test_twice_the_image_has_the_same_nuclei_at_twice_the_place():
    image = nuclei([(40, 40), (70, 120), (120, 60)], size=160, radius=11, rng=np.random.default_rng(2))
    large = ndimage.zoom(image, 2, order=1, grid_mode=True, mode="nearest")
    expected = (find(image, 22.0) + 0.5) * 2 - 0.5
    assert_one_each(find(large, 44.0), expected, within=0.5)


# ---- the estimated diameter ----


@pytest.mark.parametrize("radius", [5.0, 8.0, 14.0])
def test_the_diameter_is_estimated(radius):
    centres = [(30, 30), (60, 160), (160, 60), (150, 150), (100, 100)]
    image = nuclei(centres, size=200, radius=radius, rng=np.random.default_rng(1), edge=9)
    assert estimate_diameter([image]) == pytest.approx(2 * radius, rel=0.45)


def test_without_nuclei_there_is_a_fallback():
    assert estimate_diameter([np.zeros((50, 50), np.float32)]) == FALLBACK_DIAMETER
    assert estimate_diameter([]) == FALLBACK_DIAMETER
    assert estimate_diameter([np.eye(9, dtype=np.float32)]) == FALLBACK_DIAMETER


# ---- the tree ----


def test_the_pieces_of_a_small_response():
    low, high = float(LEVELS[0]) * 1.01, float(LEVELS[1]) * 1.01
    response = np.zeros((3, 7), np.float32)
    response[1, 1:6] = low
    response[1, 1:3] = response[1, 4] = high
    tree = grow(response)
    assert tree.level.tolist() == [0, 1, 1]
    assert tree.parent.tolist() == [-1, 0, 0]
    assert tree.area.tolist() == [5, 2, 1]
    np.testing.assert_allclose(tree.centre, [[1, 3], [1, 1.5], [1, 4]])
    np.testing.assert_allclose(tree.peak, [high, high, high])


def test_moments_agree_with_scikit_image():
    response = blob_response(
        compress(nuclei([(30, 30), (0, 62), (70, 40), (75, 55)], rng=np.random.default_rng(3))), 2.0
    )
    tree = grow(response)
    for number, level in enumerate(LEVELS):
        here = np.flatnonzero(tree.level == number)
        regions = regionprops(label(response > level, connectivity=1))
        assert len(regions) == len(here)
        for i, region in zip(here, regions, strict=True):
            assert tree.area[i] == region.area
            np.testing.assert_allclose(tree.centre[i], region.centroid, atol=1e-9)
            whole = region.equivalent_diameter_area
            top, left, bottom, right = region.bbox
            cut = top == 0 or left == 0 or bottom == 100 or right == 100
            assert tree.diameter[i] == pytest.approx(whole * (CUT_OFF if cut else 1))
            inside = response[tuple(region.coords.T)]
            assert tree.peak[i] == pytest.approx(inside.max(), rel=1e-6)


def test_a_disc_fits_its_ellipse_and_a_pair_does_not():
    y, x = np.mgrid[:60, :60]
    disc = np.hypot(y - 30, x - 30) < 12
    pair = (np.hypot(y - 30, x - 18) < 12) | (np.hypot(y - 30, x - 41) < 12)
    level = np.float32(LEVELS[0] * 1.01)
    assert grow(disc * level).fit[0] > 0.97
    assert grow(pair * level).fit[0] < 0.9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_no_nucleus_lies_inside_another_and_children_inside_parents(seed):
    noise = np.random.default_rng(seed).random((40, 40)).astype(np.float32)
    response = blob_response(ndimage.gaussian_filter(noise, 1) * 8, 1.5)
    tree = grow(response)
    assert (tree.parent < np.arange(len(tree))).all()
    inner = np.flatnonzero(tree.parent >= 0)
    assert (tree.area[inner] <= tree.area[tree.parent[inner]]).all()
    chosen = set(select(tree, 6.0, 0.0).tolist())
    for i in chosen:
        above = tree.parent[i]
        while above >= 0:
            assert above not in chosen
            above = tree.parent[above]


def test_block_means():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(average(image, 2), [[2.5, 4.5], [8.5, 10.5]])
    assert average(image, 1) is image


def test_a_large_nucleus_with_bright_spots_is_one_among_small_ones():
    image = nuclei([(20, 20), (20, 60), (20, 100), (60, 20), (100, 20), (80, 80)], size=130, radius=[6, 6, 6, 6, 6, 24])
    for y, x in [(66, 72), (70, 92), (88, 66), (94, 88), (80, 80)]:
        image[y - 2 : y + 3, x - 2 : x + 3] += 90
    assert_one_each(find(image, 12.0), [(20, 20), (20, 60), (20, 100), (60, 20), (100, 20), (80, 80)], within=3)


def test_a_ring_of_nuclei_around_a_gap_is_not_one_large_nucleus():
    angles = np.arange(6) * np.pi / 3
    centres = list(zip(65 + 20 * np.sin(angles), 65 + 20 * np.cos(angles), strict=True))
    assert_one_each(find(nuclei(centres, size=130, radius=6), 12.0), centres, within=1)
