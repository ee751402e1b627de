import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from lacss_tools.annotate.candidates.graphcut import Smoothness, contrast_scale, cut

QS = hnp.arrays(np.float32, (3, 4), elements=st.floats(np.float32(0.01), np.float32(0.99), width=32))


def pairs(shape, neighbours):
    steps = [(0, 1), (1, 0)] + ([(1, 1), (1, -1)] if neighbours == 8 else [])
    for y, x in itertools.product(*map(range, shape)):
        for dy, dx in steps:
            if y + dy < shape[0] and 0 <= x + dx < shape[1]:
                yield (y, x), (y + dy, x + dx)


def energies(masks, q, t, smoothness):
    """Energy of each labeling (n, y, x), straight from the formula."""
    q = q.astype(np.float64)
    with np.errstate(divide="ignore"):
        cell, background = -np.log(q) - np.log(1 - t), -np.log(1 - q) - np.log(t)
    total = np.where(masks, cell, background).sum(axis=(1, 2))
    for a, b in pairs(q.shape, smoothness.neighbours):
        w = smoothness.weight
        if smoothness.scale is not None:
            w *= np.exp(-((q[a] - q[b]) ** 2) / (2 * smoothness.scale**2)) / np.hypot(a[0] - b[0], a[1] - b[1])
        total += w * (masks[:, a[0], a[1]] != masks[:, b[0], b[1]])
    return total


ALL = ((np.arange(2**12)[:, None] >> np.arange(12)) & 1).astype(bool).reshape(-1, 3, 4)
SMOOTHNESS = st.builds(
    Smoothness, st.floats(0.05, 3), st.sampled_from([4, 8]), st.none() | st.floats(np.float32(0.05), 1)
)


@settings(max_examples=60, deadline=None)
@given(QS, SMOOTHNESS, st.floats(0.1, 0.9))
def test_the_cut_has_the_lowest_energy_of_all_4096_labelings(q, smoothness, t):
    best = energies(ALL, q, t, smoothness).min()
    found = energies(cut(q, [t], smoothness), q, t, smoothness)[0]
    # weights of contrast are stored with 7 digits
    assert found == pytest.approx(best, rel=1e-9 if smoothness.scale is None else 1e-6, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(QS, SMOOTHNESS, hnp.arrays(bool, (3, 4)))
def test_with_seeds_each_cut_is_the_best_of_all_labelings_that_hold_them(q, smoothness, seeds):
    thresholds = [0.2, 0.5, 0.8]
    masks = cut(q, thresholds, smoothness, seeds=seeds)
    allowed = ALL[(ALL | ~seeds).all(axis=(1, 2))]
    for t, mask in zip(thresholds, masks, strict=True):
        assert (mask | ~seeds).all()
        best = energies(allowed, q, t, smoothness).min()
        assert energies(mask[None], q, t, smoothness)[0] == pytest.approx(best, rel=1e-6, abs=1e-7)
    assert (masks[:-1] | ~masks[1:]).all()


def test_seeds_are_cell_without_smoothness_too():
    seeds = np.eye(4, dtype=bool)
    assert (cut(np.full((4, 4), 0.3, np.float32), [0.5], Smoothness(0.0), seeds=seeds)[0] == seeds).all()


@settings(max_examples=40, deadline=None)
@given(QS, SMOOTHNESS)
def test_all_thresholds_stay_optimal_when_each_starts_from_the_one_before(q, smoothness):
    thresholds = [0.2, 0.35, 0.5, 0.65, 0.8]
    for t, mask in zip(thresholds, cut(q, thresholds, smoothness), strict=True):
        best = energies(ALL, q, t, smoothness).min()
        assert energies(mask[None], q, t, smoothness)[0] == pytest.approx(best, rel=1e-6, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, (3, 4)), st.floats(0.05, 6), st.floats(0.1, 0.9))
