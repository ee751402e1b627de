"""Close-ups: where they are, how large, and what is drawn in them."""

import numpy as np
import pytest

from lacss_tools.annotate.check.closeup import DOTS, NUCLEUS, SIDE, Arrays, close_ups, densest, draw
from lacss_tools.annotate.check.findings import JudgedImage, MeasuredImage
from lacss_tools.annotate.check.learned import Learned
from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts, nearest_distances
from lacss_tools.screen.draw import PINK, SKY, VERMILLION, YELLOW

SHAPE, NUCLEUS_PX = (400, 500), 10.0
POINTS = np.array([[20.0, 30.0], [360.0, 470.0], [340.0, 450.0], [350.0, 460.0], [200.0, 60.0]])


def judged(doubled=(), outside=(), diameter=None):
    at = np.arange(len(POINTS))
    sizes = None if diameter is None else np.full(len(POINTS), diameter)
    lois = LoiFacts(POINTS, np.ones(len(POINTS)), nearest_distances(POINTS), at < 0, None, None, sizes)
    mask = MaskFacts(0.5, None, np.isin(at, outside), 0.0)
    return JudgedImage(MeasuredImage("a", SHAPE, lois, mask, "own"), np.isin(at, doubled))


def arrays(mask=None, learned=None):
    rng = np.random.default_rng(0)
    return Arrays(rng.random((1, *SHAPE), np.float32), rng.random(SHAPE, np.float32), mask, learned)


def test_the_window_holds_the_most_points_and_lies_in_the_image():
    window = densest(POINTS, SHAPE, 100)
    assert window.holds(POINTS).tolist() == [False, True, True, True, False]
    assert (window.top + 100 <= SHAPE[0], window.left + 100 <= SHAPE[1]) == (True, True)
    assert (densest(POINTS, SHAPE, 600).top, densest(POINTS, SHAPE, 600).left) == (0, 0)


def test_each_kind_of_doubt_gets_a_close_up_unless_one_shows_it_already():
    shown = close_ups(judged(doubled=(1, 2, 3), outside=(0,)), arrays(), NUCLEUS_PX)
    assert [close.what for close in shown] == ["3 suspected doubles", "1 LOI off the mask or on dark DAPI"]
    shown = close_ups(judged(doubled=(1, 2), outside=(3,)), arrays(), NUCLEUS_PX)
    assert [close.what for close in shown] == ["2 suspected doubles, 1 LOI off the mask or on dark DAPI"]
    assert [close.what for close in close_ups(judged(), arrays(), NUCLEUS_PX)] == ["2 LOIs as close as any"]


def test_giants_are_shown_where_nothing_else_is_doubtful():
    learned = Learned(np.zeros((40, 50), np.int32), 1, POINTS[4:])
    shown = close_ups(judged(), arrays(np.ones(SHAPE, bool), learned), NUCLEUS_PX)
    assert [close.what for close in shown] == ["1 pseudo-label far larger than usual"]
    assert shown[0].picture.shape == (SIDE, 3 * SIDE, 3)


@pytest.mark.parametrize("measured", [None, 20.0])
def test_a_nucleus_is_as_wide_as_it_should_be(measured):
    """Two points ten nuclei apart lie as many picture pixels apart."""
    across = measured or NUCLEUS_PX
    (close,) = close_ups(judged(doubled=(0,), diameter=measured), arrays(), NUCLEUS_PX)
    is_dot = np.all(close.picture[:, :SIDE] == PINK, axis=-1)
    zoom = NUCLEUS / across
    np.testing.assert_allclose(np.argwhere(is_dot).mean(axis=0), (POINTS[0] + 0.5) * zoom - 0.5, atol=1)


def test_doubtful_points_have_their_colours_and_the_mask_its_contour():
    one, mask = judged(doubled=(1,), outside=(2,)), np.zeros(SHAPE, bool)
    mask[300:380, 400:490] = True
    picture = draw(one, arrays(mask), densest(POINTS, SHAPE, 100))
    image, dapi = picture[:, :SIDE], picture[:, SIDE:]
    for panel in (image, dapi):
        for (y, x), colour in zip(POINTS[1:4], (PINK, VERMILLION, YELLOW), strict=True):
            at = (
                (np.array([y, x]) - (densest(POINTS, SHAPE, 100).top, densest(POINTS, SHAPE, 100).left) + 0.5)
                * SIDE
                / 100
            )
            assert tuple(panel[tuple(at.astype(int))]) == colour
    assert np.all(image == SKY, axis=-1).sum() > 100
    assert not np.all(dapi == SKY, axis=-1).any()
    assert {colour for colour, _ in DOTS} == {PINK, VERMILLION, YELLOW}


def test_pseudo_labels_lie_where_they_were_made_whatever_their_scale():
    labels = np.zeros((200, 250), np.int32)
    labels[100:120, 20:40] = 1  # 200 to 240 and 40 to 80 in the image
    learned = Learned(labels, 1, np.zeros((0, 2)))
    window = densest(POINTS[4:], SHAPE, 100)
    black = Arrays(np.zeros((1, *SHAPE), np.float32), None, np.ones(SHAPE, bool), learned)
    tinted = draw(judged(), black, window)[:, SIDE:].any(axis=-1)
    zoom = SIDE / 100
    rows, columns = np.nonzero(tinted)
    expected = np.array([200 - window.top, 240 - window.top, 40 - window.left, 80 - window.left]) * zoom
    np.testing.assert_allclose([rows.min(), rows.max() + 1, columns.min(), columns.max() + 1], expected, atol=5)


def test_without_points_there_is_nothing_to_show():
    facts = LoiFacts(POINTS[:0], np.zeros(0), np.zeros(0), np.zeros(0, bool), None, None)
    one = JudgedImage(MeasuredImage("a", SHAPE, facts, None, "own"), np.zeros(0, bool))
    assert close_ups(one, arrays(), NUCLEUS_PX) == ()
