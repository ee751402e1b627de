"""Pseudo-labels on meshes of cells whose borders are known, and against a slow search for the cheapest way."""

import heapq

import numpy as np
import pytest

from lacss_tools.annotate.pseudo.labels import nearest_labels, pseudo_labels, ridges
from lacss_tools.annotate.pseudo.names import BRIGHT, DARK, DISTANCE
from tests.made_up import tiled_cells

KINDS = (BRIGHT, DARK, DISTANCE)


def moved_mesh(contrast):
    """A mesh whose LOIs lie off the centres, so that distance alone draws wrong borders."""
    image, labels, centres = tiled_cells(side=26, across=5, contrast=contrast)
    lois = centres + np.random.default_rng(1).uniform(-6, 6, centres.shape)
    return image, labels, np.clip(lois, 0, image.shape[0] - 1)


def agreement(kind, contrast):
    image, labels, lois = moved_mesh(contrast)
    return float((pseudo_labels(image, labels > 0, lois, kind) == labels).mean())


def test_each_kind_is_best_where_its_borders_are():
    bright, dark = ({kind: agreement(kind, contrast) for kind in KINDS} for contrast in (0.8, -0.8))
    assert max(bright, key=lambda kind: bright[kind]) == BRIGHT
    assert max(dark, key=lambda kind: dark[kind]) == DARK
    assert min(bright[BRIGHT], dark[DARK]) > 0.95
    assert bright[DARK] < 0.85


def test_without_borders_ridges_change_nothing_much():
    image, labels, lois = moved_mesh(0.0)
    bright, distance = (pseudo_labels(image, labels > 0, lois, kind) for kind in (BRIGHT, DISTANCE))
    assert (bright == distance).mean() > 0.93


@pytest.mark.parametrize("kind", KINDS)
def test_labels_stay_inside_the_mask_and_every_loi_has_its_own(kind):
    image, labels, lois = moved_mesh(0.5)
    mask = labels > 0
    mask[:, 40:44] = False
    mask[100:110, 100:110] = True
    guessed = pseudo_labels(image, mask, lois, kind)
    assert not guessed[~mask].any()
    for k, (y, x) in enumerate(np.round(lois).astype(int)):
        assert not mask[y, x] or guessed[y, x] == k + 1
    assert not pseudo_labels(image, mask, np.zeros((0, 2)), kind).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_mask_without_loi_stays_empty(kind):
    mask = np.zeros((40, 60), bool)
    mask[5:20, 5:20] = mask[5:20, 35:55] = True
    guessed = pseudo_labels(np.zeros(mask.shape, np.float32), mask, np.array([[12.0, 12.0]]), kind)
    assert (guessed == np.where(np.arange(60) < 30, mask, 0)).all()


def test_a_loi_outside_the_mask_claims_nothing_far_from_it():
    mask = np.zeros((40, 60), bool)
    mask[:, 40:] = True
    assert not nearest_labels(np.ones(mask.shape), mask, np.array([[20.0, 10.0]])).any()


def test_the_cheapest_way_decides():
    rng = np.random.default_rng(0)
    cost, mask = 1 + 5 * rng.random((30, 34)), rng.random((30, 34)) < 0.85
    lois = np.array([[4.0, 5.0], [25.0, 8.0], [14.0, 28.0]])
    labels = nearest_labels(cost, mask, lois)
    ways = np.stack([_slow_ways(cost, mask, loi) for loi in lois])
    reached = np.isfinite(ways.min(axis=0))
    assert (labels[~reached] == 0).all()
    assert (labels[reached] > 0).all()
    assert (labels == np.where(reached, ways.argmin(axis=0) + 1, 0)).mean() > 0.98  # equal ways may go to either


def _slow_ways(cost, mask, loi, radius=6.0):
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    ways = np.where((np.hypot(y - loi[0], x - loi[1]) <= radius) & mask, 0.0, np.inf)
    queue = [(0.0, int(a), int(b)) for a, b in np.argwhere(ways == 0)]
    while queue:
        so_far, a, b = heapq.heappop(queue)
        for da, db in ((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j):
            c, d = a + da, b + db
            if 0 <= c < mask.shape[0] and 0 <= d < mask.shape[1] and mask[c, d]:
                way = so_far + np.hypot(da, db) * (cost[a, b] + cost[c, d]) / 2
                if way < ways[c, d] - 1e-12:
                    ways[c, d] = way
                    heapq.heappush(queue, (way, c, d))
    return ways


def test_ridges_are_bright_lines_and_not_dark_ones_or_slopes():
    image = np.zeros((40, 60), np.float32)
    image[:, 20] = 1
    line = ridges(image)
    assert line.argmax(axis=1).tolist() == [20] * 40
    assert ridges(-image)[:, 20].max() == 0
    slope = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    np.testing.assert_allclose(ridges(image + slope)[:, 10:50], line[:, 10:50], atol=0.005)
    assert ridges(np.full((9, 9), 3.0, np.float32)).max() < 0.01


def test_each_touching_disc_gets_its_own_label():
    y, x = np.mgrid[:40, :60]
    left, right = np.hypot(y - 20, x - 20), np.hypot(y - 20, x - 38)
    image = np.maximum(np.clip(12 - left, 0, None), np.clip(12 - right, 0, None)).astype(np.float32)
    labels = pseudo_labels(image, image > 0, np.array([[20.0, 20.0], [20.0, 38.0]]), DARK)
    truth = np.where(image > 0, np.where(left <= right, 1, 2), 0)
    assert (labels == truth).mean() > 0.97
    assert (labels[image == 0] == 0).all()


def test_the_border_between_cells_follows_the_dark_line_and_not_the_middle():
    y, x = np.mgrid[:60, :80]
    large, small = 1.2 - np.hypot(y - 30, x - 28) / 26, 1.0 - np.hypot(y - 30, x - 58) / 10
    image = np.maximum(np.maximum(large, small), 0).astype(np.float32)
    labels = pseudo_labels(image, image > 0, np.array([[30.0, 28.0], [30.0, 58.0]]), DARK)
    truth = np.where(image > 0, np.where(large >= small, 1, 2), 0)
    assert (labels == truth).mean() > 0.97


def test_a_dark_nucleus_does_not_cost_its_cell():
    """A seed of one pixel lies cut off in the hollow while its neighbour floods the ring around it."""
    y, x = np.mgrid[:60, :80]
    left, right = np.hypot(y - 30, x - 25), np.hypot(y - 30, x - 50)
    first, second = left < np.minimum(14, right), right < 14
    image = np.where(first, np.where(left < 5, 0.1, 1.0), np.where(second, 0.9, 0.0)).astype(np.float32)
    labels = pseudo_labels(image, image > 0, np.array([[30.0, 25.0], [30.0, 50.0]]), DARK)
    assert (labels == np.where(first, 1, np.where(second, 2, 0))).mean() > 0.98