def test_with_fiji_s_scale_pure_black_is_background_and_the_rest_is_optimal(values, weight, t):
    q, smoothness = (values / np.float32(256)).astype(np.float32), Smoothness(weight)
    mask = cut(q, [t], smoothness, edge=0.0)[0]
    assert not mask[values == 0].any()
    best = np.nanmin(energies(ALL, q, t, smoothness))
    assert energies(mask[None], q, t, smoothness)[0] == pytest.approx(best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("neighbours", [4, 8])
def test_a_whole_image_agrees_with_the_plain_solver(neighbours, scale):
    """The oracle gives every pixel to the solver and decides nothing beforehand."""
    import maxflow

    q = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(30, 40)), 1).astype(np.float32)
    q = np.clip(0.5 + q / 2, 0.01, 0.99)
    smoothness = Smoothness(0.6, neighbours, scale)
    graph = maxflow.GraphFloat()
    nodes = graph.add_grid_nodes(q.shape)
    for a, b in pairs(q.shape, neighbours):
        weight = 0.6
        if scale is not None:
            weight *= float(np.exp(-((float(q[a]) - float(q[b])) ** 2) / (2 * scale**2)) / np.hypot(*np.subtract(a, b)))
        graph.add_edge(nodes[a], nodes[b], weight, weight)
    evidence = np.log(q) - np.log1p(-q.astype(np.float64))
    graph.add_grid_tedges(nodes, np.maximum(evidence, 0), np.maximum(-evidence, 0))
    graph.maxflow()
    assert (cut(q, [0.5], smoothness)[0] == ~graph.get_grid_segments(nodes)).mean() > 0.999


def test_without_smoothness_the_cut_is_thresholding():
    q = np.random.default_rng(0).uniform(0.01, 0.99, (20, 30)).astype(np.float32)
    thresholds = [0.25, 0.5, 0.75]
    assert (cut(q, thresholds, Smoothness(0.0)) == np.stack([q > t for t in thresholds])).all()


def test_vanishing_smoothness_agrees_with_thresholding():
    q = np.random.default_rng(0).uniform(0.01, 0.99, (20, 30)).astype(np.float32)
    assert (cut(q, [0.5], Smoothness(1e-9))[0] == (q > 0.5)).all()


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, (12, 15), elements=st.floats(0, 1, width=32)), SMOOTHNESS)
def test_masks_are_nested(q, smoothness):
    masks = cut(q, [0.2, 0.4, 0.5, 0.6, 0.8], smoothness)
    for loose, tight in itertools.pairwise(masks):
        assert not (tight & ~loose).any()


def test_smoothness_removes_a_speck_and_keeps_a_block():
    q = np.full((20, 20), 0.2, np.float32)
    q[3, 3] = 0.9
    q[8:16, 8:16] = 0.9
    mask = cut(q, [0.5], Smoothness(1.0))[0]
    assert not mask[3, 3]
    assert mask[9:15, 9:15].all()
    assert mask.sum() <= 64


def test_contrast_keeps_the_corner_that_constant_smoothness_rounds_off():
    q = np.full((12, 12), 0.3, np.float32)
    q[4:, 4:] = 0.7
    constant = cut(q, [0.5], Smoothness(0.6))[0]
    contrast = cut(q, [0.5], Smoothness(0.6, scale=contrast_scale(q, 8)))[0]
    assert not constant[4, 4]
    assert (contrast == (q > 0.5)).all()


def test_the_contrast_scale_is_the_root_mean_square_of_neighbour_differences():
    assert contrast_scale(np.array([[0, 0.5], [0, 0]], np.float32), 4) == pytest.approx(np.sqrt(0.5 / 4))
    assert contrast_scale(np.array([[0, 0.5], [0, 0]], np.float32), 8) == pytest.approx(np.sqrt(0.75 / 6))
    assert contrast_scale(np.full((3, 3), 0.4, np.float32), 8) is None
