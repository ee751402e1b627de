import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.metrics.metrics import average_precision, best_score_cut, evaluate, iou_matrix, match


def boxes(shape, rows):
    """Rectangular cells from (y0, x0, y1, x1, score)."""
    table = np.array(rows, dtype=float).reshape(-1, 5)
    corners = table[:, :4].astype(int)
    crops = tuple(np.full((y1 - y0, x1 - x0), 255, np.uint8) for y0, x0, y1, x1 in corners)
    return Cells(shape, table[:, 4], table[:, :2], corners, crops)


@st.composite
def random_cells(draw, most=6):
    """Plain data for `ragged`: rectangles, a seed, and the share of their pixels that stays."""
    rows = []
    for _ in range(draw(st.integers(0, most))):
        y, x = draw(st.integers(0, 9)), draw(st.integers(0, 9))
        h, w = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        rows.append((y, x, min(y + h, 12), min(x + w, 12), draw(st.sampled_from([0.2, 0.4, 0.6, 0.8]))))
    return rows, draw(st.integers(0, 999)), draw(st.sampled_from([0.3, 0.9, 1.0]))


def ragged(data):
    """Overlapping cells with holes; some are empty."""
    rows, seed, kept = data
    whole, holes = boxes((12, 12), rows), np.random.default_rng(seed)
    crops = tuple(np.where(holes.random(crop.shape) < kept, crop, 127).astype(np.uint8) for crop in whole.crops)
    return Cells(whole.shape, whole.scores, whole.locations, whole.boxes, crops)


def overlap(m, n):
    return (m & n).sum() / max((m | n).sum(), 1)


def full_masks(cells):
    out = np.zeros((len(cells), *cells.shape), bool)
    for k, (y0, x0, y1, x1) in enumerate(cells.boxes):
        out[k, y0:y1, x0:x1] = cells.mask(k)
    return out


@settings(max_examples=150, deadline=None)
@given(random_cells(), random_cells())
def test_iou_equals_whole_image_masks(detections, truth):
    detections, truth = ragged(detections), ragged(truth)
    a, b = full_masks(detections), full_masks(truth)
    expected = np.array([[overlap(m, n) for n in b] for m in a]).reshape(len(a), len(b))
    np.testing.assert_allclose(iou_matrix(detections, truth).toarray(), expected)


@settings(max_examples=150, deadline=None)
@given(random_cells(), random_cells(), st.sampled_from([0.3, 0.5, 0.75]))
def test_matching_and_ap_equal_a_plain_loop(detections, truth, threshold):
    detections, truth = ragged(detections), ragged(truth)
    a, b = full_masks(detections), full_masks(truth)
    partners, hits = {}, []
    order = sorted(range(len(a)), key=lambda k: -detections.scores[k])
    for k in order:
        free = [j for j in range(len(b)) if j not in partners.values() and overlap(a[k], b[j]) >= threshold]
        if free:
            partners[k] = max(free, key=lambda j: overlap(a[k], b[j]))
        hits.append(bool(free))
    found = match(iou_matrix(detections, truth), detections.scores, threshold)
    assert found.tolist() == [partners.get(k, -1) for k in range(len(a))]
    expected = sum(h * sum(hits[: i + 1]) / (i + 1) for i, h in enumerate(hits)) / len(b) if len(b) else None
    ap = average_precision(found >= 0, detections.scores, len(b))
    assert ap == (None if expected is None else pytest.approx(expected))


def test_ap_by_hand():
    # true, false, true of 4 true cells: (1/1 + 2/3) / 4
    true, scores = np.array([True, False, True]), np.array([0.9, 0.8, 0.7])
    assert average_precision(true, scores, 4) == pytest.approx((1 + 2 / 3) / 4)
    # the order of the list does not matter, only the scores do
    assert average_precision(true[::-1], scores[::-1], 4) == pytest.approx((1 + 2 / 3) / 4)


def test_the_better_of_two_detections_of_one_cell_counts_once():
    truth = boxes((20, 20), [(0, 0, 10, 10, 1)])
    detections = boxes((20, 20), [(0, 0, 10, 10, 0.5), (0, 0, 10, 9, 0.9)])
    result = evaluate([(detections, truth)], score_cut=0.0)
    assert result.ap50 == 1.0  # the first found is true, the second false: 1/1 over 1 cell
    assert result.ap[9] == pytest.approx(0.5)  # at IoU 0.95 the 0.9 is not good enough and takes precision with it
    assert (result.images[0].tp, result.images[0].fp, result.images[0].fn) == (1, 1, 0)
    assert result.accuracy50 == pytest.approx(0.5)


def test_150_perfect_cells_give_1_at_every_threshold():
    labels = np.kron(np.arange(1, 151).reshape(10, 15), np.ones((4, 4), int))
    cells = cells_from_labels(labels)
    result = evaluate([(cells, cells)])
    assert result.ap == [1.0] * 10
    assert result.fnr == [0.0] * 10
    assert result.map == 1.0
    assert result.accuracy50 == 1.0


def test_a_shift_is_found_at_low_iou_only():
    truth = boxes((30, 30), [(0, 0, 10, 10, 1)])
    moved = boxes((30, 30), [(2, 0, 12, 10, 1)])  # IoU 80 / 120
    result = evaluate([(moved, truth)])
    assert result.ap == [1.0] * 4 + [0.0] * 6  # 0.50, 0.55, 0.60, 0.65
    assert result.afnr == pytest.approx(0.6)


def test_scores_are_pooled_over_images():
    cell, nothing = boxes((9, 9), [(0, 0, 5, 5, 0.5)]), boxes((9, 9), [])
    wrong = boxes((9, 9), [(0, 0, 5, 5, 0.9)])
    result = evaluate([(cell, cell), (wrong, nothing)], score_cut=0.0)
    assert result.ap50 == pytest.approx(0.5)  # the wrong one of the other image ranks first


