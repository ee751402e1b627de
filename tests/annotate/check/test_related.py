"""Images of one place are told from images of two, also where as many nuclei lie off the stain as on it."""

import numpy as np
import pytest

from lacss_tools.annotate.check.related import CLEAR, FEWEST, RELATED, Relation, agreement, relate, unrelated

SHAPE, NUCLEUS = (160, 200), 9.0


def tissue(seed, density=0.005):
    """Two stained bands of wavy borders, and nuclei as dense beside as in them, none across a border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    wave = 8 * np.sin(x / rng.uniform(12, 25) + rng.uniform(0, 6)) + 5 * np.sin(x / 7 + rng.uniform(0, 6))
    mask = np.abs((y + wave + rng.uniform(0, 80)) % 80 - 40) < 19
    near = [np.roll(mask, (dy, dx), (0, 1)) for dy in (-5, 0, 5) for dx in (-5, 0, 5)]
    free = np.all(near, axis=0) | ~np.any(near, axis=0)
    points = np.argwhere(free & (rng.random(SHAPE) < density)).astype(float)
    dapi = np.zeros(SHAPE)
    for cy, cx in points:
        dapi = np.maximum(dapi, np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * (NUCLEUS / 3) ** 2)))
    level = 0.2 + 0.5 * mask + rng.normal(0, 0.05, SHAPE)
    return points, dapi.astype(np.float32), level.astype(np.float32), mask


IMAGES = [tissue(seed) for seed in range(4)]


def test_agreement_is_the_product_among_those_of_all_shifts():
    rng = np.random.default_rng(0)
    first, second = rng.random((7, 9)), rng.random((7, 9))
    one, other = first - first.mean(), second - second.mean()
    shifted = [(one * np.roll(other, (i, j), (0, 1))).sum() for i in range(7) for j in range(9)]
    assert agreement(first, second) == pytest.approx((one * other).sum() / np.std(shifted))


def test_what_is_constant_agrees_with_nothing():
    assert agreement(np.ones((5, 6)), np.random.default_rng(0).random((5, 6))) == 0


def test_tissue_with_as_many_nuclei_beside_the_stain_is_of_one_place():
    relations = [relate(*one, NUCLEUS) for one in IMAGES]
    assert all(one.best > RELATED and one.lois_dapi > RELATED and one.mask_image > RELATED for one in relations)
    assert unrelated(relations) == [False] * 4


@pytest.mark.parametrize("which", ["mask", "lois and dapi"])
def test_files_of_other_images_are_not(which):
    moved = [*IMAGES[1:], IMAGES[0]]
    if which == "mask":
        relations = [relate(*own[:3], other[3], NUCLEUS) for own, other in zip(IMAGES, moved, strict=True)]
    else:
        relations = [relate(*other[:2], *own[2:], NUCLEUS) for own, other in zip(IMAGES, moved, strict=True)]
    assert sum(unrelated(relations)) >= 3


def test_large_nuclei_are_measured_on_smaller_images():
    points, dapi, level, mask = IMAGES[0]
    large = [plane.repeat(4, axis=0).repeat(4, axis=1) for plane in (dapi, level, mask)]
    once, again = relate(*IMAGES[0], NUCLEUS), relate(4 * points + 1.5, *large, 4 * NUCLEUS)
    assert again.best == pytest.approx(once.best, rel=0.2)


def test_what_is_missing_is_not_compared():
    points, dapi, level, mask = IMAGES[0]
    assert relate(None, None, level, mask, NUCLEUS).lois_mask == ()
    assert relate(points, None, None, mask, NUCLEUS).lois_dapi is None
    assert len(relate(points, None, None, mask, NUCLEUS).lois_mask) == 2
    assert relate(points[: FEWEST - 1], dapi, level, mask, NUCLEUS).best is None
    assert relate(points, dapi, level, mask | True, NUCLEUS).mask_image is None
    assert unrelated([None, Relation(), Relation(mask_image=0.1)]) == [False] * 3


def test_one_image_stands_out_only_from_a_set_that_agrees_clearly():
    odd = Relation(lois_mask=(0.5, 1.0))
    clear, weak = Relation(lois_mask=(CLEAR + 1, 1.0)), Relation(lois_mask=(2.5, 2.0))
    assert unrelated([odd, clear, clear]) == [True, False, False]
    assert unrelated([odd, *[weak] * 8]) == [False] * 9
    assert unrelated([odd, odd]) == [True, True]
    # a little agreement in a single image may be chance or may not
    assert unrelated([weak]) == [False]
