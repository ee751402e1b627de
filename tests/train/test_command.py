"""`lacss train` as typed."""

from typing import Any

import pytest
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.network.weights import load_weights
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.history import read_metrics

pytestmark = pytest.mark.usefixtures("tiny_preset")
QUICK = ("--batch", 1, "--crop", 64, "--device", "cpu")


def lacss(project, *line: Any):
    return CliRunner().invoke(app, ["train", *map(str, line), "--project", str(project)])


def test_a_run_is_continued_as_it_was_set(folders, tmp_path):
    first = lacss(tmp_path, *QUICK, "--steps", 2, "--gamma", 0.3, "--blur", 0.5, "--no-auxnet", "--seed", 3)
    assert first.exit_code == 0, first.output
    again = lacss(tmp_path, "--resume", "--steps", 3, "--device", "cpu")
    assert again.exit_code == 0, again.output
    settings, sizes = read_config(tmp_path / "runs" / "first")
    assert (settings.steps, settings.gamma, settings.blur, settings.seed, settings.batch) == (3, 0.3, 0.5, 3, 1)
    assert not sizes.auxnet
    assert "continuing" in again.stderr
    assert read_metrics(tmp_path / "runs" / "first")[-1].step == 3


def test_the_working_scale_can_be_set(folders, tmp_path):
    result = lacss(tmp_path, *QUICK, "--steps", 1, "--diameter", 16)
    assert result.exit_code == 0, result.output
    assert "typical cell 16.0 px" in result.stderr
    model, scale = load_weights(tmp_path / "runs" / "first")
    assert scale == pytest.approx(model.settings.cell_diameter / 16)
    other = lacss(tmp_path, "--resume", "--steps", 2, "--diameter", 20, "--device", "cpu")
    assert (other.exit_code, "trained with diameter 16.0, now given 20.0" in other.stderr) == (3, True)


def test_another_budget_takes_the_place_of_the_first(folders, tmp_path):
    assert lacss(tmp_path, *QUICK, "--steps", 2).exit_code == 0
    result = lacss(tmp_path, "--resume", "--epochs", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    settings, _ = read_config(tmp_path / "runs" / "first")
    assert settings.epochs == 2.0
    assert settings.minutes is None


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (("--steps", 2, "--minutes", 1), 2, "--steps and --minutes each say how long"),
        (("--steps", 0), 2, "positive number of steps"),
        (("--patience", 0), 2, "at least 1"),
        (("--diameter", 0), 2, "at least 1 pixel across"),
        (("--supervision", "weak", "--labels", "labels"), 2, "uses no --labels"),
        (("--supervision", "some"), 2, "Choose one of: weak, full, mixed"),
        (("--preset", "huge"), 2, "Choose one of: small, fine, base, resnet50"),
        (("--crop", 100), 2, "multiple of 32. Give for example 96"),
        (("--resume",), 3, "nothing to resume"),
        (("--repeat", 2, "--resume"), 3, "no seed to continue"),
        (("--repeat", 2), 2, "--val-images"),
        (("--auxnet", "--weak-loss", 0), 2, "beside the weak loss"),
        (("--init", "nowhere"), 3, "nowhere does not exist"),
        (("--labels", "labels", "--masks", "masks"), 3, "Use --supervision full"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(folders, tmp_path, line, code, message):
    result = lacss(tmp_path, *line)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_fine_tuning_on_labels_from_a_weak_run(folders, tmp_path):
    assert lacss(tmp_path, *QUICK, "--steps", 1, "--auxnet").exit_code == 0
    assert read_config(tmp_path / "runs" / "first")[0].weak_loss > 0  # without it auxnet would have no part
    result = lacss(tmp_path, *QUICK, "--steps", 1, "--init", "runs/first", "--labels", "labels", "--run", "tuned")
    assert result.exit_code == 0, result.output
    assert "tensors taken over (preset small)" in result.stderr
    assert "not used: auxnet" in result.stderr
    settings, _ = read_config(tmp_path / "runs" / "tuned")
    assert (settings.supervision, settings.preset) == ("full", "init")
    assert lacss(tmp_path, "--resume", "--run", "tuned", "--steps", 2, "--device", "cpu").exit_code == 0


def test_options_are_grouped_and_defaults_shown():
    text = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "140"}).output
    for words in ("Data", "Network", "How long", "Augmentation", "Runs and watching", "(2000)", "(0.001)"):
        assert words in text
