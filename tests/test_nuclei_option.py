"""Nuclei as a further input, from the folder beside the images to models that know them, and work without."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.io.native import read_labels
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import read_header, save_weights
from tests.made_up import nuclei
from tests.train.worker import TINY

QUICK = ("--batch", 1, "--crop", 64, "--device", "cpu", "--steps", 1)
CPU = ("--device", "cpu")
pytestmark = pytest.mark.usefixtures("tiny_preset", "no_curves")


def lacss(project, *words):
    return CliRunner().invoke(app, [*map(str, words), "--project", str(project)])


def done(project, *words):
    result = lacss(project, *words)
    assert result.exit_code == 0, result.output
    return result.stderr


def centres_of(project, stem):
    return np.loadtxt(project / "lois" / f"{stem}.csv", delimiter=",", skiprows=1, usecols=(0, 1))


@pytest.fixture
def project(folders, tmp_path):
    """Two images of one channel, with their nuclei in dapi/."""
    (tmp_path / "dapi").mkdir()
    for path in (tmp_path / "images").iterdir():
        tifffile.imwrite(tmp_path / "dapi" / path.name, nuclei(centres_of(tmp_path, path.stem), 96))
    return tmp_path


@pytest.fixture
def trained(project):
    """The project with models of random weights: `first` knows nuclei, `plain` does not."""
    torch.manual_seed(0)
    for run, sizes in (("first", replace(TINY, channels=2, nuclei=1)), ("plain", TINY)):
        save_weights(project / "runs" / run / "best.safetensors", Lacss(replace(sizes, auxnet=False)), 0.8)
    return project


def labels(project, *words, run="first"):
    line = ("predict", f"runs/{run}", "images", "--overwrite", "--min-score", 0.01, *CPU)
    said = done(project, *line, *words)
    return said, [read_labels(project / "predictions" / f"f{k}.tif") for k in (0, 1)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_one_model_works_with_and_without(project):
    said = done(project, "train", *QUICK, "--val-images", "images", "--val-labels", "labels")
    assert f"with nuclei from {project / 'dapi'}" in said
    assert f"validation images: with nuclei from {project / 'dapi'}" in said
    told = read_header(project / "runs" / "first")
    assert (told.model.channels, told.model.nuclei, told.nuclei_channel) == (2, 1, None)
    said, with_nuclei = labels(project)
    assert f"2 images with nuclei from {project / 'dapi'}" in said
    said, without = labels(project, "--nuclei", "none")
    assert "2 images without nuclei" in said
    assert not same(with_nuclei, without)
    assert f"first: with nuclei from {project / 'dapi'}" in done(project, "eval", "runs/first", *CPU)
    assert "first: without nuclei" in done(project, "eval", "runs/first", "--nuclei", "none", *CPU)


def test_predictions_with_and_without_nuclei_are_not_mixed(trained):
    done(trained, "predict", "runs/first", "images", *CPU)
    assert "2 were done already" in done(trained, "predict", "runs/first", "images", *CPU)
    result = lacss(trained, "predict", "runs/first", "images", "--nuclei", "none", *CPU)
    assert result.exit_code == 3
    assert f"with other nuclei ({trained / 'dapi'}) than now" in result.stderr


def test_nuclei_can_be_left_out_of_training(project):
    assert "without nuclei" in done(project, "train", "--nuclei", "none", *QUICK)
    assert read_header(project / "runs" / "first").model.nuclei is None


def test_a_model_trained_without_nuclei_refuses_them(trained):
    assert "2 images without nuclei" in labels(trained, run="plain")[0]
    for words in (("predict", "runs/plain", "images", "--overwrite"), ("eval", "runs/plain")):
        result = lacss(trained, *words, "--nuclei", "dapi", *CPU)
        assert result.exit_code == 3
        assert "The model was trained without nuclei. Set --nuclei to none, or train it with them." in result.stderr


def test_models_with_and_without_are_compared(trained):
    said = done(trained, "eval", "runs/first", "runs/plain", *CPU)
    assert "first: with nuclei" in said
    assert "plain: trained without nuclei" in said


def test_nuclei_of_some_images_alone_are_not_used_unless_asked_for(project):
    (project / "dapi" / "f1.tif").unlink()
    lacking = f"{project / 'dapi'} lacks the nuclei of f1"
    assert f"without nuclei ({lacking})" in done(project, "train", *QUICK)
    result = lacss(project, "train", "--nuclei", "dapi", "--run", "asked", *QUICK)
    assert result.exit_code == 3
    assert f"{lacking}. Add them, or set --nuclei to none." in result.stderr


def test_an_image_without_the_nuclei_asked_for_fails_by_name(trained):
    (trained / "dapi" / "f1.tif").unlink()
    assert "2 images without nuclei" in labels(trained)[0]
    result = lacss(trained, "predict", "runs/first", "images", "--nuclei", "dapi", "-o", "asked", *CPU)
    assert result.exit_code == 4
    assert f"f1.tif has no nuclei: {trained / 'dapi' / 'f1.tif'} does not exist" in result.stderr
    assert (trained / "asked" / "f0.tif").exists()


def test_nuclei_of_another_size_are_named_with_their_image(trained):
    tifffile.imwrite(trained / "dapi" / "f1.tif", np.zeros((96, 90), np.float32))
    for words, code in ((("predict", "runs/first", "images"), 4), (("train", "--run", "other"), 3)):
        result = lacss(trained, *words, *CPU)
        assert result.exit_code == code
        assert f"{trained / 'images' / 'f1.tif'} is (96, 96) pixels and {trained / 'dapi' / 'f1.tif'} (96, 90)" in (
            result.stderr
        )


def test_nuclei_of_validation_images_lie_beside_them(project):
    for kind in ("images", "labels", "dapi"):
        (project / "apart" / kind).mkdir(parents=True)
        (project / kind / "f1.tif").rename(project / "apart" / kind / "f1.tif")
    watched = (*QUICK, "--val-images", "apart/images", "--val-labels", "apart/labels")
    assert f"validation images: with nuclei from {project / 'apart' / 'dapi'}" in done(project, "train", *watched)
    (project / "apart" / "dapi" / "f1.tif").unlink()
    said = done(project, "train", "--run", "blank", *watched)
    assert "validation images: without nuclei" in said
    assert f"with nuclei from {project / 'dapi'}" in said


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
def test_any_number_of_cell_channels(project, cells):
    for path in sorted((project / "images").iterdir()):
        plane = tifffile.imread(path)
        stack = np.stack([np.roll(plane, k, 0) for k in range(cells)])
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "CYX"})
    done(project, "train", *QUICK)
    told = read_header(project / "runs" / "first").model
    assert (told.channels, told.nuclei) == (cells + 1, cells)
    said, with_nuclei = labels(project)
    assert "with nuclei" in said
    assert not same(with_nuclei, labels(project, "--nuclei", "none")[1])
    tifffile.imwrite(project / "images" / "f0.tif", np.zeros((cells + 2, 96, 96), np.uint16), imagej=True,
                     metadata={"axes": "CYX"})  # fmt: skip
    result = lacss(project, "predict", "runs/first", "images", "-o", "more", *CPU)
    assert result.exit_code == 4
    assert f"f0.tif: The image has {cells + 3} channels, the model was trained on {cells} beside their nuclei" in (
        result.stderr
    )


def test_nuclei_may_be_a_channel_of_the_images(trained):
    _, expected = labels(trained)
    (trained / "both").mkdir()
    for path in (trained / "images").iterdir():
        both = np.stack([tifffile.imread(trained / "dapi" / path.name), tifffile.imread(path).astype(np.float32)])
        metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
        tifffile.imwrite(trained / "both" / f"{path.stem}.ome.tif", both, metadata=metadata)
    words = ("predict", "runs/first", "both", "--min-score", 0.01, *CPU)
    said = done(trained, *words, "-o", "named", "--nuclei-channel", "DAPI")
    assert "2 images with nuclei from channel DAPI" in said
    assert same(expected, [read_labels(trained / "named" / f"f{k}.tif") for k in (0, 1)])
    header = (trained / "named" / "f0.csv").read_text().splitlines()[0]
    assert "GFP" in header
    assert "DAPI" not in header
    result = lacss(trained, *words, "-o", "unnamed", "--nuclei", "none")
    assert result.exit_code == 3
    assert "f0.ome.tif: The image has 2 channels, and the model sees nuclei as the last one." in result.stderr
    result = lacss(trained, *words, "-o", "alone", "--nuclei-channel", "GFP", "--channel", "GFP")
    assert result.exit_code == 3
    assert "f0.ome.tif has no channel of cells beside that of the nuclei, GFP" in result.stderr


def test_a_model_remembers_which_channel_held_the_nuclei(project):
    for path in (project / "images").iterdir():
        both = np.stack([tifffile.imread(project / "dapi" / path.name).astype(np.uint16), tifffile.imread(path)])
        tifffile.imwrite(path, both, imagej=True, metadata={"axes": "CYX"})
    (project / "dapi").rename(project / "elsewhere")
    done(project, "train", "--nuclei-channel", "0", *QUICK)
    told = read_header(project / "runs" / "first")
    assert (told.model.channels, told.model.nuclei, told.nuclei_channel) == (2, 1, "0")
    assert "2 images with nuclei from channel 0" in labels(project)[0]
    assert "with nuclei from channel 0" in done(project, "eval", "runs/first", *CPU)
    said = done(project, "predict", "runs/first", "images", "--nuclei", "elsewhere", "--channel", 1, "-o", "o", *CPU)
    assert f"with nuclei from {project / 'elsewhere'}" in said


def test_a_run_goes_on_as_it_began(project):
    done(project, "train", *QUICK)
    said = done(project, "train", "--resume", "--steps", 2, "--device", "cpu")
    assert f"with nuclei from {project / 'dapi'}" in said
    (project / "dapi" / "f0.tif").unlink()
    result = lacss(project, "train", "--resume", "--steps", 3, "--device", "cpu")
    assert result.exit_code == 3
    assert "was trained on other data than given now" in result.stderr


def test_training_goes_on_from_weights_as_they_are(trained):
    assert "without nuclei" in done(trained, "train", "--init", "runs/plain", "--run", "a", *QUICK)
    result = lacss(trained, "train", "--init", "runs/plain", "--nuclei", "dapi", "--run", "b", *QUICK)
    assert result.exit_code == 3
    assert "The weights of --init know no nuclei" in result.stderr
    (trained / "dapi").rename(trained / "elsewhere")
    assert "without nuclei: their channel is blank" in done(
        trained, "train", "--init", "runs/first", "--run", "c", *QUICK
    )
    assert read_header(trained / "runs" / "c").model.nuclei == 1


def test_no_nuclei_have_no_channel(project):
    result = lacss(project, "train", "--nuclei", "none", "--nuclei-channel", "1", *QUICK)
    assert result.exit_code == 2
    assert "--nuclei none uses no nuclei, so --nuclei-channel means nothing" in result.stderr
