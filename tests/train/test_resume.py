"""Continuing a run: killed at any moment, extended, stopped early; and what cannot be continued."""

import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.native import read_labels, write_labels
from lacss_tools.network.device import choose_device
from lacss_tools.network.weights import load_weights, save_weights
from lacss_tools.train import session as sessions
from lacss_tools.train import steps as work
from lacss_tools.train import trainer
from lacss_tools.train.checkpoint import read_config, save_state
from lacss_tools.train.crops import weak_image
from lacss_tools.train.history import Scores, read_metrics
from lacss_tools.train.session import FinishedRunError
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import start

pytestmark = pytest.mark.usefixtures("tiny_preset", "no_curves")
SHORT = TrainSettings(steps=6, batch=1, crop=64, validate_every=0.5)


def last(run):
    return torch.load(run / "last.pt", weights_only=True)


def differing(one, other):
    """Return the names of everything in two checkpoints that is not equal to the bit (but the time)."""
    names = [f"{part}.{key}" for part in ("model", "average") for key, value in one[part].items()
             if not torch.equal(value, other[part][key])]  # fmt: skip
    for mine, theirs in zip(one["optimizers"], other["optimizers"], strict=True):
        for number, moments in mine["state"].items():
            pairs = ((value, theirs["state"][number][key]) for key, value in moments.items())
            names += [f"moment {number}" for a, b in pairs if not torch.equal(a, b)]
    return names + [key for key in ("step", "best_map", "stale", "validations", "validated") if one[key] != other[key]]


