"""Edits on hand-drawn label images: what changes, what must not, and that every cell stays one piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lacss_tools.errors import InputError
from lacss_tools.outline import edit
from lacss_tools.outline.sheet import Sheet, boxes_of, shrink
from lacss_tools.web.stroke import Stroke


def sheet_of(*rows):
    return Sheet(np.array([[int(c) if c != "." else 0 for c in row] for row in rows], np.int32))


def after(sheet, patch):
    """Return the labels after an edit, made without `Sheet.put`."""
    out = sheet.labels.copy()
    y0, x0, y1, x1 = patch.box
    out[y0:y1, x0:x1] = patch.pixels
    return out


def rows(labels):
    return ["".join(str(n) if n else "." for n in row) for row in labels.tolist()]


def fresh_from(number):
    numbers = iter(range(number, number + 100))
    return lambda: next(numbers)


def stroke(*points, radius=0.6):
    return Stroke(np.array(points, float), float(radius), erase=False)


def big(*rows):
    """A sheet of 4 x 4 pixels for each sign, so that no piece is a crumb."""
    return Sheet(np.kron(sheet_of(*rows).labels, np.ones((4, 4), np.int32)))


def test_a_polygon_takes_the_pixels_whose_centre_it_encloses_and_leaves_neighbours_alone():
    sheet = sheet_of("......", "......", "....22", "....22", "......", "......")
    corners = np.array([[0.5, 0.5], [0.5, 4.4], [4.4, 4.4], [4.4, 0.5]])
    assert rows(after(sheet, edit.place(sheet, 7, *edit.polygon_mask(sheet, corners)))) == [
        "......", ".7777.", ".77722", ".77722", ".7777.", "......",
    ]  # fmt: skip


def test_an_outline_without_pixels_and_one_on_a_cell_are_refused():
    sheet = big("22", "22")
    with pytest.raises(InputError, match="encloses no pixel"):
        edit.polygon_mask(sheet, np.array([[1.2, 1.2], [1.2, 1.4], [1.4, 1.4]]))
    with pytest.raises(InputError, match="There is a cell already"):
        edit.place(sheet, 7, 1, 1, np.ones((4, 4), bool))
    with pytest.raises(InputError, match="9 pixels or more"):
        edit.place(sheet_of("....", "...."), 7, 0, 0, np.ones((2, 4), bool))


def test_a_brush_takes_pixels_over_and_what_it_cuts_off_becomes_a_cell():
    sheet = big("222", "222", "1..")
    out = after(sheet, edit.extend(sheet, 1, stroke((9, 3), (9, 5.5), (0, 5.5), radius=1), fresh_from(7)))
    assert (out[0:8, 5:7] == 1).all()
    assert (np.unique(out) == [0, 1, 2, 7]).all()
    assert (out == 2).sum() == 8 * 5
    assert (out == 7).sum() == 8 * 5


def test_what_is_painted_apart_from_the_cell_is_another_one():
    sheet = big("1...")
    out = after(sheet, edit.extend(sheet, 1, stroke((2, 12), radius=3), fresh_from(7)))
    assert ((out == 1) == (sheet.labels == 1)).all()
    assert (out == 7).sum() > 16


def test_an_eraser_spares_other_cells():
    sheet = big("12")
    out = after(sheet, edit.erase(sheet, 1, stroke((1.5, 3), (1.5, 6), radius=1), fresh_from(7)))
    assert (out == 2).sum() == 16
    assert 0 < (out == 1).sum() < 16


def test_split_keeps_every_pixel_of_the_cell():
    sheet = big(".33.", ".33.", ".33.")
    out = after(sheet, edit.split(sheet, 3, np.array([[6.3, 0.0], [6.3, 15.0]]), fresh_from(9)))
    assert ((out > 0) == (sheet.labels > 0)).all()
    assert sorted(np.bincount(out.ravel())[[3, 9]].tolist()) == [40, 56] or (out == 9).sum() in range(32, 64)
    with pytest.raises(InputError, match="does not cut"):
        edit.split(sheet, 3, np.array([[6.3, 0.0], [6.3, 6.0]]), fresh_from(9))


def test_merge_closes_a_narrow_gap_and_refuses_a_wide_one():
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 3:10], labels[5:15, 12:20], labels[5:15, 32:38] = 4, 6, 8
    out = after(Sheet(labels), edit.merge(Sheet(labels), 4, 6))
    assert ndimage.label(out == 4)[1] == 1
    assert not (out == 6).any()
    assert (out[7:13, 10:12] == 4).all()
    with pytest.raises(InputError, match="too far apart"):
        edit.merge(Sheet(labels), 6, 8)


def test_fill_takes_holes_but_not_the_cells_in_them():
    sheet = sheet_of("55555", "5.5.5", "5.5.5", "55515", "55555")
    out = after(sheet, edit.fill(sheet, 5))
    assert rows(out) == ["55555", "55555", "55555", "55515", "55555"]
    with pytest.raises(InputError, match="no hole"):
        edit.fill(Sheet(out), 1)


def test_smooth_removes_a_spike_and_keeps_a_disc():
    y, x = np.mgrid[:40, :40]
    labels = (np.hypot(y - 20, x - 20) < 11).astype(np.int32)
    labels[20, 31:38] = 1
    out = after(Sheet(labels), edit.smooth(Sheet(labels), 1))
    assert not out[20, 33:].any()
    assert np.count_nonzero(out != (np.hypot(y - 20, x - 20) < 11)) < 20


def test_delete_leaves_nothing_and_reshape_takes_free_pixels_only():
    sheet = big("12.")
    assert (after(sheet, edit.delete(sheet, 1)) == np.where(sheet.labels == 1, 0, sheet.labels)).all()
    out = after(sheet, edit.reshape(sheet, 2, 0, 2, np.ones((4, 9), bool)))
    assert ((out == 1) == (sheet.labels == 1)).all()
    assert (out == 2).sum() == 28


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_random_edits_keep_cells_whole_and_boxes_true(seed):
    """Whatever is done in whatever order: cells are one piece, boxes are theirs, others keep their pixels."""
    rng = np.random.default_rng(seed)
    sheet = Sheet(np.kron(rng.integers(0, 5, (4, 4)), np.ones((5, 5), int)).astype(np.int32))
    labels, _ = ndimage.label(sheet.labels == 1)
    sheet = Sheet(labels.astype(np.int32))
    counter = fresh_from(50)
    for _ in range(8):
        points = rng.uniform(-2, 22, (int(rng.integers(3, 6)), 2))
        numbers = list(sheet.boxes) or [0]
        number = int(rng.choice(numbers))
        calls = {
            "place": lambda p=points: edit.place(sheet, counter(), *edit.polygon_mask(sheet, p)),
            "extend": lambda n=number, p=points: edit.extend(sheet, n or counter(), stroke(*p[:2], radius=2), counter),
            "erase": lambda n=number, p=points: edit.erase(sheet, n, stroke(*p[:2], radius=2), counter),
            "split": lambda n=number, p=points: edit.split(sheet, n, p, counter),
            "merge": lambda n=number, o=numbers[0]: edit.merge(sheet, n, o),
            "smooth": lambda n=number: edit.smooth(sheet, n),
            "fill": lambda n=number: edit.fill(sheet, n),
        }
        name = str(rng.choice(list(calls)))
        if not number and name not in ("place", "extend"):
            continue
        try:
            patch = calls[name]()
        except InputError:
            continue
        expected = after(sheet, patch)
        small = shrink(sheet, patch)
        if small is not None:
            sheet.put(small)
        assert (sheet.labels == expected).all()
        assert sheet.boxes == boxes_of(sheet.labels)
        for cell in sheet.boxes:
            assert ndimage.label(sheet.labels == cell)[1] == 1, name
