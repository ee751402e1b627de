import numpy as np

from lacss_tools.contrast import full_range, percentile_range


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