@pytest.mark.usefixtures("one_thread")
def test_killed_at_any_moment_a_run_continues_to_the_same_bits(folders, tmp_path):
    settings = TrainSettings(steps=40, batch=1, crop=64)
    work.train(folders, tmp_path / "whole", settings, device="cpu")
    run = tmp_path / "runs" / "killed"
    line = [
        "train",
        "--steps",
        "40",
        "--batch",
        "1",
        "--crop",
        "64",
        "--val-images",
        "images",
        "--val-labels",
        "labels",
    ]
    line += ["--device", "cpu", "--run", "killed", "--project", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "tests.train.worker", *line], env=environment)
    deadline = time.monotonic() + 100
    while not (run / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    delay = random.uniform(0, 0.4)  # any moment must do: in a step, a validation, or a half-written file
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was too fast to be killed"
    assert last(run)["step"] < 40
    work.train(folders, run, settings, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(run)) == [], f"killed {delay:.3f} s after the first checkpoint"
    best = [(folder / "best.safetensors").read_bytes() for folder in (tmp_path / "whole", run)]
    assert best[0] == best[1]
    steps = [[row.step for row in read_metrics(folder)] for folder in (tmp_path / "whole", run)]
    assert steps[0] == steps[1]


def test_an_interruption_between_a_step_and_its_validation_loses_no_validation(folders, tmp_path):
    work.train(folders, tmp_path / "whole", SHORT, device="cpu")

    def interrupt(report, state):
        if report.step == 3:  # where a validation is due
            raise KeyboardInterrupt

    with pytest.raises(LacssError, match="step 3"):
        work.train(folders, tmp_path / "cut", SHORT, device="cpu", watch=interrupt)
    work.train(folders, tmp_path / "cut", SHORT, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []
    validated = [row.step for row in read_metrics(tmp_path / "cut") if row.validation]
    assert validated == [3, 6]


@pytest.mark.usefixtures("one_thread")
def test_a_run_with_nuclei_continues_to_the_same_bits(folders, tmp_path):
    (tmp_path / "dapi").mkdir()
    for path in (tmp_path / "images").iterdir():
        tifffile.imwrite(tmp_path / "dapi" / path.name, np.rot90(tifffile.imread(path)))
    settings = replace(SHORT, blank_nuclei=0.5)
    work.train(folders, tmp_path / "whole", settings, device="cpu")

    def interrupt(report, state):
        if report.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(LacssError, match="step 3"):
        work.train(folders, tmp_path / "cut", settings, device="cpu", watch=interrupt)
    assert read_config(tmp_path / "cut")[1].nuclei == 1
    work.train(folders, tmp_path / "cut", settings, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []


def test_a_run_with_the_former_names_in_its_checkpoint_continues(folders, tmp_path):
    run = tmp_path / "run"
    work.train(folders, run, replace(SHORT, steps=6), device="cpu")
    stored = torch.load(run / "last.pt", weights_only=True)
    stored["looks"], stored["looked"] = stored.pop("validations"), stored.pop("validated")
    torch.save(stored, run / "last.pt")
    work.train(folders, run, replace(SHORT, steps=8), device="cpu", resume=True)
    assert last(run)["step"] == last(run)["validated"] == 8


@pytest.mark.parametrize("validation", [0, 1])
def test_an_interrupted_validation_is_made_again(folders, tmp_path, validation, monkeypatch):
    work.train(folders, tmp_path / "whole", SHORT, device="cpu")
    calls, find_all = itertools.count(), sessions.find_all

    def interrupted(*words):
        if next(calls) == validation:
            raise KeyboardInterrupt
        return find_all(*words)

    monkeypatch.setattr(sessions, "find_all", interrupted)
    with pytest.raises(LacssError, match=f"step {3 * (validation + 1)}"):
        work.train(folders, tmp_path / "cut", SHORT, device="cpu")
    work.train(folders, tmp_path / "cut", SHORT, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []
    assert [row.step for row in read_metrics(tmp_path / "cut") if row.validation] == [3, 6]
    best = [(tmp_path / name / "best.safetensors").read_bytes() for name in ("whole", "cut")]
    assert best[0] == best[1]


def test_ctrl_c_within_a_step_waits_for_its_end(folders, tmp_path, monkeypatch):
    work.train(folders, tmp_path / "whole", SHORT, device="cpu")
    update = trainer.update_average

    def pressed(state, weight):
        if state.step == 3:
            signal.raise_signal(signal.SIGINT)
        update(state, weight)

    monkeypatch.setattr(trainer, "update_average", pressed)
    with pytest.raises(LacssError, match="step 4"):
        work.train(folders, tmp_path / "cut", SHORT, device="cpu")
    monkeypatch.setattr(trainer, "update_average", update)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    work.train(folders, tmp_path / "cut", SHORT, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []


def test_another_number_of_processes_is_named(folders, tmp_path):
    work.train(folders, tmp_path / "run", SHORT, device="cpu")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("processes = 1", "processes = 2"))
    lines = []
    longer = replace(SHORT, steps=7)
    work.train(folders, tmp_path / "run", longer, device="cpu", resume=True, say=lines.append)
    assert any("1 processes take part, 2 did so far" in line for line in lines)


def test_a_finished_run_is_extended_by_a_larger_budget_only(folders, tmp_path):
    run = tmp_path / "run"
    work.train(folders, run, SHORT, device="cpu")
    for budget in (6, 5):
        with pytest.raises(FinishedRunError, match=r"finished \(step 6.*larger `steps`"):
            work.train(folders, run, replace(SHORT, steps=budget), device="cpu", resume=True)
    work.train(folders, run, replace(SHORT, steps=8), device="cpu", resume=True)
    assert last(run)["step"] == 8
    assert [row.step for row in read_metrics(run)] == [3, 6, 8]
    assert read_config(run)[0].steps == 8


def test_a_run_keeps_its_settings(folders, tmp_path):
    run = tmp_path / "run"
    work.train(folders, run, SHORT, device="cpu")
    with pytest.raises(InputError, match="is trained with `batch` 1, now given 2"):
        work.train(folders, run, replace(SHORT, steps=8, batch=2), device="cpu", resume=True)
    unseen = replace(folders, val_images=None, val_labels=None)
    with pytest.raises(InputError, match="was validated so far"):
        work.train(unseen, run, replace(SHORT, steps=8), device="cpu", resume=True)


def test_other_fields_to_judge_by_are_refused(folders, tmp_path):
    run = tmp_path / "run"
    work.train(folders, run, SHORT, device="cpu")
    labels = read_labels(folders.labels / "f0.tif")
    write_labels(folders.labels / "f0.tif", np.where(labels == 1, 0, labels))
    longer = replace(SHORT, steps=SHORT.steps + 2)
    with pytest.raises(InputError, match="validated on other files"):
        work.train(folders, run, longer, device="cpu", resume=True)
    without = replace(folders, val_images=None, val_labels=None)
    with pytest.raises(InputError, match="was validated so far"):
        work.train(without, run, longer, device="cpu", resume=True)


def test_a_full_disk_is_told_and_costs_no_checkpoint(folders, tmp_path):
    run = tmp_path / "run"
    work.train(folders, run, SHORT, device="cpu")
    before = {name: (run / name).read_bytes() for name in ("last.pt", "best.safetensors")}
    model, _ = load_weights(run)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            save_weights(run / "best.safetensors", model, 1.0)
        with pytest.raises(InputError, match="cannot be written"):
            save_state(run, start(model, SHORT, torch.device("cpu")), "", "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not list(run.glob(".*.part"))


def test_time_spent_is_remembered(folders, tmp_path):
    """Half a minute was spent in an earlier sitting: a budget of that is used up, a larger one is not."""
    run, clock = tmp_path / "run", replace(SHORT, minutes=0.5)
    with pytest.raises(LacssError, match="step 2"):
        work.train(folders, run, clock, device="cpu", watch=interrupt_at(2))
    stored = last(run)
    assert 0 < stored["seconds"] < 30
    torch.save({**stored, "seconds": 30.0}, run / "last.pt")
    work.train(folders, run, clock, device="cpu", resume=True)  # only the last validation was missing
    assert (last(run)["step"], last(run)["validated"]) == (2, 2)
    with pytest.raises(FinishedRunError, match=r"0\.5 minutes"):
        work.train(folders, run, clock, device="cpu", resume=True)
    with pytest.raises(LacssError, match="step 4"):
        work.train(folders, run, replace(clock, minutes=5.0), device="cpu", resume=True, watch=interrupt_at(4))
    assert last(run)["seconds"] > 30


def interrupt_at(step):
    def watch(report, state):
        if report.step == step:
            raise KeyboardInterrupt

    return watch


def test_patience_stops_early_and_a_larger_one_goes_on(folders, tmp_path, monkeypatch):
    ap = iter([0.5, 0.4, 0.6, 0.6, 0.1, 0.7, 0.2, 0.2, 0.2, 0.2])
    monkeypatch.setattr(sessions, "scores", lambda found, images: Scores(*[next(ap)] * 3))
    run, lines = tmp_path / "run", []
    settings = replace(SHORT, steps=10, validate_every=0.1, patience=2)
    work.train(folders, run, settings, device="cpu", say=lines.append)
    assert last(run)["step"] == 5  # best at the third validation, then two no better
    assert any("stopped early" in line for line in lines)
    with pytest.raises(FinishedRunError, match="larger `patience`"):
        work.train(folders, run, settings, device="cpu", resume=True)
    work.train(folders, run, replace(settings, patience=4), device="cpu", resume=True)
    assert last(run)["step"] == 10
    assert last(run)["best_map"] == 0.7


def test_epochs_count_the_area_of_the_images(folders, tmp_path):
    """Two fields resized to 20 px cells; one epoch is as many 64 x 64 crops as have their area."""
    work.train(folders, tmp_path / "run", replace(SHORT, epochs=1.5), device="cpu")
    data = work.load_training_data(folders, "weak", 20.0)
    area = sum(field.mask.numel() for field in data.images)
    assert last(tmp_path / "run")["step"] == int(np.ceil(1.5 * area / 64**2))


def test_spoilt_weights_are_never_saved(folders, tmp_path):
    """The loss is nan from step 3 to the end: the run fails, the checkpoint of before stays whole."""
    run = tmp_path / "run"

    def poison(report, state):
        if report.step == 2:
            session_weights = state.model.backbone.stem.weight
            with torch.no_grad():
                session_weights.fill_(float("nan"))

    settings = replace(SHORT, steps=10, validate_every=0.2)
    with pytest.raises(LacssError, match=r"not a number since step 3\. .*`resume` and `learning_rate` 0\.00033 "):
        work.train(folders, run, settings, device="cpu", watch=poison)
    # the validation at step 2 came after the poison, but before a gradient showed it; nothing after it was written
    assert last(run)["step"] == 2
    assert all(torch.isfinite(value).all() for value in last(run)["average"].values())


def test_more_threads_draw_the_same_batches():
    from lacss_tools.train.crops import draw_batch
    from lacss_tools.train.supply import ahead, supply
    from tests.train.test_crops import QUIET, dotted_field

    image, labels, points = dotted_field()
    fields = [weak_image(image, labels > 0, points, 1.0)]
    drawn = ahead(lambda step: draw_batch(fields, QUIET, step), 5, threads=3)
    inline = supply(fields, QUIET, 5, choose_device("cpu"))
    for _ in range(7):
        one, other = next(drawn), next(inline)
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.lois, other.lois)
    drawn.close()
    assert not torch.equal(next(supply(fields, QUIET, 5, choose_device("cpu"), rank=1)).image, one.image)
