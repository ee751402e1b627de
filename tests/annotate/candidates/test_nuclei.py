import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lacss_tools.annotate.candidates.candidates import cut_at, find_candidates
from lacss_tools.annotate.candidates.nuclei import Nuclei, fill_hollows, in_stain, nuclei_at, nuclei_of
from lacss_tools.annotate.candidates.settings import CutSettings

SHAPE = (120, 160)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
CELLS = np.array([[30.0, 30.0], [30.0, 75.0], [85.0, 50.0]])
STROMA = np.array([[85.0, 130.0], [20.0, 140.0]])
POINTS = np.concatenate([CELLS, STROMA])


def distance(points):
    return np.hypot(Y - points[:, 0, None, None], X - points[:, 1, None, None]).min(axis=0)


def stained_tissue(seed=0):
    """Cells of radius 14 whose nuclei, of radius 7, are as dark as the background; two more nuclei lie outside."""
    image = np.where((distance(CELLS) < 14) & (distance(CELLS) >= 7), 1500.0, 100.0)
    return (image + np.random.default_rng(seed).normal(0, 10, SHAPE)).astype(np.float32)[None]


def outlined():
    return (distance(POINTS) < 7) * (1 + np.argmin(np.hypot(*(np.stack([Y, X], -1)[:, :, None] - POINTS).T), 0).T)


@pytest.mark.parametrize("of", ["points", "labels"])
def test_dark_nuclei_are_inside_all_five_masks_and_nuclei_off_the_stain_are_not(of):
    nuclei = nuclei_at(POINTS, SHAPE) if of == "points" else nuclei_of(outlined().astype(np.int32) * 3)
    image, cells = stained_tissue(), distance(CELLS) < 13
    before, after = find_candidates(image, CutSettings()), find_candidates(image, CutSettings(), None, nuclei)
    assert not before.masks[:, distance(CELLS) < 5].any()
    assert after.masks[:, cells].all()
    assert not after.masks[:, distance(CELLS) > 16].any()
    assert after.stained.tolist() == [True] * 3 + [False] * 2
    assert after.thresholds == before.thresholds
    assert (after.masks[:-1] | ~after.masks[1:]).all()


@pytest.mark.parametrize("tile", [2048, 80])
def test_one_threshold_alone_gives_the_same_candidate_also_in_tiles(tile):
    chosen, nuclei = CutSettings(tile=tile, overlap=32), nuclei_at(POINTS, SHAPE)
    found = find_candidates(stained_tissue(), chosen, None, nuclei)
    for threshold, mask in zip(found.thresholds, found.masks, strict=True):
        assert (cut_at(stained_tissue(), chosen, threshold, None, nuclei) != mask).mean() < 1e-3
        assert mask[distance(CELLS) < 13].all()


def test_no_nuclei_change_nothing():
    plain, none = (
        find_candidates(stained_tissue(), CutSettings(), None, n) for n in (None, nuclei_at(POINTS[:0], SHAPE))
    )
    assert (plain.masks == none.masks).all()
    assert none.stained.tolist() == []


# ---- nuclei ---------------------------------------------------------------------------------------------------------


def test_points_become_discs_as_wide_as_their_spacing_tells():
    nuclei = nuclei_at(np.array([[10.0, 10.0], [10.0, 46.0], [10.4, 10.2]]), (60, 60))
    assert nuclei.width == 6.0  # half of a few tenths, at least this
    nuclei = nuclei_at(np.array([[10.0, 10.0], [10.0, 46.0]]), (60, 60))
    assert nuclei.width == 18.0
    assert [(nuclei.labels == k).sum() for k in (1, 2)] == [29, 29]  # pixels within 3 of a centre
    assert nuclei.labels[13, 10] == 1
    assert nuclei.labels[14, 10] == 0


def test_labels_are_numbered_anew_and_their_width_is_that_of_a_circle_of_the_median_area():
    labels = np.zeros((30, 30), np.int32)
    labels[2:12, 2:12], labels[20:22, 20:22], labels[15:25, 2:12] = 9, 4, 70
    nuclei = nuclei_of(labels)
    assert nuclei.count == 3
    assert nuclei.width == pytest.approx(2 * np.sqrt(100 / np.pi))
    assert nuclei_of(np.zeros((4, 4), np.int32)).count == 0


def around(angles):
    """A nucleus of radius 4 with stain, 2 pixels away, in these directions (degrees, every 45)."""
    turned = np.degrees(np.arctan2(Y - 60, X - 80)) % 360
    ring = np.abs(np.hypot(Y - 60, X - 80) - 7) < 1
    mask = ring & np.any([np.abs(turned - angle - 22.5) < 15 for angle in angles], axis=0)
    return Nuclei((np.hypot(Y - 60, X - 80) < 4).astype(np.int32), 8.0), mask


