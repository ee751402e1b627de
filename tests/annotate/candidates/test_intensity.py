import numpy as np
import pytest
from skimage.filters import threshold_otsu

from lacss_tools.annotate.candidates.intensity import (
    STRENGTHS,
    automatic_centre,
    log_intensity,
    log_strength,
    normalise,
    relative_intensity,
    type_intensity,
)
from lacss_tools.annotate.candidates.settings import CutSettings


def ramp():
    return np.linspace(100, 1100, 10_000, dtype=np.float32).reshape(100, 100)


def field(seed=0, size=200):
    """Cells of very different brightness on a noisy background, all in 0..1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 0.02)
    for k in range(12):
        image[np.hypot(y - rng.uniform(0, size), x - rng.uniform(0, size)) < 16] = 0.04 * 1.34**k
    return np.clip(image + rng.normal(0, 0.004, image.shape), 0, 1).astype(np.float32)


def test_relative_intensity_runs_from_the_2nd_to_the_99_8th_percentile():
    n = relative_intensity(ramp())
    assert n.min() == 0
    assert n.max() == 1
    assert (n == 0).mean() == pytest.approx(0.02, abs=1e-3)
    assert n[50, 0] == pytest.approx((0.5 - 0.02) / (0.998 - 0.02), abs=1e-3)
    assert (relative_intensity(np.full((5, 5), 3, np.float32)) == 0).all()


def test_something_bright_does_not_move_the_1():
    y, x = np.mgrid[:128, :128]
    cells = np.where(np.hypot(y % 16 - 8, x % 16 - 8) < 4, np.float32(220), np.float32(20))
    spoilt = np.where(np.hypot(y - 60, x - 70) < 10, np.float32(2020), cells)
    q, usual = (normalise(image[None], CutSettings(polarity="bright")) for image in (spoilt, cells))
    middles = spoilt[8::16, 8::16]
    assert relative_intensity(spoilt)[8::16, 8::16][middles < 2020] == pytest.approx(0.5)
    assert ((q > automatic_centre(q)) == (usual > automatic_centre(usual)))[spoilt < 2020].all()


def test_light_that_rises_across_the_image_does_not_change_the_classes():
    y, x = np.mgrid[:128, :128]
    cells = np.where(np.hypot(y % 16 - 8, x % 16 - 8) < 4, np.float32(220), np.float32(20))
    cells += np.random.default_rng(0).normal(0, 3, cells.shape).astype(np.float32)
    hazy = cells + (400 * x / 128).astype(np.float32)
    for polarity, sign in (("bright", 1), ("dark", -1)):
        q, usual = (normalise(sign * image[None], CutSettings(polarity=polarity)) for image in (hazy, cells))
        assert ((q > automatic_centre(q)) == (usual > automatic_centre(usual))).mean() > 0.99


def test_log_intensity_keeps_0_and_1_and_lifts_what_is_between():
    n = np.array([[0, 0.01, 1]], np.float32)
    np.testing.assert_allclose(log_intensity(n, 99.0), [[0, np.log(1.99) / np.log(100), 1]], rtol=1e-5)
    assert log_intensity(n, 1e-3)[0, 1] == pytest.approx(0.01, rel=0.01)  # weak log is linear


def explained(q):
    """Return the part of the variance between the two classes at Otsu's threshold."""
    upper = q > threshold_otsu(q)
    part = upper.mean()
    return part * (1 - part) * (q[upper].mean() - q[~upper].mean()) ** 2 / q.var()


def test_the_strongest_log_is_taken_that_parts_the_classes_nearly_as_well_as_the_best():
    n = relative_intensity(field())
    parts = {strength: explained(log_intensity(n, strength).astype(np.float64)) for strength in STRENGTHS}
    enough = [strength for strength, part in parts.items() if part >= 0.99 * max(parts.values())]
    assert len(enough) > 1
    assert log_strength(n) == max(enough)


def test_the_log_is_weaker_for_the_square_root_of_the_same_image():
    n = relative_intensity(field())
    camera, compressed = log_strength(n), log_strength(np.sqrt(n))
    assert compressed < camera / 2
    assert {camera, compressed} <= set(STRENGTHS)


def test_the_centre_parts_the_same_pixels_whether_or_not_the_image_was_compressed():
    n = relative_intensity(field())
    once, twice = log_intensity(n), log_intensity(np.sqrt(n))
    assert ((once > automatic_centre(once)) == (twice > automatic_centre(twice))).mean() > 0.98


def test_log_strength_of_an_image_of_one_value_is_harmless():
    assert log_strength(np.zeros((10, 10), np.float32)) in STRENGTHS


@pytest.mark.parametrize("method", ["otsu", "li", "triangle"])
def test_the_centre_lies_between_two_classes(method):
    rng = np.random.default_rng(0)
    q = np.where(rng.uniform(size=(80, 80)) < 0.2, 0.8, 0.2) + rng.normal(0, 0.03, (80, 80))
    assert 0.22 < automatic_centre(q.astype(np.float32), method) < 0.75


def test_the_three_rules_for_the_centre_are_not_the_same():
    q = log_intensity(relative_intensity(field()))
    assert len({round(automatic_centre(q, method), 4) for method in ("otsu", "li", "triangle")}) == 3
    assert automatic_centre(np.zeros((5, 5), np.float32)) == 0.5


def test_fiji_divides_by_the_type_s_maximum():
    channel = np.array([[0, 64, 255]], np.float32)
    np.testing.assert_allclose(type_intensity(channel, 256.0), [[0, 0.25, 255 / 256]])
    np.testing.assert_allclose(type_intensity(channel, None), [[0, 64 / 255, 1]], rtol=1e-6)
    q = normalise(channel[None], CutSettings(fiji_compat=True, polarity="bright"), 65536.0)
    assert q.max() == pytest.approx(255 / 65536)
    dark = normalise(channel[None], CutSettings(fiji_compat=True, polarity="dark"), 256.0)
    np.testing.assert_allclose(dark, [[1, 0.75, 1 / 256]])


def test_channels_are_averaged_after_each_is_normalised():
    plane = ramp()
    both = np.stack([plane, 1000 - plane * 0.5])
    q = normalise(both, CutSettings(intensity="linear", polarity="bright"))
    np.testing.assert_allclose(q, 0.5, atol=0.02)


def test_large_images_are_sampled_without_a_visible_difference():
    plane = np.random.default_rng(0).gamma(2, 100, (2500, 2500)).astype(np.float32)
    n = relative_intensity(plane)
    assert (n == 0).mean() == pytest.approx(0.02, abs=1e-3)
