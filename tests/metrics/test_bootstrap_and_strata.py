import numpy as np
import pytest

from lacss_tools.cells import Cells
from lacss_tools.metrics.bootstrap import _numbers, draws, intervals
from lacss_tools.metrics.metrics import compare, evaluate
from lacss_tools.metrics.strata import by_size, reliability
from tests.made_up import disturbed_cells, overlapping


@pytest.fixture
def pairs():
    rng = np.random.default_rng(3)
    truth = [overlapping(rng, (20, 24)) for _ in range(6)]
    return [(disturbed_cells(rng, cells), cells) for cells in truth]


def test_a_draw_is_the_evaluation_of_the_drawn_images(pairs):
    matched = [compare(*pair) for pair in pairs]
    numbers = _numbers(matched, 0.5)
    for draw in [np.ones(6, np.int64), *draws(6, 20)]:
        # copies of an image beside it, as the draw ranks them
        again = evaluate([pair for pair, times in zip(pairs, draw, strict=True) for _ in range(times)], 0.5)
        drawn = numbers(draw)
        assert drawn["accuracy50"] == pytest.approx(again.accuracy50)
        assert drawn["fnr50"] == pytest.approx(again.fnr50)
        assert drawn["f1_50"] == pytest.approx(again.rates.f1[0])
    whole = evaluate(pairs, 0.5)
    drawn = numbers(np.ones(6, np.int64))
    assert (drawn["ap50"], drawn["ap75"], drawn["map"]) == pytest.approx((whole.ap50, whole.ap75, whole.map))


def test_intervals_hold_the_number_and_shrink_with_more_images(pairs):
    few = intervals([compare(*pair) for pair in pairs], 0.5)
    many = intervals([compare(*pair) for pair in pairs * 8], 0.5)
    whole = evaluate(pairs, 0.5)
    for name in ("accuracy50", "fnr50"):
        low, high = few[name]
        assert low < getattr(whole, name) < high
        assert many[name][1] - many[name][0] < 0.6 * (high - low)
    assert few == intervals([compare(*pair) for pair in pairs], 0.5)  # the seed is fixed


def test_intervals_are_the_central_95_percent_of_the_draws(pairs):
    matched = [compare(*pair) for pair in pairs]
    counts = np.array([(m.counts(0.5).tp[0], m.counts(0.5).detections, len(m.truth)) for m in matched])
    tp, found, truth = np.array([draw @ counts for draw in draws(6, 100, seed=4)]).T
    expected = np.quantile(tp / (found + truth - tp), [0.025, 0.975])
    assert intervals(matched, 0.5, repeats=100, seed=4)["accuracy50"] == pytest.approx(expected.tolist())


def test_intervals_of_one_image_or_of_nothing_are_undefined(pairs):
    nothing = pairs[0][0].select(np.zeros(0, np.int64))
    assert set(intervals([compare(*pairs[0])], 0.0).values()) == {None}
    assert set(intervals([compare(nothing, nothing)] * 3, 0.0).values()) == {None}
    assert intervals([], 0.0)["ap50"] is None


def sized(*sides):
    """Squares beside each other."""
    starts = np.cumsum([0, *(s + 2 for s in sides)])[:-1]
    boxes = np.array([(0, x, s, x + s) for s, x in zip(sides, starts, strict=True)], dtype=np.int64).reshape(-1, 4)
    crops = tuple(np.full((s, s), 255, np.uint8) for s in sides)
    return Cells((30, 120), np.ones(len(sides)), boxes[:, :2].astype(float), boxes, crops)


def test_errors_are_counted_in_classes_of_equally_many_true_cells():
    truth = sized(2, 4, 6, 8)
    found = truth.select(np.array([1, 2, 3]))
    small, large = by_size([compare(found, truth)], 0.0, classes=2)
    assert (small.low, small.high, large.high) == (4, 16, 64)
    assert (small.n_truth, small.missed, large.n_truth, large.missed) == (1, 1, 3, 0)
    assert (large.n_detections, large.false, large.fnr, small.fdr) == (3, 0, 0.0, None)
    # every cell and detection is in one class, whatever its size
    lines = by_size([compare(sized(1, 20), truth)], 0.0, classes=3)
    assert sum(line.n_truth for line in lines) == 4
    assert sum(line.false for line in lines) == 2
    assert by_size([compare(found, truth.select(np.zeros(0, np.int64)))], 0.0) == []
    assert len(by_size([compare(sized(5, 5), sized(5, 5))], 0.0)) == 1


def test_reliability_by_hand():
    truth = sized(4, 6)
    found = Cells(truth.shape, np.array([0.85, 0.15]), truth.locations, truth.boxes, truth.crops)
    result = reliability([compare(found, truth.select(np.array([0])))])
    assert result.score == [0.15, 0.85]
    assert result.true == [0.0, 1.0]
    assert result.error == pytest.approx(0.15)
    assert reliability([]).error is None
