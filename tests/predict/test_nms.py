"""Greedy suppression with neighbours only, against all pairs one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lacss_tools.cells import label_rows
from lacss_tools.predict.found import Found, join, suppress
from lacss_tools.predict.nms import close_pairs, keep_best, meeting_boxes


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 10**6))
def test_distance_nms_is_that_of_brute_force(count, seed):
    points = np.random.default_rng(seed).integers(0, 40, (count, 2)).astype(float)
    kept = []
    for k, point in enumerate(points):
        if all(np.linalg.norm(point - points[j]) >= 8 for j in kept):
            kept.append(k)
    assert keep_best(count, close_pairs(points, 8.0)).tolist() == kept


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 10**6))
def test_meeting_boxes_are_those_of_brute_force(count, seed):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 50, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 15, (count, 2))], axis=1)
    expected = {
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if (np.maximum(boxes[i, :2], boxes[j, :2]) < np.minimum(boxes[i, 2:], boxes[j, 2:])).all()
    }
    assert {tuple(pair) for pair in meeting_boxes(boxes).tolist()} == expected


def found(*boxes, shape=(20, 20), code=230):
    table = np.array(boxes)
    crops = tuple(np.full((d - b, e - c), code, np.uint8) for b, c, d, e in table.tolist())
    scores = np.linspace(0.9, 0.5, len(table))
    return Found(shape, scores, table[:, :2].astype(float), table, crops, scores, np.zeros(len(crops), bool))


def test_a_cell_inside_a_better_one_goes_and_a_neighbour_stays():
    kept = suppress(found((0, 0, 10, 10), (2, 2, 8, 8), (0, 8, 10, 18)), max_overlap=0.5)
    assert kept.boxes.tolist() == [[0, 0, 10, 10], [0, 8, 10, 18]]


def test_a_cell_that_went_takes_nobody_with_it():
    kept = suppress(found((0, 0, 4, 10), (0, 4, 4, 14), (0, 9, 4, 19)), max_overlap=0.4)
    assert kept.boxes[:, 1].tolist() == [0, 9]  # the middle one overlaps both, and is gone before the third comes


def test_overlaps_are_of_masks_and_not_of_boxes():
    one = found((0, 0, 10, 10), (0, 0, 10, 10))
    one.crops[0][:, 5:], one.crops[1][:, :5] = 0, 0
    assert len(suppress(one, max_overlap=0.1)) == 2


def test_a_cell_inside_a_better_one_stays_where_only_the_iou_counts():
    nested = found((0, 0, 10, 10), (2, 2, 8, 8), (0, 1, 10, 10))
    kept = suppress(nested, max_overlap=1.0, max_iou=0.5)  # IoU with the first: 0.36 and 0.9
    assert kept.boxes.tolist() == [[0, 0, 10, 10], [2, 2, 8, 8]]
    assert len(suppress(nested, max_overlap=1.0, max_iou=0.35)) == 1


def test_labels_in_bands_are_those_made_at_once():
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 30, (40, 2))
    cells = found(*np.concatenate([corners, corners + rng.integers(2, 12, (40, 2))], axis=1).tolist(), shape=(42, 42))
    for crop in cells.crops:
        crop[...] = rng.integers(0, 256, crop.shape)
    whole = label_rows(cells, 0, 42)
    assert len(np.unique(whole)) > 20
    assert np.array_equal(np.concatenate([label_rows(cells, y, min(y + 5, 42)) for y in range(0, 42, 5)]), whole)
    # of every pixel's claimants the one with the largest code has it, the earlier one when equal
    for y, x in np.ndindex(42, 42):
        claims = [
            (-int(crop[y - a, x - b]), k + 1)
            for k, ((a, b, c, d), crop) in enumerate(zip(cells.boxes.tolist(), cells.crops, strict=True))
            if a <= y < c and b <= x < d and crop[y - a, x - b] > 127
        ]
        assert whole[y, x] == (min(claims)[1] if claims else 0)


def test_an_image_without_cells_has_an_empty_everything():
    none = suppress(join((7, 9), []), 0.5)
    assert len(none) == len(none.areas()) == 0
    assert not label_rows(none, 0, 7).any()
