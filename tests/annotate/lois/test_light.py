import numpy as np

from lacss_tools.annotate.lois.light import background, ceiling, even
from lacss_tools.cells import Cells


def discs(centres, size=120, radius=6, height=100.0):
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size), np.float32)
    for cy, cx in centres:
        image[np.hypot(y - cy, x - cx) < radius] += height
    return image


def found_at(centres, radius=4, size=120):
    boxes = np.array([[y - radius, x - radius, y + radius, x + radius] for y, x in centres])
    n = len(boxes)
    crops = tuple(np.full((2 * radius, 2 * radius), 255, np.uint8) for _ in range(n))
    return Cells((size, size), np.ones(n), np.array(centres, float), boxes, crops)


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


def test_debris_is_no_brighter_than_nuclei_may_be():
    image = discs(CENTRES)
    image[90:110, 90:110] = 5000
    result = even(image, 12.0, found_at(CENTRES))
    assert result.max() == 150


def test_too_few_nuclei_say_nothing_about_brightness():
    assert ceiling(discs(CENTRES), found_at(CENTRES[:2])) == np.inf
