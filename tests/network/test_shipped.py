"""The models in the package, and the names that stand for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from lacss_tools import Segmenter, evaluate, sample_data, train
from lacss_tools.annotate.lois.network import WEIGHTS as NUCLEI
from lacss_tools.cli import app
from lacss_tools.network import shipped
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.shipped import CELLS, SHIPPED, introduction, model_path
from lacss_tools.network.weights import BEST, read_header, save_weights
from lacss_tools.train.initial import preset_name
from lacss_tools.train.settings import TrainSettings


@pytest.fixture
def starter(tmp_path, tiny_preset, monkeypatch):
    """Weights of few numbers in place of those of the package."""
    torch.manual_seed(1)
    path = tmp_path / "package" / "cells.safetensors"
    path.parent.mkdir()
    save_weights(path, Lacss(replace(tiny_preset, channels=2, nuclei=1, auxnet=False)).half(), 1.0)
    monkeypatch.setitem(shipped.SHIPPED, CELLS, replace(SHIPPED[CELLS], path=path))
    return path


def test_a_model_of_that_name_wins_but_not_a_folder_of_images(tmp_path):
    own = SHIPPED[CELLS].path
    assert model_path(tmp_path, Path("runs/first")) == tmp_path / "runs/first"
    (tmp_path / CELLS).mkdir()
    assert model_path(tmp_path, Path(CELLS)) == own
    (tmp_path / CELLS / BEST).touch()
    assert model_path(tmp_path, Path(CELLS)) == tmp_path / CELLS
    assert introduction(tmp_path / CELLS) == []
    assert "CC BY 3.0" in introduction(own)[0]


def test_the_weights_are_in_the_package():
    """Both networks of the wheel stay under 20 MB together; the starter model takes cells, with nuclei or without."""
    header = read_header(SHIPPED[CELLS].path)
    assert (header.model.channels, header.model.nuclei, header.scale) == (2, 1, 1.0)
    assert preset_name(header.model) == "preset small"
    assert SHIPPED[CELLS].path.stat().st_size + NUCLEI.stat().st_size < 20e6
    assert "CC BY 3.0" in (SHIPPED[CELLS].path.parent / "README.md").read_text(encoding="utf-8")


def test_the_starter_model_finds_cells_in_the_samples():
    data = sample_data().validation
    found = Segmenter.load(CELLS, device="cpu").cells(data.images[:1], diameter=34.0, all_detections=True)
    assert evaluate(data.labels[:1], found).ap50 > 0.6


def test_predict_says_what_the_starter_model_is_and_which_size_it_expects(starter, tiny_preset, tmp_path):
    (tmp_path / CELLS).mkdir()  # images may lie in a folder of that name
    tifffile.imwrite(tmp_path / CELLS / "a.tif", np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8))
    call = ["predict", CELLS, CELLS, "--project", str(tmp_path), "--device", "cpu", "-o", "out"]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "cells: the starter model in the package" in said
    assert f"It takes cells to be {tiny_preset.cell_diameter:.0f} px across: set --diameter" in said
    assert (tmp_path / "out" / "a.tif").is_file()
    told = CliRunner().invoke(app, [*call, "--diameter", "20", "--overwrite"])
    assert "the starter model" in told.output
    assert "It takes cells" not in told.output


def test_python_knows_the_name_too(starter, tiny_preset):
    image = np.random.default_rng(0).random((64, 64))
    assert Segmenter.load(CELLS, device="cpu").cell_diameter == tiny_preset.cell_diameter
    settings = TrainSettings(batch=1, crop=64, processes=1)
    labels = np.zeros((64, 64), np.int32)
    labels[20:40, 20:40] = 1
    model = train(image, labels=labels, steps=1, settings=settings, init=CELLS, device="cpu")
    assert model.knows_nuclei
