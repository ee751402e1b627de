import numpy as np

from lacss_tools.annotate.lois.light import background, ceiling, even, glare


def discs(centres, size=120, radius=6, height=100.0):
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size), np.float32)
    for cy, cx in centres:
        image[np.hypot(y - cy, x - cx) < radius] += height
    return image


CENTRES = [(20, 20), (20, 60), (60, 20), (60, 60), (60, 100), (100, 60)]


def test_a_slope_is_background_and_nuclei_are_not():
    slope = np.linspace(0, 300, 480, dtype=np.float32)[:, None] * np.ones((1, 480), np.float32)
    nuclei = discs(np.random.default_rng(0).uniform(10, 470, (80, 2)), size=480)
    rest = nuclei + slope - background(nuclei + slope, 12.0)
    inside, outside = rest[nuclei > 0], rest[nuclei == 0]
    assert inside.mean() - outside.mean() > 95
    assert outside.std() < 0.3 * slope.std()


def test_the_background_of_any_size_of_image_and_nucleus_is_as_large_as_the_image():
    for shape in ((37, 50), (64, 31)):
        for diameter in (3.0, 17.0, 90.0):
            assert background(np.ones(shape, np.float32), diameter).shape == shape


def at_centres(plane):
    return plane[tuple(np.array(CENTRES).T)]


def test_debris_is_no_brighter_than_nuclei_may_be():
    image = discs(CENTRES)
    image[90:100, 90:100] = 5000
    assert even(image, 12.0, at_centres).max() == 150


def test_light_that_lies_on_nuclei_is_taken_off_them():
    image = discs(CENTRES)
    image[:, 50:] += 500
    result = even(image, 12.0, at_centres)
    lit = np.array([(20, 60), (60, 60), (60, 100), (100, 60)])
    assert (result[tuple(lit.T)] - np.median(result[:, 60:]) > 90).all()
    assert not glare(discs(CENTRES), 12.0, 150.0).any()


def test_too_few_nuclei_say_nothing_about_brightness():
    assert ceiling(discs(CENTRES), at_centres(discs(CENTRES))[:2]) == np.inf


def test_nuclei_larger_than_the_image_take_no_memory():
    assert even(discs(CENTRES), 1e5, at_centres).shape == (120, 120)
