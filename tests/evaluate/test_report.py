import re

import numpy as np
import pytest

from lacss_tools.cells import cells_from_labels
from lacss_tools.evaluate.report import SHOWN, EvaluatedModel, report, show, shown_images
from lacss_tools.metrics.bootstrap import intervals
from lacss_tools.metrics.metrics import compare, summarise

SHAPE = (90, 90)
MARKS = r"https?:|src=[\"'](?!data:)|href=|@import|<script|url\("


def cells_of(*corners):
    labels = np.zeros(SHAPE, np.int32)
    for number, (y, x) in enumerate(corners, start=1):
        labels[y : y + 20, x : x + 20] = number
    return cells_from_labels(labels)


def judged(name, pairs, groups=None):
    matched = [compare(*pair) for pair in pairs]
    parts = {group: summarise([matched[k] for k in members], 0.0) for group, members in (groups or {}).items()}
    return EvaluatedModel(name, matched, summarise(matched, 0.0), intervals(matched, 0.0), parts)


@pytest.fixture(scope="module")
def pairs():
    truth = cells_of((5, 5), (5, 40), (40, 5))
    return [(cells_of((5, 7), (60, 60)), truth), (truth, truth)]


def pictures(models, image=None):
    return {k: image for part in shown_images(models) for k in part}


def test_the_page_holds_figures_and_loads_nothing(pairs):
    model = judged("a model", pairs)
    image = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)
    text = report("a model", [model], ["field 1", "field 2"], pictures([model], image))
    assert text.count("data:image/jpeg;base64,") == 4  # truth and errors of two fields
    assert text.count("data:image/png;base64,") == 4  # curves
    assert not re.search(MARKS, text)
    r = model.result
    for value in (r.ap50, r.ap75, r.map, r.fnr50, r.afnr, r.accuracy50, r.rates.pq[0], r.rates.aji_plus, r.map_coco):
        assert show(value) in text
    low, high = model.intervals["ap50"]
    assert f"({low:.3f}–{high:.3f})" in text
    row = re.search(r"<td>field 1</td>(.*?)</tr>", text)
    assert re.findall(r"<td>(.*?)</td>", row.group(1))[:6] == ["3", "2", "1", "1", "2", "0.333"]
    worst, best = (text.index(f"<h3>{kind}") for kind in ("Worst", "Best"))
    assert worst < text.index("field 1: <span") < best < text.index("field 2: <span")


def test_models_stand_side_by_side_and_groups_are_listed(pairs):
    groups = {"A172": [0], "MCF7": [1]}
    models = [judged("ours", pairs, groups), judged("theirs", pairs[::-1], groups)]
    text = report("both", models, ["a", "b"], pictures(models))
    assert "<th>ours</th><th>theirs</th>" in text
    assert text.count("data:image/jpeg;base64,") == 6
    rows = re.findall(r"<tr><td>(A172|MCF7)</td><td>(\w+)</td><td>1</td>", text)
    assert rows == [("A172", "ours"), ("A172", "theirs"), ("MCF7", "ours"), ("MCF7", "theirs")]


def test_names_are_text_and_never_markup(pairs):
    model = judged("<i>m</i>", pairs[:1], {"<u>": [0]})
    text = report("<script>", [model], ["<b>&"], pictures([model]))
    for markup in ("<script>", "<b>&", "<i>m", "<u>"):
        assert markup not in text
    assert text.count("&lt;b&gt;&amp;") == 3  # two captions and the table


def test_what_is_undefined_is_a_dash():
    nothing = cells_of()
    model = judged("empty", [(nothing, nothing)])
    text = report("empty", [model], ["x"], pictures([model]))
    assert "<b>–</b>" in text
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", text).lower())


def test_a_hundred_noisy_images_stay_under_ten_megabytes():
    small = cells_from_labels(np.kron(np.arange(9).reshape(3, 3), np.ones((330, 330), int)))
    some = judged("many", [(small.select(np.arange(8 - k)), small) for k in range(5)])
    model = EvaluatedModel("many", some.matched * 20, summarise(some.matched * 20, 0.0), some.intervals, {})
    noise = np.random.default_rng(0).random((3, 990, 990)).astype(np.float32)
    text = report("many", [model], [f"field {k}" for k in range(100)], pictures([model], noise))
    assert text.count("data:image/jpeg") == 4 * SHOWN
    assert len(text) < 10_000_000
    assert "<td>field 99</td>" in text
