"""The commands as users type them: folders in, files out; one clear sentence and the right exit code otherwise."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from tests.made_up import made_up_image


def lacss(project, *arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "--project", str(project)])


@pytest.fixture
def project(tmp_path):
    for seed, stem in enumerate(("a", "b", "c")):
        image, labels, lois = made_up_image(seed, size=128)
        y, x = np.mgrid[:128, :128]
        dapi = sum(np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18) for cy, cx in lois)
        for name, pixels in (("images", image[0] * 900 + 50), ("dapi", dapi * 800 + 30), ("labels", labels)):
            (tmp_path / name).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name / f"{stem}.tif", np.clip(pixels, 0, 65535).astype(np.uint16))
    return tmp_path


def stamp(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_version_needs_no_command():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout.strip()) == (0, version("lacss-tools"))


@pytest.mark.parametrize(
    ("typed", "completed"), [("lacss gra", ["graphcut"]), ("lacss graphcut --thr", ["--thresholds"])]
)
def test_the_shell_completes_commands_and_options(monkeypatch, capsys, typed, completed):
    monkeypatch.setenv("_LACSS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit) as ended:
        app(prog_name="lacss")
    assert (ended.value.code, capsys.readouterr().out.split()) == (0, completed)


def test_annotation_from_dapi_to_masks_then_training_and_prediction(project):
    for line in (("annotate-lois", "dapi"), ("graphcut", "images"), ("pick", "--auto")):
        result = lacss(project, *line)
        assert result.exit_code == 0, result.output
    _, _, truth = made_up_image(0, size=128)
    points, _ = read_lois(project / "lois" / "a.csv")
    nearest = np.hypot(*(points[:, None] - truth[None]).transpose(2, 0, 1)).min(axis=0)
    assert (nearest < 2).mean() > 0.95
    assert len(points) <= len(truth) * 1.05
    masks, thresholds = read_candidates(project / "candidates" / "a.tif")
    assert masks.shape == (5, 128, 128)
    assert thresholds == sorted(thresholds)
    validation = ("--val-images", "images", "--val-labels", "labels")
    trained = lacss(project, "train", "--steps", 2, "--batch", 1, "--crop", 64, *validation, "--device", "cpu")
    assert trained.exit_code == 0, trained.output
    result = lacss(project, "predict", "runs/first", "images", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (project / "predictions").iterdir()} == {
        "predict.toml",
        *(f"{s}.{e}" for s in "abc" for e in ("tif", "csv")),
    }
    result = lacss(project, "eval", "runs/first", "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["n_images"] == 3
    assert 0 <= report["ap50"] <= 1
    assert {"ap75", "map", "fnr50", "afnr", "n_truth", "n_detections", "score_cut"} <= set(report)
    assert len(report["ap"]) == 10


def test_a_second_run_skips_what_is_done_and_overwrite_redoes_it(project):
    assert lacss(project, "annotate-lois", "dapi").exit_code == 0
    before = stamp(project / "lois")
    (project / "lois" / "b.csv").unlink()
    result = lacss(project, "annotate-lois", "dapi")
    assert "1 written, 2 were done already" in result.stderr
    after = stamp(project / "lois")
    assert [after[f"{s}.csv"] == before[f"{s}.csv"] for s in "abc"] == [True, False, True]
    assert "3 written" in lacss(project, "annotate-lois", "dapi", "--overwrite").stderr


def test_tables_that_somebody_corrected_are_kept_when_they_are_written_again(project):
    lois = project / "lois"
    corrected = "y,x,response\n5,5,1\n"
    assert lacss(project, "annotate-lois").exit_code == 0
    (lois / "b.csv").write_text(corrected)
    for arguments, kept in ((("--sigma", 3, 4), "replaced"), (("--sigma", 4, 5), None)):
        result = lacss(project, "annotate-lois", *arguments, "--overwrite")
        assert "3 written" in result.stderr
        assert ("corrected by hand maybe" in result.stderr) == (kept is not None)
    (lois / "c.csv").write_text(corrected)
    result = " ".join(lacss(project, "annotate-lois", "--sigma", 4, 5, "--overwrite").stderr.split())
    assert "1 tables that are not as annotate-lois wrote them, corrected by hand maybe, are in" in result
    assert (lois / "c.csv").read_text() != corrected
    kept = {path.relative_to(lois).as_posix(): path.read_text() for path in lois.glob("*/*.csv")}
    assert kept == {"replaced/b.csv": corrected, "replaced-2/c.csv": corrected}


def test_two_processes_write_the_same_bytes_as_one(project):
    lacss(project, "graphcut", "images", "-o", "one")
    lacss(project, "graphcut", "images", "-o", "two", "--workers", 2)
    for stem in "abc":
        assert (project / "one" / f"{stem}.tif").read_bytes() == (project / "two" / f"{stem}.tif").read_bytes()


def test_the_papers_rule_and_absolute_thresholds(project):
    assert lacss(project, "annotate-lois", "dapi", "--sigma", 4.2, 5.0).exit_code == 0
    assert lacss(project, "graphcut", "images", "--thresholds", "0.2,0.4,0.6", "--smoothness", 0).exit_code == 0
    assert read_candidates(project / "candidates" / "a.tif")[1] == pytest.approx([0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("line", "folder", "words"),
    [
        (("annotate-lois", "dapi"), "lois", ("--set", "min_distance=3", "--nucleus-diameter", "9")),
        (("annotate-lois", "dapi"), "lois", ("--sigma", "3.5", "5")),
        (("graphcut", "images"), "candidates", ("--thresholds", "0.3,0.5", "--contrast", "--set", "overlap=64")),
    ],
)
def test_the_settings_beside_a_result_make_it_again(project, line, folder, words):
    result = lacss(project, *line, *words)
    assert result.exit_code == 0, result.output
    file = f"{folder}/{line[0]}.toml"
    again = lacss(project, *line, "--config", file, "-o", "again")
    assert again.exit_code == 0, again.output
    for path in (project / folder).iterdir():
        assert (project / "again" / path.name).read_bytes() == path.read_bytes()
    assert len(list((project / folder).glob("[!.]*"))) == 4


@pytest.mark.parametrize(
    ("line", "other", "names"),
    [
        (("annotate-lois", "--method", "pieces"), ("--nucleus-diameter", 23), "nucleus_diameter (none)"),
        (("graphcut",), ("--channel", 0, "--set", "tile=999"), "tile (2048), channel (none)"),
        (("graphcut", "images"), ("labels",), "images (../images)"),
    ],
)
def test_finished_files_are_kept_from_other_settings_and_inputs(project, line, other, names):
    assert lacss(project, *line).exit_code == 0
    folder = project / {"annotate-lois": "lois", "graphcut": "candidates"}[line[0]]
    before = stamp(folder)
    line = (line[0], *other) if other == ("labels",) else (*line, *other)
    refused = lacss(project, *line)
    assert refused.exit_code == 3
    assert f"made, with other {names} than now. Give another --output, or --overwrite." in refused.stderr
    assert stamp(folder) == before
    assert lacss(project, *line, "-o", "elsewhere").exit_code == 0
    again = lacss(project, *line, "--overwrite")
    assert (again.exit_code, "3 written" in again.stderr) == (0, True)
    assert "3 were done already" in lacss(project, *line).stderr


def test_a_copied_project_and_one_without_records_go_on(project, tmp_path_factory):
    assert lacss(project, "annotate-lois").exit_code == 0
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(project, copy)
    record = copy / "lois" / "annotate-lois.toml"
    (copy / "lois" / "b.csv").unlink()
    assert "1 written, 2 were done already" in lacss(copy, "annotate-lois").stderr
    record.write_text(record.read_text().replace('"../dapi"', f'"{project / "dapi"}"'))  # as early versions wrote it
    assert "3 were done already" in lacss(copy, "annotate-lois").stderr
    record.unlink()
    assert "3 were done already" in lacss(copy, "annotate-lois", "--nucleus-diameter", 23).stderr
    assert not record.exists()


def test_one_bad_file_among_good_ones_costs_only_itself(project):
    tifffile.imwrite(project / "dapi" / "b.tif", np.zeros((128, 128), np.uint16))
    result = lacss(project, "annotate-lois", "dapi")
    assert result.exit_code == 4
    assert "b.tif is 0 everywhere" in result.stderr
    assert {path.name for path in (project / "lois").glob("[!.]*")} == {"a.csv", "c.csv", "annotate-lois.toml"}


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((30, 30), np.uint8), "is 0 everywhere"),
        (np.full((30, 30), np.nan, np.float32), "900 NaN or infinite pixels"),
        (np.random.default_rng(0).integers(0, 255, (30, 30, 3)).astype(np.uint8), "3 channels where one grey"),
    ],
)
def test_only_bad_files_means_nothing_done(tmp_path, pixels, message):
    (tmp_path / "dapi").mkdir()
    tifffile.imwrite(tmp_path / "dapi" / "x.tif", pixels)
    result = lacss(tmp_path, "annotate-lois", "dapi")
    assert result.exit_code == 3
    assert message in result.stderr
    assert "x.tif" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_truncated_tiff_is_named(project):
    path = project / "images" / "c.tif"
    path.write_bytes(path.read_bytes()[:1000])
    result = lacss(project, "graphcut", "images")
    assert result.exit_code == 4
    assert "c.tif cannot be read; it may be damaged or cut short" in result.stderr


def test_missing_folder_empty_folder_and_no_pairs(project):
    assert lacss(project, "annotate-lois", "nowhere").exit_code == 3
    (project / "empty").mkdir()
    assert lacss(project, "graphcut", "empty").exit_code == 3
    lacss(project, "graphcut", "images")
    for path in (project / "images").iterdir():
        path.rename(path.with_stem("other_" + path.stem))
    result = lacss(project, "pick", "--auto")
    assert result.exit_code == 3
    assert "shares a stem" in result.stderr


def test_image_and_dapi_of_different_size(project):
    for line in (("annotate-lois", "dapi"), ("graphcut", "images"), ("pick", "--auto")):
        lacss(project, *line)
    tifffile.imwrite(project / "images" / "b.tif", np.ones((40, 40), np.uint16))
    result = lacss(project, "train", "--steps", 1)
    assert result.exit_code == 3
    assert "b.tif" in result.stderr
    assert "(40, 40)" in result.stderr
    assert not (project / "runs").exists()


def test_a_csv_with_the_wrong_header(project):
    for line in (("annotate-lois", "dapi"), ("graphcut", "images"), ("pick", "--auto")):
        lacss(project, *line)
    (project / "lois" / "a.csv").write_text("row,column\n1,2\n")
    result = lacss(project, "train", "--steps", 1)
    assert result.exit_code == 3
    assert "a.csv has the header 'row,column', expected y,x,response" in result.stderr


def test_an_unwritable_output(project):
    (project / "lois").write_text("in the way")
    result = lacss(project, "annotate-lois", "dapi")
    assert result.exit_code == 3
    assert "cannot be written" in result.stderr


def test_writing_into_the_input_is_refused(project):
    result = lacss(project, "graphcut", "images", "-o", "images")
    assert result.exit_code == 3
    assert "both input and output" in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        ("annotate-lois", "dapi", "--sigma", "5", "4"),
        ("annotate-lois", "dapi", "--sigma", "4", "5", "--nucleus-diameter", "12"),
        ("annotate-lois", "dapi", "--nucleus-diameter", "big"),
        ("graphcut", "images", "--thresholds", "0.3,x1"),
        ("graphcut", "images", "--neighbours", "6"),
        ("train", "--preset", "huge"),
        ("train", "--crop", "100"),
        ("train", "--val-images", "images"),
        ("train", "--steps", "0"),
        ("train", "--no-such-option"),
    ],
)
def test_nonsense_on_the_command_line_is_exit_code_2(project, line):
    assert lacss(project, *line).exit_code == 2


def test_an_absent_device_is_an_error(project):
    for line in (("annotate-lois", "dapi"), ("graphcut", "images"), ("pick", "--auto")):
        lacss(project, *line)
    result = lacss(project, "train", "--device", "cuda:77")
    assert result.exit_code == 3
    assert "not on this machine" in result.stderr


def test_predictions_of_any_tool_can_be_judged(project):
    result = lacss(project, "eval", "labels", "-o", "report", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ap"] == [1.0] * 10
    assert {p.name for p in (project / "report").iterdir()} == {
        "evaluation.json", "images.csv", "report.html", "ap_fnr.png", "cells.csv"
    }  # fmt: skip
    page = (project / "report" / "report.html").read_text()
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_the_real_process_agrees_on_exit_code_and_keeps_stdout_clean(tmp_path):
    line = [sys.executable, "-m", "lacss_tools", "graphcut", "nowhere", "--project", str(tmp_path)]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "nowhere does not exist" in result.stderr


def test_every_option_is_explained():
    for command in ("annotate-lois", "graphcut", "pick", "train", "eval", "predict", "demo", "convert"):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0
    import typer.main

    for name, command in typer.main.get_command(app).commands.items():
        for option in command.params:
            assert getattr(option, "help", "x"), f"{name} {option.name} has no help"
