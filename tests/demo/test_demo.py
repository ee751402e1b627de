"""The demo with a few seconds of training: every step runs, the page shows each of them, nothing is overwritten."""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.demo import DATA
from lacss_tools.demo.page import partners
from lacss_tools.io.project import list_images


@pytest.mark.parametrize("minutes", ["nan", "inf", "0"])
def test_impossible_minutes_are_told_before_anything_is_done(tmp_path, minutes):
    result = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "demo"), "--minutes", minutes])
    assert result.exit_code == 2
    assert result.stderr.startswith("lacss: --minutes must be")
    assert not (tmp_path / "demo").exists()


def test_the_shipped_data_is_small_attributed_and_has_no_training_outlines():
    assert sum(path.stat().st_size for path in DATA.rglob("*")) < 6e6
    assert 12 <= len(list_images(DATA / "train" / "images")) <= 16
    assert set(list_images(DATA / "train" / "images")) == set(list_images(DATA / "train" / "dapi"))
    assert len(list_images(DATA / "validation" / "labels")) == 4
    assert not (DATA / "train" / "labels").exists()
    assert not set(list_images(DATA / "train" / "images")) & set(list_images(DATA / "validation" / "images"))
    assert "CC BY 3.0" in (DATA / "ATTRIBUTION.md").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo with a space") / "out"
    result = CliRunner().invoke(app, ["demo", "-o", str(folder), "--minutes", "0.05", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    return folder, result


def test_the_page_tells_every_step_and_its_number(demo):
    folder, result = demo
    page = (folder / "demo.html").read_text()
    report = json.loads((folder / "runs" / "demo" / "report" / "evaluation.json").read_text())
    assert f"AP50 {report['ap50']:.3f}" in page
    for command in (
        "annotate-lois dapi",
        "graphcut images",
        "pick --auto",
        "train --val-images",
        "eval runs",
        "predict runs",
    ):
        assert f"lacss {command}" in page
    assert page.count("<img") == 2 + 3 + 5 + 3 + 1 + 12 + 1
    assert re.findall(r'(?:src|href)="(?!data:|runs/)[^"]*"', page) == []
    assert "demo.html" in result.stderr


def test_found_cells_take_the_colour_of_the_outlined_cell_under_most_of_them():
    truth = np.array([[1, 1, 1, 2, 2, 0, 0, 3]], np.int32)
    found = np.array([[0, 1, 1, 1, 2, 2, 3, 3]], np.int32)
    assert partners(found, truth)[1:].tolist() == [1, 2, 3]
    alone = partners(np.array([[1, 0, 2]], np.int32), np.zeros((1, 3), np.int32))
    assert len(set(alone.tolist())) == 3


def test_no_outline_enters_training(demo):
    folder, _ = demo
    assert not (folder / "labels").exists()
    assert {path.stem for path in (folder / "masks").glob("*.tif")} == set(list_images(folder / "images"))
    assert "auto" in (folder / "masks" / "picks.csv").read_text()
    assert 'supervision = "weak"' in (folder / "runs" / "demo" / "config.toml").read_text()


def test_the_network_sees_the_nuclei_of_the_shipped_images(demo):
    folder, result = demo
    assert "nuclei = 1" in (folder / "runs" / "demo" / "config.toml").read_text()
    assert result.stderr.count(f"with nuclei from {folder / 'dapi'}") == 1
    assert result.stderr.count(f"with nuclei from {folder / 'validation' / 'dapi'}") == 3  # train, eval, predict


def test_a_demo_folder_is_replaced_only_on_request_and_a_foreign_one_never(demo, tmp_path):
    folder, _ = demo
    again = CliRunner().invoke(app, ["demo", "-o", str(folder)])
    assert again.exit_code == 3
    assert "--overwrite" in again.stderr
    (tmp_path / "thesis.txt").write_text("precious")
    foreign = CliRunner().invoke(app, ["demo", "-o", str(tmp_path), "--overwrite"])
    assert foreign.exit_code == 3
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_the_demo_ends_where_a_step_fails(tmp_path, monkeypatch):
    begun = []

    def steps(output, minutes, seed, device, overwrite, run):
        begun.append("points")
        run(["annotate-lois", "nowhere", "--project", str(tmp_path)])
        begun.append("candidates")

    monkeypatch.setattr("lacss_tools.demo.demo.run_demo", steps)
    result = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "demo")])
    assert (result.exit_code, begun) == (3, ["points"])
    assert "nowhere does not exist" in result.output
