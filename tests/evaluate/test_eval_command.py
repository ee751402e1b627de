import csv
import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.train import predict


def labels_of(*columns):
    labels = np.zeros((40, 60), np.uint16)
    for number, x in enumerate(columns, start=1):
        labels[10:20, x : x + 10] = number
    return labels


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
        assert list(csv.reader(stream)) == [
            ["image", "n_truth", "n_detections", "tp", "fp", "fn", "ap50"],
            ["a", "2", "1", "1", "0", "1", "0.5"],
            ["b", "2", "3", "2", "1", "0", "1.0"],
        ]
    assert {path.name for path in (project / "eval").iterdir()} >= {"report.html", "ap_fnr.png"}
    assert "2 paired by stem" in result.stderr
    assert "only in" in result.stderr  # the prediction of a field without truth is named
    assert "other" in result.stderr
    assert "0.750" in result.stderr


def test_a_model_is_asked_for_every_image(project, monkeypatch):
    asked = []

    def load(path, device):
        asked.append((path.name, device))
        cells = cells_from_labels(labels_of(5, 25, 45))
        return lambda image: Cells(cells.shape, np.array([0.9, 0.8, 0.1]), cells.locations, cells.boxes, cells.crops)

    monkeypatch.setattr(predict, "load_predictor", load)
    (project / "runs" / "one").mkdir(parents=True)
    result = lacss_eval(project, "runs/one", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    assert asked == [("one", "cpu")]
    numbers = json.loads(result.stdout)
    assert (numbers["ap50"], numbers["score_cut"], numbers["n_detections"]) == (1.0, 0.8, 4)
    assert (project / "runs" / "one" / "report" / "report.html").exists()
    assert json.loads(lacss_eval(project, "runs/one", "--score-cut", 0.85, "--json").stdout)["fnr50"] == 0.5


def test_weights_that_are_a_file_get_their_report_beside_them(project, monkeypatch):
    monkeypatch.setattr(predict, "load_predictor", lambda path, device: lambda image: cells_from_labels(labels_of(5)))
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


@pytest.mark.parametrize("cut", ["nan", "inf"])
def test_a_cut_that_is_no_number_is_a_usage_error(project, cut):
    result = lacss_eval(project, "found", "--score-cut", cut)
    assert result.exit_code == 2
    assert "--score-cut" in result.stderr


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
    assert (project / "eval" / "images.csv").read_text().splitlines()[1] == "a,0,0,0,0,0,"