def test_nothing_anywhere_is_undefined_and_valid_json():
    nothing = boxes((5, 5), [])
    result = evaluate([(nothing, nothing)])
    assert result.ap50 is result.map is result.fnr50 is result.afnr is result.accuracy50 is None
    json.dumps(result.as_json(), allow_nan=False)
    assert evaluate([]).n_images == 0


def test_no_detections_find_nothing_and_no_truth_leaves_false_ones():
    cell, nothing = boxes((9, 9), [(0, 0, 5, 5, 0.5)]), boxes((9, 9), [])
    missed = evaluate([(nothing, cell)])
    assert (missed.ap50, missed.fnr50, missed.accuracy50) == (0.0, 1.0, 0.0)
    false = evaluate([(cell, nothing)])
    assert (false.ap50, false.n_detections, false.accuracy50) == (None, 1, 0.0)


def test_a_detection_over_two_true_cells_finds_one():
    truth = boxes((30, 30), [(2, 2, 22, 22, 1), (4, 2, 24, 22, 1)])
    between = boxes((30, 30), [(3, 2, 23, 22, 1)])  # IoU 19 / 21 with both
    assert match(iou_matrix(between, truth), between.scores, 0.5).tolist() == [0]
    image = evaluate([(between, truth)]).images[0]
    assert (image.tp, image.fp, image.fn) == (1, 0, 1)


def test_a_second_choice_is_taken_when_the_first_is_gone():
    truth = boxes((9, 40), [(0, 0, 5, 10, 1), (0, 4, 5, 14, 1)])
    # both like the first cell best; the lower score must do with IoU 8 / 12 of the second
    detections = boxes((9, 40), [(0, 1, 5, 11, 0.4), (0, 0, 5, 10, 0.9)])
    assert match(iou_matrix(detections, truth), detections.scores, 0.5).tolist() == [1, 0]
    assert match(iou_matrix(detections, truth), detections.scores, 0.65).tolist() == [-1, 0]


def test_iou_exactly_at_a_threshold_counts():
    truth = boxes((9, 40), [(0, 0, 1, 20, 1)])
    for length, place in ((10, 0), (11, 1), (12, 2), (13, 3), (14, 4), (15, 5), (16, 6), (17, 7), (18, 8), (19, 9)):
        part = boxes((9, 40), [(0, 0, 1, length, 1)])
        assert evaluate([(part, truth)]).ap == [1.0] * (place + 1) + [0.0] * (9 - place)


def test_equal_scores_keep_their_order():
    truth = boxes((9, 30), [(0, 0, 5, 5, 1)])
    right, wrong = (0, 0, 5, 5, 1), (0, 20, 5, 25, 1)
    assert evaluate([(boxes((9, 30), [right, wrong]), truth)]).ap50 == 1.0
    assert evaluate([(boxes((9, 30), [wrong, right]), truth)]).ap50 == 0.5


def test_the_cut_moves_counts_and_fnr_but_not_ap():
    truth = boxes((9, 30), [(0, 0, 5, 5, 1), (0, 10, 5, 15, 1)])
    detections = boxes((9, 30), [(0, 0, 5, 5, 0.9), (0, 10, 5, 15, 0.3), (0, 20, 5, 25, 0.2)])
    strict, loose = (evaluate([(detections, truth)], score_cut=cut) for cut in (0.5, 0.0))
    assert strict.ap == loose.ap
    assert (strict.fnr50, strict.accuracy50, strict.n_detections) == (0.5, 0.5, 1)
    assert (loose.fnr50, loose.accuracy50, loose.n_detections) == (0.0, pytest.approx(2 / 3), 3)
    counts = [(i.n_truth, i.n_detections, i.tp, i.fp, i.fn, i.ap50) for i in (strict.images[0], loose.images[0])]
    assert counts == [(2, 1, 1, 0, 1, 1.0), (2, 3, 2, 1, 0, 1.0)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(random_cells(), random_cells()), min_size=2, max_size=4))
def test_image_order_changes_nothing_when_scores_differ(pairs):
    pairs = [(ragged(found), ragged(truth)) for found, truth in pairs]
    sizes = np.cumsum([0, *(len(found) for found, _ in pairs)])
    ranks = np.random.default_rng(0).permutation(sizes[-1]) + 1.0
    pairs = [
        (Cells(d.shape, ranks[a : a + len(d)], d.locations, d.boxes, d.crops), t)
        for a, (d, t) in zip(sizes[:-1], pairs, strict=True)
    ]
    there, back = evaluate(pairs), evaluate(pairs[::-1])
    assert there.ap == back.ap
    assert there.fnr == back.fnr
    assert there.images == back.images[::-1]
    assert sum(image.tp for image in there.images) == pytest.approx((1 - (there.fnr50 or 0)) * there.n_truth)


def test_the_score_cut_maximises_f1():
    true, scores = np.array([True, True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    # F1 at the five cuts: 2/4, 4/5, 4/6, 6/7, 6/8 with three true cells
    assert best_score_cut(true, scores, 3) == 0.6
    # equal scores stand or fall together
    assert best_score_cut(np.array([True, False]), np.array([0.5, 0.5]), 1) == 0.5


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(1, 7)))
def test_renumbering_the_labels_changes_nothing(numbers):
    labels = np.kron(np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]]), np.ones((4, 4), int))
    other = np.concatenate([[0], numbers])[labels]
    truth = cells_from_labels(labels)
    assert evaluate([(cells_from_labels(other), truth)]).ap == [1.0] * 10
