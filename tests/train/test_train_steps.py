"""Runs on disk: what train writes, exact resume, bad input."""

import json

import numpy as np
import pytest
import torch

from lacss_tools.errors import InputError, InterruptedRunError
from lacss_tools.files import read_labels, write_lois, write_mask
from lacss_tools.train import steps as work
from lacss_tools.train.checkpoint import load_weights, read_metrics
from lacss_tools.train.settings import TrainSettings

SHORT = TrainSettings(steps=6, batch=2, crop=64, validate_every=0.5, weak_loss=0.3)


pytestmark = pytest.mark.usefixtures("tiny_preset")


def test_a_run_leaves_all_that_the_contract_names(folders, tmp_path):
    lines = []
    best = work.train(folders, tmp_path / "runs" / "a", SHORT, device="cpu", say=lines.append)
    run = tmp_path / "runs" / "a"
    assert best == run / "best.safetensors"
    expected = {"config.toml", "metrics.jsonl", "last.pt", "best.safetensors", "report"}
    assert {path.name for path in run.iterdir()} == expected
    rows = read_metrics(run)
    assert rows[-1]["step"] == 6
    assert {"score", "offset", "aux", "val_ap50", "val_map"} <= set(rows[-1])
    assert any("resized by" in line for line in lines)
    model, scale = load_weights(run)
    assert model.settings.patch_size == 32
    assert 0.05 <= scale <= 4


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
    assert "labels" in rows[-1]
    assert "weak" not in rows[-1]


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
    from lacss_tools.batch import Job
    from lacss_tools.train.predict.steps import Order, predict_file

    work.train(folders, tmp_path / "run", SHORT, device="cpu")
    job = Job("f0", (folders.images / "f0.tif",), tmp_path / "out" / "f0.tif")
    predict_file(job, Order(tmp_path / "run", tmp_path / "out", ("labels", "csv"), device="cpu"))
    labels = read_labels(job.output)
    rows = (tmp_path / "out" / "f0.csv").read_text().splitlines()
    assert labels.shape == (96, 96)
    assert len(rows) - 1 >= labels.max() > -1


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="not written by lacss train"):
        load_weights(tmp_path / "x.safetensors")
    (tmp_path / "y.safetensors").write_bytes(b"\x00" * 10)
    with pytest.raises(InputError, match="not a whole safetensors"):
        load_weights(tmp_path / "y.safetensors")


def test_an_absent_device_is_an_error():
    from lacss_tools.train.device import choose_device

    with pytest.raises(InputError, match="not on this machine"):
        choose_device("cuda:99")
    with pytest.raises(InputError, match="unknown"):
        choose_device("abacus")


def test_metrics_survive_a_line_cut_short(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1}) + '\n{"step": 2, "sc')
    assert read_metrics(tmp_path) == [{"step": 1}]
