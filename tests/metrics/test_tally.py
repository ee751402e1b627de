import json
from dataclasses import asdict

import numpy as np
import pytest

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.metrics.boundary import border_counts, border_pixels
from lacss_tools.metrics.jaccard import aji_areas, seg_sum
from lacss_tools.metrics.locations import close_pairs
from lacss_tools.metrics.matching import best_pairs
from lacss_tools.metrics.metrics import compare, evaluate, evaluation_from_json
from lacss_tools.metrics.overlap import overlap
from tests.made_up import overlapping


def squares(*corners, side=4, shape=(20, 20)):
    table = np.array([(y, x, y + side, x + side) for y, x in corners], dtype=np.int64).reshape(-1, 4)
    centres = table[:, :2] + (side - 1) / 2
    return Cells(shape, np.ones(len(table)), centres, table, (np.full((side, side), 255, np.uint8),) * len(table))


def test_rates_by_hand():
    # one exact, one moved by a row (IoU 12/20), one false; one true cell missed
    found, truth = squares((2, 2), (9, 2), (2, 12)), squares((2, 2), (8, 2), (14, 14))
    result = evaluate([(found, truth)], 0.0)
    rates = result.rates
    assert (rates.accuracy[0], rates.precision[0], rates.recall[0], rates.f1[0]) == (0.5, 2 / 3, 2 / 3, 2 / 3)
    assert rates.sq[0] == pytest.approx(0.8)
    assert rates.pq[0] == pytest.approx(0.8 * 2 / 3)
    assert rates.accuracy[3:] == [0.2] * 7  # from IoU 0.65 on only the exact one
    assert rates.seg == pytest.approx((1 + 12 / 20) / 3)
    assert rates.aji_plus == pytest.approx((16 + 12) / (16 + 20 + 16 + 16))
    assert rates.count_error == 0.0
    assert rates.loi_recall == [2 / 3] * 3 + [1.0] * 2  # the false one is 12.2 pixels from the missed one
    assert result.images[0].pq50 == rates.pq[0]


@pytest.mark.parametrize(
    ("found", "truth", "zero", "undefined"),
    [
        ((), (), (), ("accuracy", "precision", "recall", "f1", "sq", "pq", "fnr", "seg", "aji_plus", "boundary_f",
                      "count_error", "loi_precision", "loi_recall", "afnr")),
        (((2, 2),), (), ("accuracy", "precision", "f1", "pq", "aji_plus", "boundary_f", "loi_precision"),
         ("recall", "sq", "fnr", "seg", "count_error", "loi_recall", "afnr")),
        ((), ((2, 2),), ("accuracy", "recall", "f1", "pq", "seg", "aji_plus", "boundary_f", "loi_recall"),
         ("precision", "sq", "loi_precision")),
    ],
)  # fmt: skip
def test_every_edge_case_is_defined(found, truth, zero, undefined):
    result = evaluate([(squares(*found), squares(*truth))])
    values = asdict(result.rates)
    for names, expected in ((zero, 0.0), (undefined, None)):
        for name in names:
            value = values[name]
            assert (set(value) if isinstance(value, list) else {value}) == {expected}, name
    json.dumps(result.as_json(), allow_nan=False)


def test_pooled_rates_are_those_of_summed_counts():
    one, two = (squares((2, 2)), squares((2, 2))), (squares((2, 2), (9, 9)), squares((14, 2), (14, 9), (2, 9)))
    pooled = evaluate([one, two], 0.0).rates
    assert pooled.recall[0] == 1 / 4
    assert pooled.count_error == 1 / 4
    assert pooled.seg == 1 / 4


def test_json_and_back():
    result = evaluate([(squares((2, 2)), squares((2, 3)))])
    assert evaluation_from_json(json.loads(json.dumps(result.as_json())) | {"new": 1}) == result


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_scores_must_be_numbers(score):
    cell = squares((2, 2))
    bad = Cells(cell.shape, np.array([score]), cell.locations, cell.boxes, cell.crops)
    with pytest.raises(InputError, match="1 detections have a score"):
        compare(bad, cell)


def test_borders_are_inner_and_not_where_the_image_cuts():
    labels = np.zeros((6, 6), np.int32)
    labels[1:5, 1:5] = 1
    ring = labels > 0
    ring[2:4, 2:4] = False
    assert (border_pixels(cells_from_labels(labels)) == ring).all()
    assert not border_pixels(cells_from_labels(np.ones((4, 4), np.int32))).any()
    half = np.zeros((5, 6), np.int32)
    half[:, :3] = 1
    assert np.argwhere(border_pixels(cells_from_labels(half))).tolist() == [[y, 2] for y in range(5)]


def test_borders_equal_skimage_away_from_the_image_edge():
    from skimage.segmentation import find_boundaries

    for seed in range(200):
        cells = overlapping(np.random.default_rng(seed))
        expected = np.zeros(cells.shape, bool)
        for k, (y0, x0, y1, x1) in enumerate(cells.boxes):
            alone = np.zeros(cells.shape, np.int32)
            alone[y0:y1, x0:x1] = cells.mask(k)
            expected |= find_boundaries(alone, connectivity=1, mode="inner")
        assert (border_pixels(cells) == expected).all()


def test_border_counts_tolerate_two_pixels():
    truth = squares((4, 4))
    assert border_counts(truth, truth).tolist() == [12] * 4
    near, n, found, m = border_counts(squares((4, 7)), truth).tolist()
    assert (n, m) == (12, 12)
    # columns 7..10 against 4..7: the column at 10 is 3 away, that at 9 is 2 away
    assert near == found == 8
    assert border_counts(squares((4, 4)), squares((14, 14))).tolist() == [0, 12, 0, 12]


def test_points_are_paired_one_to_one_and_as_many_as_can_be():
    truth = np.array([[0.0, 0.0], [0.0, 4.0]])
    # greedy would give the first point its nearest, the second true cell, and leave the other without
    points = np.array([[0.0, 2.1], [0.0, 5.0]])
    assert close_pairs(points, truth, 2.5) == 2
    assert close_pairs(points, truth, 2.0) == 1
    assert close_pairs(truth, truth, 0.0) == 2
    assert close_pairs(points[:0], truth, 5.0) == 0


def test_seg_needs_more_than_half_and_aji_pairs_for_the_best_sum():
    truth = squares((0, 0))
    half = overlap(squares((2, 0)), truth)
    assert seg_sum(half) == 0.0  # exactly half
    assert seg_sum(overlap(squares((1, 0)), truth)) == pytest.approx(12 / 20)
    # a: 12/20 with both; b: exact on the first. Together a-second and b-first is the best
    both = overlap(squares((1, 0), (0, 0)), squares((0, 0), (2, 0)))
    assert best_pairs(both.iou()).tolist() == [1, 0]
    assert aji_areas(both) == (12 + 16, 20 + 16)
