import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lacss_tools.annotate.graphcut import cut

QS = hnp.arrays(np.float32, (3, 4), elements=st.floats(np.float32(0.01), np.float32(0.99), width=32))


def pairs(shape, neighbours):
    steps = [(0, 1), (1, 0)] + ([(1, 1), (1, -1)] if neighbours == 8 else [])
    for y, x in itertools.product(*map(range, shape)):
        for dy, dx in steps:
            if y + dy < shape[0] and 0 <= x + dx < shape[1]:
                yield (y, x), (y + dy, x + dx)


def energies(masks, q, t, w, neighbours):
    """Energy of each labeling (n, y, x), straight from the formula."""
    q = q.astype(np.float64)
    cell, background = -np.log(q) - np.log(1 - t), -np.log(1 - q) - np.log(t)
    total = np.where(masks, cell, background).sum(axis=(1, 2))
    for a, b in pairs(q.shape, neighbours):
        total += w * (masks[:, a[0], a[1]] != masks[:, b[0], b[1]])
    return total


ALL = ((np.arange(2**12)[:, None] >> np.arange(12)) & 1).astype(bool).reshape(-1, 3, 4)


@settings(max_examples=40, deadline=None)
@given(QS, st.sampled_from([4, 8]), st.floats(0.05, 3), st.floats(0.1, 0.9))
def test_the_cut_has_the_lowest_energy_of_all_4096_labelings(q, neighbours, w, t):
    best = energies(ALL, q, t, w, neighbours).min()
    found = energies(cut(q, [t], w, neighbours), q, t, w, neighbours)[0]
    assert found == pytest.approx(best, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(QS, st.sampled_from([4, 8]), st.floats(0.05, 2))
def test_one_graph_for_all_thresholds_stays_optimal(q, neighbours, w):
    thresholds = [0.2, 0.35, 0.5, 0.65, 0.8]
    for t, mask in zip(thresholds, cut(q, thresholds, w, neighbours), strict=True):
        best = energies(ALL, q, t, w, neighbours).min()
        assert energies(mask[None], q, t, w, neighbours)[0] == pytest.approx(best, rel=1e-7, abs=1e-7)


def test_without_smoothness_the_cut_is_thresholding():
    q = np.random.default_rng(0).uniform(0.01, 0.99, (20, 30)).astype(np.float32)
    thresholds = [0.25, 0.5, 0.75]
    assert (cut(q, thresholds, 0.0) == np.stack([q > t for t in thresholds])).all()


def test_vanishing_smoothness_agrees_with_thresholding():
    q = np.random.default_rng(0).uniform(0.01, 0.99, (20, 30)).astype(np.float32)
    assert (cut(q, [0.5], 1e-9)[0] == (q > 0.5)).all()


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.float32, (12, 15), elements=st.floats(0, 1, width=32)), st.floats(0, 2))
def test_masks_are_nested(q, w):
    masks = cut(q, [0.2, 0.4, 0.5, 0.6, 0.8], w)
    for loose, tight in itertools.pairwise(masks):
        assert not (tight & ~loose).any()


def test_smoothness_removes_a_speck_and_keeps_a_block():
    q = np.full((20, 20), 0.2, np.float32)
    q[3, 3] = 0.9
    q[8:16, 8:16] = 0.9
    mask = cut(q, [0.5], 1.0)[0]
    assert not mask[3, 3]
    assert mask[9:15, 9:15].all()
    assert mask.sum() <= 64
