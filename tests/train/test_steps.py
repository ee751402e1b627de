"""Runs on disk: what train writes, exact resume, bad input."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.errors import InputError, InterruptedRunError, UsageError
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_labels, write_mask
from lacss_tools.network.weights import load_weights
from lacss_tools.predict.settings import PredictSettings
from lacss_tools.train import steps as work
from lacss_tools.train import trainer
from lacss_tools.train.curves import draw_curve
from lacss_tools.train.history import Row, read_metrics
from lacss_tools.train.objective import compute_losses
from lacss_tools.train.settings import TrainSettings

SHORT = TrainSettings(steps=6, batch=2, crop=64, validate_every=0.5, weak_loss=0.3)


pytestmark = pytest.mark.usefixtures("tiny_preset", "no_curves")


def test_a_run_leaves_all_that_the_contract_names(folders, tmp_path):
    lines = []
    best = work.train(folders, tmp_path / "runs" / "a", SHORT, device="cpu", say=lines.append)
    run = tmp_path / "runs" / "a"
    assert best == run / "best.safetensors"
    expected = {"config.toml", "metrics.jsonl", "last.pt", "best.safetensors", "report"}
    assert {path.name for path in run.iterdir()} == expected
    rows = read_metrics(run)
    assert rows[-1].step == 6
    assert {"score", "offset", "aux", "val_ap50", "val_map"} <= set(rows[-1].figures())
    curve = draw_curve(rows)
    assert {line.get_label() for line in curve.axes[0].lines} == {name for row in rows for name in row.losses}
    assert {line.get_label() for line in curve.axes[1].lines} == {"AP50", "mAP"}
    assert any("resized by" in line for line in lines)
    assert any(line.startswith("borders are") for line in lines)
    stored = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
    assert (stored["train"]["borders"], stored["data"]["borders"]) == ("auto", "dark")
    model, scale = load_weights(run)
    assert model.settings.patch_size == 32
    assert 0.05 <= scale <= 4


def test_a_step_whose_loss_is_not_a_number_is_told_with_its_image_and_the_run_goes_on(folders, tmp_path, monkeypatch):
    write_mask(folders.masks / "f1.tif", np.ones((96, 96), bool))

    def losses(*words, batch, **more):
        factor = float("nan") if batch.mask.mean() > 0.7 else 1.0  # a crop of f1
        return {name: factor * value for name, value in compute_losses(*words, batch=batch, **more).items()}

    monkeypatch.setattr(trainer, "compute_losses", losses)
    lines = []
    work.train(folders, tmp_path / "run", replace(SHORT, batch=1), device="cpu", say=lines.append)
    told = [line for line in lines if "is left out" in line]
    assert 1 <= len(told) < 6
    assert {line.partition("(")[2] for line in told} == {"crops of f1)"}
    assert read_metrics(tmp_path / "run")[-1].step == 6
    stored = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in stored["model"].values())


def test_resume_after_an_interruption_gives_the_same_bits(folders, tmp_path):
    work.train(folders, tmp_path / "whole", SHORT, device="cpu")

    def interrupt(report, state):
        if report.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="step 3"):
        work.train(folders, tmp_path / "parts", SHORT, device="cpu", watch=interrupt)
    work.train(folders, tmp_path / "parts", SHORT, device="cpu", resume=True)
    whole = torch.load(tmp_path / "whole" / "last.pt", weights_only=True)
    parts = torch.load(tmp_path / "parts" / "last.pt", weights_only=True)
    for name in ("model", "average"):
        for key, value in whole[name].items():
            assert torch.equal(value, parts[name][key]), key


def test_resume_needs_something_to_resume_and_the_same_data(folders, tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        work.train(folders, tmp_path / "none", SHORT, device="cpu", resume=True)
    work.train(folders, tmp_path / "run", SHORT, device="cpu")
    with pytest.raises(InputError, match="holds a run already"):
        work.train(folders, tmp_path / "run", SHORT, device="cpu")
    write_lois(folders.lois / "f0.csv", np.array([[40.0, 40.0]]), np.ones(1))
    with pytest.raises(InputError, match="other data"):
        work.train(folders, tmp_path / "run", SHORT, device="cpu", resume=True)


def test_full_supervision_and_starting_from_weights(folders, tmp_path):
    full = TrainSettings(**{**SHORT.__dict__, "supervision": "full"})
    best = work.train(folders, tmp_path / "full", full, device="cpu")
    again = work.train(folders, tmp_path / "tuned", SHORT, device="cpu", init=best)
    assert again.is_file()
    rows = read_metrics(tmp_path / "full")
    assert "labels" in rows[-1].losses
    assert "weak" not in rows[-1].losses


def test_what_does_not_fit_is_named(folders, tmp_path):
    write_mask(folders.masks / "f1.tif", np.ones((10, 10), bool))
    with pytest.raises(InputError, match=r"images.f1\.tif is \(96, 96\) pixels and .*masks.f1\.tif \(10, 10\)"):
        work.train(folders, tmp_path / "run", SHORT, device="cpu")
    assert not (tmp_path / "run").exists()


def test_swapped_coordinates_are_noticed(folders, tmp_path):
    write_lois(folders.lois / "f0.csv", np.array([[40.0, 400.0]]), np.ones(1))
    with pytest.raises(InputError, match="outside"):
        work.train(folders, tmp_path / "run", SHORT, device="cpu")


def test_prediction_writes_labels_and_table(folders, tmp_path):
    from lacss_tools.jobs.batch import Job
    from lacss_tools.predict.steps import Order, predict_file

    work.train(folders, tmp_path / "run", SHORT, device="cpu")
    job = Job("f0", (folders.images / "f0.tif",), tmp_path / "out" / "f0.tif")
    unsure = PredictSettings(min_score=0.001, max_overlap=1.0, min_area=1.0)  # as a network of two steps is
    order = Order(tmp_path / "run", tmp_path / "out", ("labels", "csv"), device="cpu", settings=unsure)
    cells = predict_file(job, order).cells
    labels = read_labels(job.output)
    table = pd.read_csv(tmp_path / "out" / "f0.csv")
    assert labels.shape == (96, 96)
    assert cells >= len(table) > 0
    areas = dict(enumerate(np.bincount(labels.ravel()).tolist()))
    assert dict(zip(table["label"], table["area"], strict=True)) == {k: n for k, n in areas.items() if k and n}


def test_a_field_to_validate_on_of_another_kind_is_named(folders, tmp_path):
    import tifffile

    other = tmp_path / "colour"
    other.mkdir()
    for path in folders.images.iterdir():
        grey = tifffile.imread(path)
        pixels = np.stack([grey, grey // 2, grey // 3])
        tifffile.imwrite(other / path.name, pixels, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(InputError, match=r"colour.f0.tif has 3 channels, the training images have 1"):
        work.train(replace(folders, val_images=other), tmp_path / "run", SHORT, device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", -1.0), ("learning_rate", float("nan")), ("seed", -1), ("noise", -1.0), ("gain", float("inf")),
     ("gamma", -0.5), ("blur", -1.0), ("scale_range", -0.5), ("scale_range", 1.0)],
)  # fmt: skip
def test_impossible_settings_are_named_and_the_command_line_says_their_flag(name, value, tmp_path):
    with pytest.raises(UsageError, match=f"^`{name}` must be "):
        replace(SHORT, **{name: value})
    flag = "--" + name.replace("_", "-")
    result = CliRunner().invoke(app, ["train", flag, str(value), "--project", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"lacss: {flag} must be ")


@pytest.mark.parametrize(
    "words", [("--patience", "2"), ("--labels", "labels", "--auxnet"), ("--labels", "labels", "--weak-loss", "0.3")]
)
def test_options_that_would_do_nothing_are_refused(words, tmp_path):
    result = CliRunner().invoke(app, ["train", "--project", str(tmp_path), *words])
    assert result.exit_code == 2
    assert words[-2 if words[-1] != "--auxnet" else -1] in result.stderr


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="not written by lacss train"):
        load_weights(tmp_path / "x.safetensors")
    (tmp_path / "y.safetensors").write_bytes(b"\x00" * 10)
    with pytest.raises(InputError, match="not a whole safetensors"):
        load_weights(tmp_path / "y.safetensors")


def test_an_absent_device_is_an_error():
    from lacss_tools.network.device import choose_device

    with pytest.raises(InputError, match="not on this machine"):
        choose_device("cuda:99")
    with pytest.raises(InputError, match="unknown"):
        choose_device("abacus")


def test_metrics_survive_a_line_cut_short(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1, "seconds": 0.5}) + '\n{"step": 2, "sc')
    assert read_metrics(tmp_path) == [Row(1, 0.5, {})]
