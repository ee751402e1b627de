import re

import numpy as np
import pytest

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.draw import GREEN, SKY, VERMILLION, YELLOW
from lacss_tools.evaluate.metrics import evaluate
from lacss_tools.evaluate.report import LARGE, MOST_FIELDS, compare, report, show

SHAPE = (400, 400)


def cells_of(*corners):
    labels = np.zeros(SHAPE, np.int32)
    for number, (y, x) in enumerate(corners, start=1):
        labels[y : y + 20, x : x + 20] = number
    return cells_from_labels(labels)


@pytest.fixture
def field():
    image = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)
    truth, detections = cells_of((50, 50), (50, 200), (200, 50)), cells_of((50, 52), (300, 300))
    return "field 1", image, detections, truth


def where(rgb, colour):
    return {tuple(corner // 50 * 50) for corner in np.argwhere((rgb == colour).all(axis=-1)) + 5}


def test_found_false_and_missed_cells_have_their_own_colours(field):
    _, image, detections, truth = field
    left, right = compare(image, detections, truth, score_cut=0.0)
    assert where(left, GREEN) == {(50, 50), (50, 200), (200, 50)}
    assert where(right, SKY) == {(50, 50)}
    assert where(right, VERMILLION) == {(300, 300)}
    assert where(right, YELLOW) == {(50, 200), (200, 50)}


def test_detections_below_the_cut_are_not_drawn(field):
    _, image, detections, truth = field
    _, right = compare(image, detections, truth, score_cut=2.0)
    assert where(right, SKY) == where(right, VERMILLION) == set()
    assert len(where(right, YELLOW)) == 3


def test_the_picture_misses_as_many_cells_as_the_table():
    # one detection overlaps two true cells by more than half and can find only one of them
    image = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)
    one = cells_of((50, 50))
    truth = Cells(SHAPE, np.ones(2), one.locations.repeat(2, 0), one.boxes + np.array([[0], [2]]), one.crops * 2)
    between = Cells(SHAPE, np.ones(1), one.locations, one.boxes + 1, one.crops)
    assert evaluate([(between, truth)]).images[0].fn == 1
    assert where(compare(image, between, truth, 0.0)[1], YELLOW)


@pytest.mark.parametrize("size", [(100, 120), (2500, 300), (401, 399)])
def test_pictures_are_neither_tiny_nor_huge(size):
    image = np.random.default_rng(0).random((1, *size)).astype(np.float32)
    labels = np.zeros(size, np.int32)
    labels[-40:, -40:] = 1  # at the border, where block means leave pixels out
    cells = cells_from_labels(labels)
    left, right = compare(image, cells, cells, 0.0)
    assert left.shape == right.shape
    assert 200 <= max(left.shape) <= LARGE
    assert (left == GREEN).all(axis=-1).any()


def test_the_page_holds_figures_and_loads_nothing(field):
    name, *_, detections, truth = field
    result = evaluate([(detections, truth)])
    text = report("a model", result, [name], [field])
    assert text.count("data:image/jpeg;base64,") == 2
    assert text.count("data:image/png;base64,") == 1
    assert not re.search(r"https?:|src=[\"'](?!data:)|href=|@import|<script|url\(", text)
    for value in (result.ap50, result.ap75, result.map, result.fnr50, result.afnr, result.accuracy50):
        assert show(value) in text
    row = re.search(r"<td>field 1</td>(.*?)</tr>", text)
    assert re.findall(r"<td>(.*?)</td>", row.group(1)) == ["3", "2", "1", "1", "2", "0.333"]


def test_names_are_text_and_never_markup(field):
    _, image, detections, truth = field
    text = report("<script>", evaluate([(detections, truth)]), ["<b>&"], [("<b>&", image, detections, truth)])
    assert "<script>" not in text
    assert "<b>&" not in text
    assert text.count("&lt;b&gt;&amp;") == 3  # two captions and the table


def test_what_is_undefined_is_a_dash(field):
    nothing = cells_of()
    text = report("empty", evaluate([(nothing, nothing)]), ["x"], [("x", field[1], nothing, nothing)])
    assert "<b>–</b>" in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()


def test_many_fields_are_cut_and_the_page_says_so(field):
    count, small = MOST_FIELDS + 3, cells_from_labels(np.eye(30, dtype=np.int32))
    fields = [(f"f{k}", field[1][:, :30, :30], small, small) for k in range(count)]
    text = report("many", evaluate([(small, small)] * count), [f[0] for f in fields], fields)
    assert text.count("data:image/jpeg") == 2 * MOST_FIELDS
    assert f"first {MOST_FIELDS} of {count} fields" in text
