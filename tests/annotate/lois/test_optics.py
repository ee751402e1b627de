"""Points under bad optics, by the methods that are normalised by percentiles, against those of the clean image."""

import numpy as np
import pytest

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.optics import is_calm, mended
from lacss_tools.annotate.lois.settings import LoiSettings
from tests.made_up import nuclei

SIZE, RADIUS, CONTRAST = 240, 6, 200
PIECES, DOG = LoiSettings(method="pieces"), LoiSettings(sigma=(2.0, 2.4))
CENTRES = np.stack(np.meshgrid(range(15, 240, 30), range(15, 240, 30)), axis=-1).reshape(-1, 2).astype(float)
Y, X = np.mgrid[:SIZE, :SIZE]


def clean():
    return nuclei(CENTRES, SIZE, RADIUS, np.random.default_rng(0))


def disc(image, height):
    return np.where(np.hypot(Y - 90, X - 150) < 9, 20 + height * CONTRAST, image).astype(np.float32)


def hot(image):
    return np.where(np.random.default_rng(1).random(image.shape) < 0.001, 20 + 8 * CONTRAST, image).astype(np.float32)


def haze(image):
    return image + (2 * CONTRAST * X / SIZE).astype(np.float32)


def lamp(image):
    return image + (2 * CONTRAST * np.exp(-((Y - 80) ** 2 + (X - 60) ** 2) / 150**2)).astype(np.float32)


def shadow(image):
    return (image * (1 - 0.7 * np.exp(-((Y - 120) ** 2 + (X - 120) ** 2) / 40**2))).astype(np.float32)


def corner(image):
    return np.where(np.hypot(Y, X) < 60, np.minimum(image + 5 * CONTRAST, 4 * CONTRAST), image).astype(np.float32)


def hits(points):
    return np.hypot(*(CENTRES[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1, initial=np.inf) < RADIUS


@pytest.mark.parametrize("settings", [PIECES, DOG], ids=["pieces", "dog"])
@pytest.mark.parametrize(
    "spoil", [lambda i: disc(i, 4), lambda i: disc(i, 10), hot, haze, lamp, shadow, corner],
    ids=["disc 4x", "disc 10x", "hot", "haze", "lamp", "shadow", "corner"],
)  # fmt: skip
def test_what_is_bright_costs_no_nuclei_elsewhere(settings, spoil):
    clear = np.hypot(*CENTRES.T) > 60 + RADIUS if spoil is corner else np.ones(len(CENTRES), bool)
    usual, points = (find_lois(image, settings, 2.0 * RADIUS)[0] for image in (clean(), spoil(clean())))
    assert hits(points)[clear].mean() > 0.97
    assert len(points) < 1.1 * len(usual) + 2


def test_a_calm_image_stays_as_it_is():
    image = clean()
    assert mended(image) is image
    assert is_calm(image, 2.0 * RADIUS, CENTRES)
    assert not is_calm(lamp(image), 2.0 * RADIUS, CENTRES)
    assert np.ptp(mended(haze(image)) - image) < 0.1 * CONTRAST
    assert not is_calm(disc(image, 10), 2.0 * RADIUS)


def test_hot_pixels_become_as_their_neighbourhood_and_nothing_else_changes():
    image = clean()
    image[[7, 100], [9, 239]] = 9999
    cold = mended(image)
    changed = np.argwhere(cold != image)
    assert changed.tolist() == [[7, 9], [100, 239]]
    assert cold.max() < 300


def test_nuclei_larger_than_the_image_take_no_memory():
    assert len(find_lois(clean(), PIECES, 5000.0)[0]) <= 1
