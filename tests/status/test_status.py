import json

import numpy as np
import pytest
from typer.testing import CliRunner

from lacss_tools.annotate.pick.journal import Pick, write_picks
from lacss_tools.cli import app
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import write_mask, write_tiff
from lacss_tools.io.project import Project


def lacss(project, *arguments):
    return CliRunner().invoke(app, [*arguments, "--project", str(project)])


@pytest.fixture
def project(tmp_path):
    """Four images, of which b is damaged; one has its points, two are decided."""
    y, x = np.mgrid[:32, :40]
    for stem in "abcd":
        image = (np.exp(-((y - 14) ** 2 + (x - 20) ** 2) / 50) * 900).astype(np.uint16)
        for folder in ("images", "dapi"):
            write_tiff(tmp_path / folder / f"{stem}.tif", image, axes="YX")
    (tmp_path / "images" / "b.tif").write_bytes(b"damaged")
    write_lois(tmp_path / "lois" / "c.CSV", np.array([[14.0, 20.0]]), np.ones(1))
    write_mask(tmp_path / "masks" / "c.tif", np.ones((32, 40), bool))
    write_picks(tmp_path / "masks" / "picks.csv", {"d": Pick("d", "none", "", "person", "t")})
    return tmp_path


def steps(project):
    result = lacss(project, "status", "--json")
    assert result.exit_code == 0, result.output
    return {one["step"]: (one["done"], one["failed"], one["missing"]) for one in json.loads(result.stdout)["steps"]}


def test_done_failed_and_missing_are_told_apart(project):
    assert steps(project) == {
        "annotate-lois": (["c"], {}, ["a", "b", "d"]),
        "graphcut": ([], {}, ["a", "b", "c", "d"]),
        "pick": (["c", "d"], {}, ["a", "b"]),
    }
    assert lacss(project, "graphcut", "--no-seeds", "--shard", "2/2").exit_code == 4
    done, failed, missing = steps(project)["graphcut"]
    assert (done, list(failed), missing) == (["d"], ["b"], ["a", "c"])
    assert "b.tif cannot be read" in failed["b"]
    (project / "predictions").mkdir()
    (project / "predictions" / "a.csv").write_text("label\n")
    assert steps(project)["predict"] == (["a"], {}, ["b", "c", "d"])
    said = lacss(project, "status").stderr
    assert "failed: " in said
    assert "graphcut lacks a, c" in said


def test_what_failed_once_and_is_done_now_is_forgotten(project):
    assert lacss(project, "graphcut", "--no-seeds").exit_code == 4
    (project / "images" / "b.tif").write_bytes((project / "images" / "a.tif").read_bytes())
    assert lacss(project, "graphcut", "--no-seeds").exit_code == 0
    assert steps(project)["graphcut"] == (["a", "b", "c", "d"], {}, [])
    assert list((Project(project).candidates / ".failed").iterdir()) == []


def test_a_folder_that_is_no_project_is_named(tmp_path):
    result = lacss(tmp_path, "status")
    assert (result.exit_code, "hold no image. Give the folder of a project." in result.stderr) == (3, True)
