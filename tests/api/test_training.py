"""Training on arrays: which supervision they make, budgets, folders, interruption, and what does not fit."""

import re
import tempfile

import numpy as np
import pytest

from lacss_tools.api import train
from lacss_tools.errors import ArgumentError, InputError
from lacss_tools.train import trainer
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("tiny_preset")
SHORT = TrainSettings(batch=1, crop=64, validate_every=1.0)


@pytest.fixture
def weak(scene):
    """Arguments of a weak training on two images of different sizes."""
    image, _, labels, lois = scene
    small = lois[(lois < (70, 80)).all(axis=1)]
    masks = [labels > 0, labels[:70, :80] > 0]
    return {"images": [image, image[:70, :80]], "lois": [lois, small], "masks": masks, "settings": SHORT}


def test_settings_are_those_given_and_the_rest_defaults(weak, tmp_path):
    weak["settings"] = TrainSettings(batch=1, crop=64, epochs=3.0, learning_rate=1e-4, seed=3)
    model = train(**weak, steps=2, seed=7, run=tmp_path / "run", device="cpu")
    stored, sizes = read_config(tmp_path / "run")
    assert (stored.steps, stored.epochs, stored.learning_rate, stored.seed) == (2, None, 1e-4, 7)
    assert stored.supervision == "weak"
    assert (sizes.channels, model.channels) == (1, 1)
    assert (tmp_path / "run" / "report" / "curves.png").is_file()


def test_the_kind_of_annotation_is_the_supervision(weak, scene, tmp_path):
    labels = [scene[2], scene[2][:70, :80]]
    train(weak["images"], labels=labels, steps=1, settings=SHORT, run=tmp_path / "full", device="cpu")
    mixed = {**weak, "lois": [None, weak["lois"][1]], "masks": [None, weak["masks"][1]]}
    train(**mixed, labels=[labels[0], None], steps=1, run=tmp_path / "mixed", device="cpu")
    for name in ("full", "mixed"):
        assert read_config(tmp_path / name)[0].supervision == name


def test_one_image_is_enough_and_the_clock_is_a_budget(scene):
    image, _, labels, lois = scene
    both = np.stack([image, image[::-1]], axis=-1)
    model = train(
        both, lois=lois, masks=labels > 0, minutes=0.001, settings=SHORT, device="cpu", channel_axis=-1
    )  # fmt: skip
    assert model.segment(both, channel_axis=-1).shape == (96, 96)


def test_nothing_is_left_behind_and_nothing_is_said(weak, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    train(**weak, steps=1, device="cpu")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_progress_is_printed_or_called(weak, capsys):
    train(**weak, steps=1, device="cpu", progress=True)
    assert "typical cell" in capsys.readouterr().out
    lines = []
    train(**weak, steps=1, device="cpu", progress=lines.append)
    assert any("step 1" in line for line in lines)


@pytest.mark.parametrize("kept", [False, True])
def test_an_interruption_is_one_and_leaves_the_checkpoint_of_a_run(weak, tmp_path, monkeypatch, kept):
    def pressed(state, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "update_average", pressed)
    with pytest.raises(Exception if kept else KeyboardInterrupt) as caught:
        train(**weak, steps=2, device="cpu", run=tmp_path / "run" if kept else None)
    assert (tmp_path / "run" / "last.pt").is_file() == kept
    assert type(caught.value).__name__ == ("InterruptedRunError" if kept else "KeyboardInterrupt")


def test_it_begins_with_given_weights(weak, tmp_path):
    first = train(**weak, steps=1, device="cpu").save(tmp_path / "first")
    lines = []
    train(**weak, steps=1, device="cpu", init=first, progress=lines.append)
    assert any("tensors taken over" in line for line in lines)
    with pytest.raises(InputError, match="missing"):
        train(**weak, steps=1, device="cpu", init=tmp_path / "missing")


def test_nuclei_are_one_more_channel(weak, scene, tmp_path):
    dapi = [scene[1], scene[1][:70, :80]]
    model = train(**weak, nuclei=dapi, steps=1, device="cpu", run=tmp_path / "run")
    assert (model.channels, model.knows_nuclei) == (1, True)
    stored, sizes = read_config(tmp_path / "run")
    assert (stored.nuclei, sizes.channels, sizes.nuclei) == ("auto", 2, 1)
    assert train(**weak, steps=1, device="cpu", init=tmp_path / "run").knows_nuclei  # and sees them blank
    plain = train(**weak, steps=1, device="cpu").save(tmp_path / "plain")
    with pytest.raises(ArgumentError, match="The weights of init know no nuclei"):
        train(**weak, nuclei=dapi, steps=1, device="cpu", init=plain)
    with pytest.raises(ArgumentError, match="validation has nuclei, which the network does not see"):
        train(**weak, validation=(scene[0], scene[2], scene[1]), steps=1, device="cpu")


def test_a_run_is_not_overwritten(weak, tmp_path):
    train(**weak, steps=1, device="cpu", run=tmp_path / "run")
    with pytest.raises(InputError, match="holds a run already"):
        train(**weak, steps=1, device="cpu", run=tmp_path / "run")


IMAGE, MASK, LABELS, DOT = np.eye(40), np.ones((40, 40), bool), np.ones((40, 40), int), np.array([[9.0, 9.0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "images has neither labels nor both lois and masks"),
        ({"images": [IMAGE, IMAGE], "lois": [DOT, DOT], "masks": [MASK, None]}, "images[1] has neither labels nor"),
        ({"labels": LABELS, "lois": DOT, "masks": MASK}, "labels has every image, so lois and masks would not be used"),
        ({"lois": DOT, "masks": ~MASK}, "lois holds no cell to learn from"),
        ({"labels": LABELS * 0}, "labels holds no cell to learn from"),
        ({"lois": DOT, "masks": MASK[:9]}, "masks is (9, 40) pixels and images (40, 40)"),
        ({"lois": DOT * 9, "masks": MASK}, "lois has 1 LOIs outside images"),
        ({"labels": MASK}, "labels is a mask (bool) where each cell needs a number"),
        ({"labels": LABELS, "minutes": 1.0}, "steps and minutes each say how long"),
        ({"labels": LABELS, "steps": 0}, "steps"),
        ({"images": [IMAGE, np.stack([IMAGE, IMAGE])], "labels": [LABELS] * 2}, "images[1] has 2 channels, images[0]"),
        ({"labels": LABELS, "validation": (IMAGE, LABELS[:9])}, "validation labels is (9, 40) pixels"),
        ({"labels": LABELS, "validation": (np.stack([IMAGE, IMAGE]), LABELS)}, "validation images has 2 channels"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        train(**{"images": IMAGE, "steps": 1, "device": "cpu", **arguments})


def test_where_masks_are_unsure_needs_a_weight(weak):
    with pytest.raises(ArgumentError, match="unsure has no effect at full weight"):
        train(**weak, unsure=weak["masks"], steps=1, device="cpu")
