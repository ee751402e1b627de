from dataclasses import replace

import numpy as np
import pytest

from lacss_tools.contrast import bounded_high, full_range, haze, percentile_range, without_haze
from tests.made_up import nuclei

SIDE, RANDOM = 128, np.random.default_rng(0)
EVERYWHERE = np.stack(np.meshgrid(range(8, SIDE, 16), range(8, SIDE, 16)), axis=-1).reshape(-1, 2)
Y, X = np.mgrid[:SIDE, :SIDE]


def test_two_percentiles_become_0_and_1_whatever_gain_and_offset():
    plane = np.arange(101, dtype=np.float32).reshape(1, 101)
    scaled = percentile_range(plane, (10.0, 90.0)).scale(plane)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0, [0, 10, 50, 90, 100]], [-0.125, 0, 0.5, 1, 1.125], rtol=1e-6)
    other = 7 * plane - 30
    np.testing.assert_allclose(percentile_range(other, (10.0, 90.0)).scale(other), scaled, atol=1e-6)


def test_along_axes_each_channel_has_its_own_range():
    image = np.stack([np.arange(4.0).reshape(2, 2), 10 * np.arange(4.0).reshape(2, 2)])
    usual = percentile_range(image, (0.0, 100.0), axis=(1, 2))
    assert usual.high.tolist() == [[[3.0]], [[30.0]]]
    np.testing.assert_allclose(*usual.scale(image))


def test_a_constant_image_has_an_empty_range_and_scales_to_zero():
    flat = np.full((3, 3), 5, np.float32)
    assert percentile_range(flat, (1.0, 99.0)).is_empty
    assert full_range(flat).is_empty
    assert not full_range(flat).scale(flat).any()


def bounded(image):
    """Return the upper end of the range over 99.7 % of the pixels, both above black."""
    low, high = np.percentile(image, (1.0, 99.7))
    return (bounded_high(image, low, high) - low) / (high - low)


@pytest.mark.parametrize("spoilt", [
    np.hypot(Y - 64, X - 64) < 6, np.hypot(Y - 30, X - 70) < 12, np.hypot(Y, X) < 24, (abs(Y - 20) < 2) & (X < 60)
], ids=["small", "large", "corner", "fibre"])  # fmt: skip
@pytest.mark.parametrize("height", [4, 10])
def test_something_bright_moves_the_upper_end_by_a_factor_of_two_at_most(spoilt, height):
    clean = nuclei(EVERYWHERE, SIDE, 4.0, RANDOM)
    assert bounded(clean) == 1
    image = np.where(spoilt, np.float32(20 + 200 * height), clean)
    low, high = np.percentile(image, (1.0, 99.7))
    assert high > 20 + 0.99 * 200 * height
    assert bounded_high(image, low, high) == pytest.approx(20 + 2 * 200, rel=0.05)


def test_the_end_is_that_of_the_cells_where_debris_is_less_than_twice_as_bright():
    image = np.where(np.hypot(Y - 64, X - 64) < 6, np.float32(380), nuclei(EVERYWHERE, SIDE, 4.0, RANDOM))
    assert bounded(image) == 1


@pytest.mark.parametrize("count", [0, 1, 3, 7])
@pytest.mark.parametrize("background", [
    lambda cells: cells, lambda cells: RANDOM.poisson(cells / 20 + 0.05), lambda cells: RANDOM.poisson(cells + 1),
    lambda cells: cells + 20 * RANDOM.normal(0, 1, cells.shape), lambda cells: cells + X, lambda cells: 0 * cells + 5,
    lambda cells: cells + 30 * np.exp(-((Y - 50) ** 2 + (X - 80) ** 2) / 60**2)
], ids=["black", "few photons", "photons", "noise", "slope", "constant", "haze"])  # fmt: skip
def test_the_cells_of_a_sparse_image_are_not_taken_for_debris(count, background):
    places = RANDOM.choice(EVERYWHERE, count, replace=False)
    image = background(nuclei(places, SIDE, 4.0) - 20).astype(np.float32)
    low, high = np.percentile(image, (1.0, 99.7))
    assert bounded_high(image, low, high) == high


@pytest.mark.parametrize("places", [[[64, 64]], [[24, 24], [40, 24], [24, 104]]])
def test_nor_are_those_whose_light_spreads_through_an_image_without_noise(places):
    assert bounded(nuclei(places, SIDE, 4.0, edge=0.3)) == 1


def test_an_image_too_small_to_be_tiled_keeps_its_range():
    image = nuclei(EVERYWHERE[:9], 60, 4.0)
    image[20:26, 20:26] = 2000
    assert bounded(image) == 1


SLOPE = (2 * Y + X) / (3 * SIDE)
"""0 to 1"""


@pytest.mark.parametrize("contrasts", [0.3, 2, 8])
def test_light_that_rises_across_an_image_is_taken_off(contrasts):
    clean = nuclei(EVERYWHERE[::2], SIDE, 4.0, RANDOM)
    assert without_haze(clean) is clean
    hazy = (clean + 200 * contrasts * SLOPE).astype(np.float32)
    np.testing.assert_allclose(haze(hazy), [400 * contrasts / 3, 200 * contrasts / 3], rtol=0.1, atol=4)
    left = without_haze(hazy) - clean
    assert np.ptp(left) < 0.1 * 200 * contrasts
    np.testing.assert_array_equal(without_haze(hazy, step=2).shape, hazy.shape)


@pytest.mark.parametrize("light", [
    0 * X, 200.0 * (X > 64), 200.0 * (np.hypot(Y, X) < 90), 100 * np.exp(-((Y - 64) ** 2 + (X - 64) ** 2) / 40**2),
    10 * SLOPE, 1e6 * SLOPE
], ids=["even", "tissue", "corner", "lamp", "hardly", "nothing else"])  # fmt: skip
def test_other_light_stays_as_it_is(light):
    assert haze((nuclei(EVERYWHERE[::2], SIDE, 4.0, RANDOM) + light).astype(np.float32)) is None


def test_a_part_of_an_image_has_the_range_of_its_place():
    hazy = (nuclei(EVERYWHERE[::2], SIDE, 4.0, RANDOM) + 400 * SLOPE).astype(np.float32)
    usual = replace(percentile_range(without_haze(hazy), (1.0, 99.7)), haze=haze(hazy))
    whole = usual.at((0, 0), hazy.shape, hazy.shape).scale(hazy)
    part = usual.at((30, 50), (40, 20), hazy.shape).scale(hazy[30:70, 50:70])
    np.testing.assert_allclose(part, whole[30:70, 50:70], atol=1e-5)
    np.testing.assert_allclose(whole, usual.scale(without_haze(hazy)), atol=1e-4)