@pytest.mark.parametrize(
    ("angles", "expected"),
    [((0, 90, 180, 270, 315), True), ((0, 45, 90, 135), False), ((), False), (tuple(range(0, 360, 45)), True)],
)
def test_a_nucleus_is_in_stain_when_most_directions_meet_some(angles, expected):
    nucleus, mask = around(angles)
    full = np.ones(SHAPE, bool)
    assert in_stain(nucleus, mask, full).tolist() == [expected]
    assert in_stain(nucleus, full, mask).tolist() == [expected]


def test_the_loosest_mask_must_lie_within_one_nuclear_width_and_the_middle_one_within_two():
    nucleus = Nuclei((np.hypot(Y - 60, X - 80) < 4).astype(np.int32), 8.0)
    ring = np.abs(np.hypot(Y - 60, X - 80) - 16) < 1  # 12 pixels beyond the nucleus
    assert in_stain(nucleus, ring, ring).tolist() == [False]
    assert in_stain(nucleus, np.ones(SHAPE, bool), ring).tolist() == [True]
    wide = np.abs(np.hypot(Y - 60, X - 80) - 24) < 1
    assert in_stain(nucleus, np.ones(SHAPE, bool), wide).tolist() == [False]


def test_two_points_in_one_dark_nucleus_are_both_in_stain():
    nuclei = nuclei_at(np.array([[60.0, 77.0], [60.0, 83.0]]), SHAPE)
    ring = np.hypot(Y - 60, X - 80) > 7
    assert in_stain(nuclei, ring, ring).tolist() == [True, True]


def test_a_nucleus_beside_a_sheet_of_cells_is_not_in_stain_and_one_at_the_image_border_may_be():
    beside = Nuclei((np.hypot(Y - 60, X - 80) < 4).astype(np.int32), 8.0)
    assert in_stain(beside, X < 75, X < 75).tolist() == [False]
    corner = Nuclei((np.hypot(Y, X) < 4).astype(np.int32), 8.0)
    assert in_stain(corner, np.hypot(Y, X) > 6, np.hypot(Y, X) > 6).tolist() == [True]


# ---- hollows --------------------------------------------------------------------------------------------------------


def lowest_rims(plane):
    """Fill every hollow to its lowest rim by flooding from the border, pixel by pixel, lowest first."""
    height, width = plane.shape
    level = np.full(plane.shape, np.inf)
    waiting = [
        (plane[y, x], y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)
    ]
    for value, y, x in waiting:
        level[y, x] = value
    heapq.heapify(waiting)
    while waiting:
        value, y, x = heapq.heappop(waiting)
        for v in range(max(0, y - 1), min(height, y + 2)):
            for u in range(max(0, x - 1), min(width, x + 2)):
                if level[v, u] == np.inf:
                    level[v, u] = max(value, plane[v, u])
                    heapq.heappush(waiting, (level[v, u], v, u))
    return level


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_a_hollow_is_filled_to_its_lowest_rim(seed):
    rng = np.random.default_rng(seed)
    q = ndimage.gaussian_filter(rng.uniform(0, 1, (61, 61)), 2.5).astype(np.float32)
    labels = np.zeros(q.shape, np.int32)
    labels[30, 30] = 1
    filled = fill_hollows(q, Nuclei(labels, 10.0), np.ones(1, bool), 1.0)
    smooth = ndimage.gaussian_filter(q, 1.0, mode="nearest")
    near = np.s_[10:51, 10:51]  # two widths to each side
    rims = lowest_rims(smooth[near])
    hollows, _ = ndimage.label(rims > smooth[near])
    own = (hollows == hollows[20, 20]) & (hollows > 0)
    expected = q.copy()
    expected[near] = np.where(own, np.maximum(q[near], rims), q[near])
    np.testing.assert_allclose(filled, expected, atol=1e-6)


def test_a_cell_that_the_image_border_cuts_is_closed_by_its_mirror_image():
    far = np.hypot(Y, X - 80)
    q = np.where(np.abs(far - 12) < 3, 0.9, 0.1).astype(np.float32)
    filled = fill_hollows(q, Nuclei((far < 4).astype(np.int32), 8.0), np.ones(1, bool), 1.0)
    assert (filled[far < 12] > 0.5).all()
    assert (filled[far > 15] == q[far > 15]).all()


def test_a_hollow_that_reaches_far_is_background():
    ring = np.where(np.abs(np.hypot(Y - 60, X - 80) - 40) < 3, 0.9, 0.1).astype(np.float32)
    labels = (np.hypot(Y - 60, X - 80) < 4).astype(np.int32)
    chosen = np.ones(1, bool)
    assert (fill_hollows(ring, Nuclei(labels, 8.0), chosen, 1.0) == ring).all()
    filled = fill_hollows(ring, Nuclei(labels, 20.0), chosen, 1.0)
    assert (filled[np.hypot(Y - 60, X - 80) < 35] > 0.7).all()
    assert (fill_hollows(ring, Nuclei(labels, 20.0), ~chosen, 1.0) == ring).all()
