"""`lacss train` as typed."""

from typing import Any

import pytest
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.network.weights import load_weights
from lacss_tools.screen.settings_options import Given
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.command import said_of_training
from lacss_tools.train.history import read_metrics
from lacss_tools.train.settings import BESIDE_AUXNET

pytestmark = pytest.mark.usefixtures("tiny_preset", "no_curves")
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
    assert (other.exit_code, "trained with --diameter 16, now given 20" in other.stderr) == (3, True)


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
        (("--steps", 0), 2, "--steps must be at least 1, not 0"),
        (("--patience", 0), 2, "--patience must be at least 1, not 0"),
        (("--diameter", 0), 2, "--diameter must be at least 1, not 0"),
        (("--supervision", "weak", "--labels", "labels"), 2, "uses no --labels"),
        (("--supervision", "some"), 2, "--supervision must be weak, full or mixed, not some"),
        (("--preset", "huge"), 2, "--preset must be small, fine, base, resnet50 or init, not huge"),
        (("--crop", 100), 2, "multiple of 32, not 100. Give for example 96"),
        (("--resume",), 3, "nothing to resume"),
        (("--repeat", 2, "--resume"), 3, "no seed to continue"),
        (("--repeat", 2), 2, "--val-images"),
        (("--auxnet", "--weak-loss", 0), 2, "beside the weak loss"),
        (("--labels", "labels", "--unsure", 0.3), 2, "--unsure are for LOIs and masks"),
        (("--init", "nowhere"), 3, "nowhere does not exist"),
        (("--labels", "labels", "--masks", "masks"), 3, "Set --supervision to full"),
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
    for words in ("Data", "Network", "How long", "Augmentation", "Runs and watching", "2000", "0.001"):
        assert words in text


# ---- settings without a flag, and files of settings -----------------------------------------------------------------


def test_the_file_of_a_run_trains_another_alike(folders, tmp_path):
    first = lacss(tmp_path, *QUICK, "--steps", 1, "--set", "jitter=1.5", "--auxnet", "--seed", 5)
    assert first.exit_code == 0, first.output
    again = lacss(tmp_path, "--config", "runs/first/config.toml", "--run", "second", "--device", "cpu")
    assert again.exit_code == 0, again.output
    one, two = (read_config(tmp_path / "runs" / name) for name in ("first", "second"))
    assert one == two
    assert (one[0].jitter, one[0].weak_loss, one[0].seed) == (1.5, 0.3, 5)
    weights = [(tmp_path / "runs" / name / "best.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


def test_a_resumed_run_keeps_its_settings_under_those_that_are_given(folders, tmp_path):
    (tmp_path / "own.toml").write_text("patience = 7\nsteps = 3\n")
    assert lacss(tmp_path, *QUICK, "--steps", 1, "--set", "clip=0.5").exit_code == 0
    result = lacss(tmp_path, "--resume", "--config", "own.toml", "--set", "steps=2", "--set", "patience=none")
    assert result.exit_code == 0, result.output
    settings, _ = read_config(tmp_path / "runs" / "first")
    assert (settings.clip, settings.batch, settings.steps, settings.patience) == (0.5, 1, 2, None)
    other = lacss(tmp_path, "--resume", "--steps", 3, "--set", "jitter=1")
    assert (other.exit_code, "trained with --set jitter 2, now given 1" in other.stderr) == (3, True)


def said(given, inferred=None, start_given=False, resume=False):
    return said_of_training(given, inferred, start_given, resume)


def test_what_follows_from_other_options_counts_least():
    assert said(Given(), "full", start_given=True) == {"preset": "init", "supervision": "full"}
    assert said(Given(stored={"preset": "fine"}), start_given=True) == {"preset": "fine"}
    assert said(Given(assigned={"supervision": "mixed"}), "full") == {"supervision": "mixed"}


def test_auxnet_that_is_asked_for_brings_the_weak_loss():
    assert said(Given(flags={"auxnet": True}))["weak_loss"] == BESIDE_AUXNET
    assert said(Given(assigned={"auxnet": True}, stored={"weak_loss": 0.0}))["weak_loss"] == BESIDE_AUXNET
    assert said(Given(flags={"auxnet": True}, stored={"weak_loss": 0.5}))["weak_loss"] == 0.5
    assert "weak_loss" not in said(Given(stored={"auxnet": True}))
    assert "weak_loss" not in said(Given(flags={"auxnet": True}), resume=True)
