"""Cells are one piece without holes: alone, and where overlapping ones are flattened to a label image."""

import numpy as np
import pytest
from scipy import ndimage

from lacss_tools.cells import INSIDE, cells_to_labels
from lacss_tools.predict.flat import settle
from lacss_tools.predict.found import Found
from lacss_tools.predict.whole import are_whole, fill, make_whole, piece_at

CORNER = np.array([-1.0, -1.0])


def is_whole(mask):
    """Slow and by other means: one piece by sides, and nothing that cannot leave by sides."""
    return ndimage.label(mask)[1] <= 1 and not (ndimage.binary_fill_holes(mask) & ~mask).any()


def spots(rng, side, density):
    """Codes of a smooth random mask, in pieces and with holes at most densities."""
    smooth = ndimage.gaussian_filter(rng.normal(size=(side, side + 3)), rng.choice([0.0, 0.7, 1.5]))
    return np.where(smooth > np.quantile(smooth, 1 - density), rng.integers(INSIDE, 256), 40).astype(np.uint8)


def many_spots(count=300):
    rng = np.random.default_rng(0)
    return [spots(rng, int(rng.integers(1, 14)), rng.choice([0.1, 0.5, 0.9])) for _ in range(count)]


def test_many_are_told_whole_or_not_as_one_by_one():
    crops = [*many_spots(), np.zeros((4, 4), np.uint8), np.full((3, 5), 255, np.uint8)]
    expected = [is_whole(crop >= INSIDE) for crop in crops]
    assert 20 < sum(expected) < len(crops) - 20
    assert are_whole(crops).tolist() == expected
    assert [bool(are_whole([crop])[0]) for crop in crops] == expected
    assert len(are_whole([])) == 0


def test_corners_neither_join_pieces_nor_open_holes():
    touching = np.array([[1, 0], [0, 1]], np.uint8) * 255
    ring = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8) * 255
    closed = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 1]], np.uint8) * 255
    assert are_whole([touching, ring, closed]).tolist() == [False, False, False]
    assert fill(ring > 0)[1, 1]
    assert not fill(ring > 0)[0, 0]


def test_mended_codes_are_whole_and_as_near_as_can_be():
    crops = many_spots()
    places = np.random.default_rng(1).uniform(-1, 14, (len(crops), 2))
    mended, in_pieces = make_whole(crops, places)
    for crop, out, place, several in zip(crops, mended, places, in_pieces, strict=True):
        before, after = crop >= INSIDE, out >= INSIDE
        assert is_whole(after)
        assert after.any() == before.any()
        pieces, count = ndimage.label(before)
        kept = pieces[after & before]
        assert len(np.unique(kept)) <= 1  # all of one piece, and
        if before.any():
            assert (before & after).sum() == (pieces == kept[0]).sum()  # the whole of it
            y, x = np.rint(place).astype(int)
            at = pieces[y, x] if 0 <= y < crop.shape[0] and 0 <= x < crop.shape[1] else 0
            largest = np.bincount(pieces.ravel())[1:].max()
            assert kept[0] == at if at else (pieces == kept[0]).sum() == largest
            assert several == (count > 1 and (before & ~after).sum() > 0.1 * before.sum())
        assert (out[~before & ~after] == crop[~before & ~after]).all()
        if is_whole(before):
            assert out is crop


def test_the_piece_at_the_place_stays_even_if_it_is_the_smaller():
    mask = np.zeros((6, 12), bool)
    mask[1:3, 1:3] = mask[1:5, 6:11] = True
    assert piece_at(mask, np.array([1.2, 2.4]))[1:3, 1:3].all()
    assert piece_at(mask, np.array([1.2, 4.0]))[1:5, 6:11].all()
    assert piece_at(mask, CORNER)[1:5, 6:11].all()
    assert piece_at(mask[:, :5], CORNER) is None


def found_of(crops, boxes, shape):
    boxes = np.array(boxes, dtype=np.int64).reshape(len(crops), 4)
    scores = np.linspace(0.9, 0.5, len(crops))
    middle = (boxes[:, :2] + boxes[:, 2:] - 1) / 2
    return Found(shape, scores, middle, boxes, tuple(crops), scores, np.zeros(len(crops), bool))


def test_a_cell_cut_in_two_keeps_one_piece_and_its_neighbour_gets_the_other():
    """A bar across a longer one, surer of itself: what is cut off is nobody's, or that of who claims it too."""
    long, bar = np.full((4, 30), 150, np.uint8), np.full((12, 5), 200, np.uint8)
    end = np.full((4, 8), 130, np.uint8)
    boxes = [(8, 0, 12, 30), (4, 18, 16, 23), (8, 24, 12, 32)]
    shown = cells_to_labels(settle(found_of([long, bar], boxes[:2], (20, 40))))
    assert (shown[8:12, :18] == 1).all()
    assert (shown[8:12, 23:30] == 0).all()
    shown = cells_to_labels(settle(found_of([long, bar, end], boxes, (20, 40))))
    assert (shown[8:12, 24:32] == 3).all()


def test_a_cell_within_another_leaves_no_hole():
    around, inner = np.full((15, 15), 150, np.uint8), np.full((5, 5), 220, np.uint8)
    shown = cells_to_labels(settle(found_of([around, inner], [(0, 0, 15, 15), (5, 5, 10, 10)], (15, 15))))
    assert (shown == 1).all()


@pytest.mark.parametrize("seed", range(40))
def test_flattened_cells_are_whole_whatever_overlaps(seed):
    rng = np.random.default_rng(seed)
    crops, boxes = [], []
    for _ in range(25):
        (crop,), _ = make_whole([spots(rng, int(rng.integers(4, 16)), 0.7)], CORNER[None])
        crop = np.where(crop >= INSIDE, rng.integers(INSIDE, 256, crop.shape), crop).astype(np.uint8)
        y, x = rng.integers(0, 24, 2)
        crops.append(crop)
        boxes.append((y, x, y + crop.shape[0], x + crop.shape[1]))
    found = found_of(crops, boxes, (40, 43))
    settled = settle(found)
    before, after = cells_to_labels(found), cells_to_labels(settled)
    assert any(not is_whole(before == k) for k in np.unique(before)[1:])
    for k in np.unique(after)[1:]:
        assert is_whole(after == k)
    claimed = np.zeros((len(crops) + 1, 40, 43), bool)
    for k, ((a, b, c, d), crop) in enumerate(zip(boxes, crops, strict=True)):
        claimed[k + 1, a:c, b:d] = crop >= INSIDE
    y, x = np.nonzero(after)
    assert claimed[after[y, x], y, x].all()  # nobody gets what it did not claim
    assert found.crops[0] is crops[0]  # and what was given stays as it was


def test_cells_that_do_not_overlap_are_left_alone():
    crops = [np.full((4, 4), 200, np.uint8)] * 2
    found = found_of(crops, [(0, 0, 4, 4), (0, 4, 4, 8)], (4, 8))
    assert all(one is other for one, other in zip(settle(found).crops, crops, strict=True))
