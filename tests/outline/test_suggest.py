"""Suggested cells: which are in doubt and why, what a person made of them, and which images come first."""

import numpy as np
import pytest

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.outline.drawing import drawing_of
from lacss_tools.outline.journal import NETWORK, PERSON, Row
from lacss_tools.outline.order import BY_NAME, DIVERSE, ORDERS, RANDOM, UNSURE, Traits, arrange
from lacss_tools.outline.suggest import Known, add_all, agreement, doubts
from tests.outline.pages import disc


def squares(count, side=10):
    """Squares in a row, 20 pixels apart."""
    labels = np.zeros((20, 20 * count), np.int32)
    for k in range(count):
        labels[5 : 5 + side, 20 * k + 5 : 20 * k + 5 + side] = k + 1
    return labels


def test_each_reason_is_named_and_the_most_doubtful_come_first():
    labels = squares(8)
    labels[5:15, 25:35] = 0
    labels[5:8, 25:28] = 2  # 9 of 100 pixels
    rows = {n: Row(0.95, NETWORK) for n in range(1, 9)} | {1: Row(0.3, NETWORK), 7: Row(0.1, PERSON)}
    mask = np.ones(labels.shape, bool)
    mask[:10, 60:80] = False
    points = [[10, 10], [6, 26], [10, 50], [8, 68], [12, 72], [10, 90], [10, 110]]
    known = Known(np.array(points, float), mask, {5: 0.4})
    found = doubts(drawing_of(labels, rows), known)
    assert {doubt.number: doubt.reason for doubt in found} == {
        1: "score 0.30",
        2: "far smaller than usual",
        4: "2 nuclei, 50 % beyond the mask's edge",
        5: "overlaps another cell",
        8: "no nucleus",
    }
    assert [doubt.number for doubt in found] == [8, 1, 4, 5, 2]
    for decided in (Row(1.0, PERSON), Row(0.1, NETWORK, ambiguous=True)):
        assert doubts(drawing_of(labels, dict.fromkeys(rows, decided)), known) == []


def test_agreement_is_the_accuracy_of_the_suggestions():
    suggested = cells_from_labels(squares(4))
    drawn = squares(4)
    drawn[:, 60:] = 0  # one was false
    drawn[5:15, 5:15] = 0
    drawn[0:3, 0:9] = 9  # one stood for a cell elsewhere
    assert agreement(suggested, drawn) == (2, 5)
    assert agreement(suggested, np.zeros_like(drawn)) == (0, 4)
    assert agreement(suggested.select(np.zeros(0, np.int64)), drawn) == (0, 3)


def test_asking_for_all_leaves_what_is_drawn_alone():
    labels = np.where(disc(20, 20), 7, 0).astype(np.int32)
    labels[60:64, 60:90] = 9
    drawing = drawing_of(labels, {})
    both = np.where(disc(22, 22), 1, 0) + np.where(disc(70, 70), 2, 0)
    found = cells_from_labels(both.astype(np.int32))
    cells = Cells(found.shape, np.array([0.9, 0.4]), found.locations, found.boxes, found.crops)
    drawing._apply(add_all(drawing, cells))
    assert set(np.unique(drawing.sheet.labels)) == {0, 7, 9, 10}
    assert ((drawing.sheet.labels == 10) == (disc(70, 70) & (labels == 0))).all()
    assert drawing.rows[10] == Row(0.4, NETWORK)
    with pytest.raises(InputError, match="no other cells"):
        add_all(drawing, cells)


def test_orders():
    stems = list("abcde")
    traits = Traits(np.array([[0.0], [0.1], [9.0], [5.0], [0.2]]), np.array([0.2, 0.9, 0.1, 0.5, 0.4]))
    assert arrange(BY_NAME, stems, traits, {"a"}) == stems
    assert arrange(UNSURE, stems, traits, {"b"}) == ["d", "e", "a", "c", "b"]
    assert arrange(DIVERSE, stems, traits, {"a"}) == ["c", "d", "e", "b", "a"]
    assert arrange(DIVERSE, stems, traits, set())[0] == "d"  # nearest to the mean, 2.9
    for order in ORDERS:
        assert sorted(arrange(order, stems, traits, {"c"})) == stems
    assert arrange(RANDOM, stems, traits, {"c"}) == arrange(RANDOM, stems, traits, {"c"})
