"""Ambiguous outlines, outlined regions and partly outlined images, as typed and against counts by hand."""

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.evaluate import figures


def row(*columns, width=10):
    """Return an image of 40 x 100 pixels with a square cell at each column, 0 for none."""
    labels = np.zeros((40, 100), np.int32)
    for number, x in enumerate(columns, start=1):
        if x is not None:
            labels[10:20, x : x + width] = number
    return labels


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(figures, "png", lambda figure: b"a picture")


@pytest.fixture
def write(tmp_path):
    def write(name, pixels):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, pixels)

    return write


def counts(project, *line, code=0):
    result = CliRunner().invoke(app, ["eval", "found", "--json", *map(str, line), "--project", str(project)])
    assert result.exit_code == code, result.output
    if code:
        return result.stderr
    numbers = json.loads(result.stdout)
    models = numbers.get("models", {"found": numbers})
    return {
        name: (model["n_truth"], model["n_detections"], round(model["accuracy50"], 3)) for name, model in models.items()
    }, result.stderr


JOINED = row(5, 30, 60)
JOINED[10:20, 60:80] = 3  # one outline for two cells, which are found one by one


@pytest.mark.parametrize("how", ["json", "negative"])
def test_an_ambiguous_outline_and_what_lies_on_it_are_left_out_of_a_second_result(tmp_path, write, how):
    found = np.maximum(row(5, 30), np.maximum(3 * (row(60, width=9) > 0), 4 * (row(71, width=9) > 0)))
    write("found/a.tif", found)
    signed = np.where((how == "negative") & (JOINED == 3), -3, JOINED)
    write("labels/a.tif", signed.astype(np.int32))
    line = ()
    if how == "json":
        (tmp_path / "ambiguous.json").write_text(json.dumps({"a": [3]}))
        line = ("--ambiguous", "ambiguous.json")
    numbers, _ = counts(tmp_path, *line)
    assert numbers == {"found": (3, 4, 0.4), "found, ambiguous left out": (2, 2, 1.0)}


def test_areas_that_coco_calls_crowds_are_never_cells_and_what_lies_in_them_does_not_count(tmp_path, write):
    write("found/a.tif", row(5, 30, 60))
    square = [[4.5, 9.5, 14.5, 9.5, 14.5, 19.5, 4.5, 19.5]]
    area = [[29.5, 5.5, 79.5, 5.5, 79.5, 25.5, 29.5, 25.5]]
    annotations = [
        {"id": k, "image_id": 1, "segmentation": polygon, "iscrowd": crowd, "area": 1, "bbox": [], "category_id": 1}
        for k, (polygon, crowd) in enumerate([(area, 1), (square, 0)], start=1)
    ]
    images = [{"id": 1, "file_name": "a.tif", "height": 40, "width": 100}]
    (tmp_path / "truth.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    numbers, _ = counts(tmp_path, "--labels", "truth.json")
    assert numbers == {"found": (1, 3, 0.333), "found, ambiguous left out": (1, 1, 1.0)}


def test_detections_beyond_the_outlined_region_do_not_count(tmp_path, write):
    write("found/a.tif", row(5, 30, 60, 80))
    write("labels/a.tif", row(5, 30, 42))
    region = np.zeros((40, 100), np.uint8)
    region[:, :55] = 255
    write("region/a.tif", region)
    numbers, said = counts(tmp_path, "--region", "region")
    assert numbers == {"found": (3, 2, 0.667)}
    assert "--partial" not in said
    assert "holds no region for 'b'" in with_another_image(tmp_path, write)


def with_another_image(project, write):
    write("found/b.tif", row(5))
    write("labels/b.tif", row(5))
    return counts(project, "--region", "region", code=3)


def test_partly_outlined_images_count_what_touches_an_outline_and_are_suspected_without_being_told(tmp_path, write):
    write("found/a.tif", row(5, 33, 60, 80))
    write("labels/a.tif", row(5, 30))
    numbers, said = counts(tmp_path)
    assert numbers == {"found": (2, 4, 0.5)}
    assert "2 of 4 detections touch no outlined cell" in said
    assert "--partial" in said
    numbers, said = counts(tmp_path, "--partial")
    assert numbers == {"found": (2, 2, 1.0)}
    assert "--partial" not in said


def test_a_poor_model_is_not_taken_for_partial_outlines(tmp_path, write):
    write("found/a.tif", row(18, 47, 80))
    write("labels/a.tif", row(5, 30, 60))
    assert "--partial" not in counts(tmp_path)[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[3]", "is no list of cells by image"),
        ('{"a": ["3"]}', "is no list of cells by image"),
        ("{", "is not JSON"),
        ('{"a.tif": [1]}', "Name images without their ending"),
        ('{"a": [9]}', "a has no cell 9, which is listed as ambiguous"),
        (None, "cannot be read"),
    ],
)
def test_lists_that_do_not_fit_are_explained(tmp_path, write, text, message):
    write("found/a.tif", row(5))
    write("labels/a.tif", row(5))
    if text is not None:
        (tmp_path / "ambiguous.json").write_text(text)
    assert message in counts(tmp_path, "--ambiguous", "ambiguous.json", code=3)


def test_a_label_that_is_also_negative_is_named(tmp_path, write):
    write("found/a.tif", row(5))
    both = row(5, 30)
    both[both == 2] = -1
    write("labels/a.tif", both)
    assert "holds both labels 1 and -1" in counts(tmp_path, code=3)


def test_accuracy_is_given_pooled_and_as_the_mean_of_images(tmp_path, write):
    write("found/a.tif", row(5))
    write("labels/a.tif", row(5))
    write("found/b.tif", row(5))
    write("labels/b.tif", row(5, 30, 60, 80))
    result = CliRunner().invoke(app, ["eval", "found", "--json", "--project", str(tmp_path)])
    numbers = json.loads(result.stdout)
    assert numbers["accuracy50"] == 2 / 5
    assert numbers["accuracy50_images"] == (1 + 1 / 4) / 2
