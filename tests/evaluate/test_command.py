import csv
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.evaluate import figures
from lacss_tools.network import weights
from lacss_tools.network.settings import ModelSettings
from lacss_tools.predict import predictor


def labels_of(*columns):
    labels = np.zeros((40, 60), np.uint16)
    for number, x in enumerate(columns, start=1):
        labels[10:20, x : x + 10] = number
    return labels


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Curves are drawn in the tests of the report; here they would only take time."""
    monkeypatch.setattr(figures, "png", lambda figure: b"a picture")


@pytest.fixture
def project(tmp_path):
    """Two fields of two cells; the prediction misses one cell of field a and invents one in field b."""
    files = {
        "images/a": labels_of(5, 25) * 300 + 20,
        "images/b": labels_of(5, 25) * 200 + 30,
        "labels/a": labels_of(5, 25),
        "labels/b": labels_of(5, 25),
        "found/a": labels_of(5),
        "found/b": labels_of(5, 25, 45),
        "found/other": labels_of(5),
    }
    for name, pixels in files.items():
        path = tmp_path / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, pixels)
    return tmp_path


def lacss_eval(project, *arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments), "--project", str(project)])


def test_predictions_are_counted_per_image_and_in_all(project):
    result = lacss_eval(project, "found", "--json")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    # ranked a: true; b: true, true, false; four true cells
    assert numbers["ap"] == [0.75] * 10
    assert numbers["fnr"] == [0.25] * 10
    assert (numbers["n_images"], numbers["n_truth"], numbers["n_detections"]) == (2, 4, 4)
    assert numbers["accuracy50"] == pytest.approx(3 / 5)
    assert numbers == json.loads((project / "eval" / "evaluation.json").read_text())
    with (project / "eval" / "images.csv").open() as stream:
        header, *rows = csv.reader(stream)
        assert header[:8] == ["model", "image", "n_truth", "n_detections", "tp", "fp", "fn", "ap50"]
        assert [row[:8] for row in rows] == [
            ["found", "a", "2", "1", "1", "0", "1", "0.5"],
            ["found", "b", "2", "3", "2", "1", "0", "1.0"],
        ]
    assert {path.name for path in (project / "eval").iterdir()} >= {"report.html", "ap_fnr.png"}
    assert "2 paired by stem" in result.stderr
    assert "only in" in result.stderr  # the prediction of a field without truth is named
    assert "other" in result.stderr
    assert "0.750" in result.stderr


def found_by(cells):
    """Return a model that finds these cells when it is asked for all, which AP needs."""
    return SimpleNamespace(for_ap=lambda: lambda image: cells)


def test_a_model_is_asked_for_every_image(project, monkeypatch):
    asked = []

    def load(path, device, diameter):
        asked.append((path.name, device, diameter))
        cells = cells_from_labels(labels_of(5, 25, 45))
        return found_by(Cells(cells.shape, np.array([0.9, 0.8, 0.1]), cells.locations, cells.boxes, cells.crops))

    monkeypatch.setattr(predictor, "load_predictor", load)
    monkeypatch.setattr(weights, "read_header", lambda path: weights.Header(ModelSettings(), 1.0, None))
    (project / "runs" / "one").mkdir(parents=True)
    result = lacss_eval(project, "runs/one", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    assert asked == [("one", "cpu", None)]
    numbers = json.loads(result.stdout)
    assert (numbers["ap50"], numbers["score_cut"], numbers["n_detections"]) == (1.0, 0.8, 4)
    assert (project / "runs" / "one" / "report" / "report.html").exists()
    assert json.loads(lacss_eval(project, "runs/one", "--score-cut", 0.85, "--json").stdout)["fnr50"] == 0.5


def test_weights_that_are_a_file_get_their_report_beside_them(project, monkeypatch):
    monkeypatch.setattr(predictor, "load_predictor", lambda *_, **__: found_by(cells_from_labels(labels_of(5))))
    monkeypatch.setattr(weights, "read_header", lambda path: weights.Header(ModelSettings(), 1.0, None))
    (project / "models").mkdir()
    (project / "models" / "m.safetensors").write_bytes(b"")
    assert lacss_eval(project, "models/m.safetensors").exit_code == 0
    assert (project / "models" / "report" / "evaluation.json").exists()


def test_truth_of_another_size_is_named_with_the_image(project):
    tifffile.imwrite(project / "labels" / "b.tif", labels_of(5)[:, :50])
    result = lacss_eval(project, "found")
    assert result.exit_code == InputError.exit_code
    for part in ("images/b.tif", "labels/b.tif", "(40, 60)", "(40, 50)"):
        assert part in result.stderr
    assert not (project / "eval").exists()


def test_a_prediction_of_another_size_is_named(project):
    tifffile.imwrite(project / "found" / "a.tif", labels_of(5)[:30])
    result = lacss_eval(project, "found")
    assert result.exit_code == 3
    assert "found/a.tif is (30, 60)" in result.stderr


def test_a_missing_prediction_is_an_error_and_not_a_missed_cell(project):
    (project / "found" / "b.tif").unlink()
    result = lacss_eval(project, "found")
    assert result.exit_code == 3
    assert "holds no prediction called 'b' (1 missing in all)" in result.stderr


def test_images_and_labels_without_a_common_stem(project):
    for path in (project / "labels").iterdir():
        path.rename(path.with_stem("truth_" + path.stem))
    result = lacss_eval(project, "found")
    assert result.exit_code == 3
    assert "shares a stem" in result.stderr


@pytest.mark.parametrize("folder", ["images", "labels", "found"])
def test_no_input_folder_is_written_to(project, folder):
    before = sorted((project / folder).iterdir())
    result = lacss_eval(project, "found", "-o", folder)
    assert result.exit_code == 3
    assert "both input and output" in result.stderr
    assert sorted((project / folder).iterdir()) == before


@pytest.mark.parametrize(("option", "value"), [("--score-cut", "nan"), ("--score-cut", "inf"), ("--diameter", "nan")])
def test_what_is_no_number_is_a_usage_error(project, option, value):
    result = lacss_eval(project, "found", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


def test_a_model_that_is_not_there(project):
    result = lacss_eval(project, "runs/nothing")
    assert result.exit_code == 3
    assert "does not exist" in result.stderr


def test_fields_without_any_cell_give_null_and_an_empty_column(project):
    for folder in ("labels", "found"):
        for path in (project / folder).iterdir():
            tifffile.imwrite(path, labels_of())
    result = lacss_eval(project, "found", "--json")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert numbers["ap50"] is numbers["map"] is numbers["fnr50"] is numbers["accuracy50"] is None
    assert (project / "eval" / "images.csv").read_text().splitlines()[1] == "found,a,0,0,0,0,0" + "," * 11


def test_any_format_judges_any_other(project):
    """The same cells as ROI sets and COCO give the same numbers as label images."""
    for form, folder in (("roi", "rois"), ("coco", "coco")):
        for name in ("labels", "found"):
            arguments = ["convert", name, "--to", form, "-o", f"{folder}_{name}", "--project", str(project)]
            assert CliRunner().invoke(app, arguments).exit_code == 0
    base = json.loads(lacss_eval(project, "found", "--json").stdout)
    mixed = ["rois_found", "coco_found/coco.json"], ["coco_labels/coco.json", "rois_labels"]
    for found, truth in zip(*mixed, strict=True):
        result = lacss_eval(project, found, "--labels", truth, "--json")
        assert result.exit_code == 0, result.output
        numbers = json.loads(result.stdout)
        assert numbers == base


def test_models_side_by_side_with_groups_and_a_row_per_cell(project):
    (project / "plate.csv").write_text("image,line\na.tif,A172\nb.tif,MCF7\n")
    result = lacss_eval(project, "found", "labels", "--group-table", "plate.csv", "--group-column", "line", "--json")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert numbers["ap50"] == numbers["models"]["found"]["ap50"] == 0.75
    assert numbers["models"]["labels"]["ap"] == [1.0] * 10
    assert {name: part["fnr50"] for name, part in numbers["groups"].items()} == {"A172": 0.5, "MCF7": 0.0}
    assert numbers["intervals"]["fnr50"] == [0.0, 0.5]
    cells = pd.read_csv(project / "eval" / "cells.csv")
    ours = cells[cells["model"] == "found"]
    counts = ours.groupby(["image", "kind"])["outcome"].value_counts().to_dict()
    found = {("a", "detection", "true"): 1, ("a", "truth", "found"): 1, ("a", "truth", "missed"): 1}
    found |= {("b", "detection", "true"): 2, ("b", "detection", "false"): 1, ("b", "truth", "found"): 2}
    assert counts == found
    assert ours["iou"].dropna().eq(1).all()
    assert ours["area"].eq(100).all()
    page = (project / "eval" / "report.html").read_text()
    assert "A172" in page
    assert len(page) < 10_000_000


def test_without_images_predictions_are_judged_all_the_same(project):
    for path in (project / "images").iterdir():
        path.unlink()
    (project / "images").rmdir()
    result = lacss_eval(project, "found", "--json", "--group", "^(.)")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert numbers["ap50"] == 0.75
    assert sorted(numbers["groups"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["found", "found"], 2, "given twice"),
        (["found", "--group", "("], 2, "no regular expression"),
        (["found", "--group", "plate"], 2, "finds nothing in any name"),
        (["found", "--group", "a", "--group-table", "t.csv"], 2, "Give one of them"),
        (["found", "--group-table", "t.csv"], 3, "t.csv cannot be read"),
        (["found", "--labels", "none.json"], 3, "none.json does not exist"),
    ],
)
def test_wrong_calls_are_explained(project, arguments, code, message):
    result = lacss_eval(project, *arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr


def test_a_score_that_is_no_number_is_named(project):
    assert (
        CliRunner().invoke(app, ["convert", "found", "--to", "coco", "-o", "c", "--project", str(project)]).exit_code
        == 0
    )
    path = project / "c" / "coco.json"
    path.write_text(path.read_text().replace('"score": 1.0', '"score": NaN', 1))
    result = lacss_eval(project, "c/coco.json")
    assert result.exit_code == 3
    assert "annotation 1 of a in" in result.stderr


def test_tables_that_do_not_fit_are_explained(project):
    (project / "t.csv").write_text("plate,well\n1,2\n")
    result = lacss_eval(project, "found", "--group-table", "t.csv", "--group-column", "well")
    assert result.exit_code == 3
    assert "has the columns plate, well; needed are 'well' and one of image" in result.stderr


@pytest.mark.parametrize(("side", "values"), [("found", (0.0, 1.0)), ("labels", (None, None))])
def test_one_side_without_any_cell(project, side, values):
    for path in (project / side).iterdir():
        tifffile.imwrite(path, labels_of())
    result = lacss_eval(project, "found", "--json")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert (numbers["ap50"], numbers["fnr50"]) == values
    assert numbers["accuracy50"] == 0.0


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (labels_of(5) / np.float32(3), "a.tif holds fractions"),
        (np.stack([labels_of(5), labels_of(25), labels_of(5)], -1).astype(np.uint8), "a.tif has 3 channels"),
    ],
)
@pytest.mark.parametrize("side", ["found", "labels"])
def test_labels_that_are_none_are_named(project, side, pixels, message):
    tifffile.imwrite(project / side / "a.tif", pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    result = lacss_eval(project, "found")
    assert result.exit_code == 3
    assert message in result.stderr


def test_no_detection_is_ambiguous(project):
    tifffile.imwrite(project / "found" / "a.tif", -labels_of(5).astype(np.int16))
    result = lacss_eval(project, "found")
    assert (result.exit_code, "a.tif holds negative labels" in result.stderr) == (3, True)
