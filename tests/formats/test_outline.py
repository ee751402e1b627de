import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely import Polygon
from shapely.validation import explain_validity

from lacss_tools.formats.outline import fill, polygons

masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def test_an_l_by_hand():
    [[ring]] = polygons(np.array([[1, 0], [1, 1]], bool))
    assert ring.tolist() == [[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [2, 0]]


def test_a_ring_has_a_hole_and_diagonal_pixels_are_two_pieces():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    [[outer, hole]] = polygons(ring)
    assert outer.tolist() == [[0, 0], [0, 3], [3, 3], [3, 0]]
    assert hole.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2]]
    assert len(polygons(np.eye(2, dtype=bool))) == 2


@settings(max_examples=400, deadline=None)
@given(masks)
def test_outlines_are_valid_and_give_the_same_pixels(mask):
    pieces = polygons(mask)
    rings = [ring for piece in pieces for ring in piece]
    total = 0.0
    for outer, *holes in pieces:
        shape = Polygon(outer, holes)
        assert explain_validity(shape) == "Valid Geometry"
        total += shape.area
    assert total == mask.sum()
    if not mask.any():
        assert pieces == []
        return
    y, x, inside = fill([rings], mask.shape)
    back = np.zeros_like(mask)
    back[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    assert (back == mask).all()


def test_polygons_between_pixels_take_the_centres_inside():
    y, x, inside = fill([[np.array([[0.6, 0.4], [0.6, 3.4], [2.4, 3.4], [2.4, 0.4]])]], (5, 5))
    assert (y, x) == (0, 0)
    assert np.argwhere(inside).tolist() == [[1, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize(
    "ring", [[[9, 9], [9, 12], [12, 12]], [[-5, 0], [-5, 4], [-1, 4]], [[1.1, 1], [1.1, 3], [1.2, 3]]]
)
def test_what_holds_no_pixel_of_the_image_is_none(ring):
    assert fill([[np.array(ring, float)]], (8, 8)) is None


def test_what_leaves_the_image_is_cut():
    y, x, inside = fill([[np.array([[-3.0, -3.0], [-3.0, 2.0], [2.0, 2.0], [2.0, -3.0]])]], (8, 8))
    assert (y, x, inside.shape, inside.all()) == (0, 0, (2, 2), True)
