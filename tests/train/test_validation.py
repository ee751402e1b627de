"""What a validation leaves: scores, curves, pictures, TensorBoard."""

import sys
import types

import imagecodecs
import numpy as np
import pytest

from lacss_tools.cells import cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.screen.draw import ORANGE, SKY
from lacss_tools.train import steps as work
from lacss_tools.train.board import Board
from lacss_tools.train.history import Scores
from lacss_tools.train.labelled import LabelledImage
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.validation import picture, scores

SHORT = TrainSettings(steps=4, batch=1, crop=64, validate_every=0.5)


def field(tmp_path, size=40):
    labels = np.zeros((size, size), np.int32)
    labels[5:15, 5:15] = 1
    image = np.random.default_rng(0).random((1, size, size), dtype=np.float32)
    return LabelledImage("a", image, cells_from_labels(labels), tmp_path / "a.tif", tmp_path / "a_labels.tif"), labels


def test_the_truth_scores_one_and_nothing_scores_nothing(tmp_path):
    one, _ = field(tmp_path)
    assert scores([one.truth], [one]) == Scores(ap50=1.0, ap75=1.0, map=1.0)
    assert scores([], []) is None


def test_pictures_show_both_outlines(tmp_path):
    one, labels = field(tmp_path)
    found = cells_from_labels(np.roll(labels, 3, axis=1))
    rgb = picture(one, found)
    assert tuple(rgb[10, 5]) == SKY  # left border of the truth
    assert tuple(rgb[10, 8]) == ORANGE  # left border of what was found
    assert picture(field(tmp_path, size=2500)[0], found_nothing(2500)).shape == (833, 833, 3)


def found_nothing(size):
    return cells_from_labels(np.zeros((size, size), np.int32))


@pytest.mark.usefixtures("tiny_preset")
def test_each_validation_leaves_curves_and_pictures(folders, tmp_path):
    lines = []
    work.train(folders, tmp_path / "run", SHORT, device="cpu", say=lines.append)
    report = tmp_path / "run" / "report"
    names = {path.name for path in report.iterdir()}
    assert names == {"curves.png"} | {f"f{k}_{step:06d}.jpg" for k in (0, 1) for step in (2, 4)}
    assert imagecodecs.imread(report / "curves.png").ndim == 3
    assert imagecodecs.imread(report / "f0_000004.jpg").shape == (96, 96, 3)
    assert "2 of 2 validation images are trained on too: their AP is too optimistic" in lines


def test_tensorboard_is_explained_when_it_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        Board(tmp_path, 0)


@pytest.mark.usefixtures("tiny_preset")
def test_tensorboard_gets_every_row_and_picture(folders, tmp_path, monkeypatch):
    calls = []

    class Writer:
        def __init__(self, folder, purge_step):
            calls.append(("open", folder, purge_step))

        def __getattr__(self, name):
            return lambda *values, **more: calls.append((name, *values))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    work.train(folders, tmp_path / "run", SHORT, device="cpu", tensorboard=True)
    assert calls[0] == ("open", str(tmp_path / "run" / "tensorboard"), 1)
    assert calls[-1] == ("close",)
    scalars = {(call[1], call[3]) for call in calls if call[0] == "add_scalar"}
    assert {("val/ap50", 2), ("val/ap50", 4), ("val/map", 4), ("train/score", 4)} <= scalars
    assert [(call[1], call[3]) for call in calls if call[0] == "add_image"] == [
        ("f0", 2), ("f1", 2), ("f0", 4), ("f1", 4)
    ]  # fmt: skip
