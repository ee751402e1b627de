"""`--channel` on the way from images of two channels to a model that knows which one it was trained on."""

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.network.weights import trained_channel
from lacss_tools.train.checkpoint import read_config
from tests.made_up import nuclei

CENTRES = np.array([[30.0, 30.0], [70.0, 65.0]])
QUICK = ("--batch", 1, "--crop", 64, "--device", "cpu", "--steps", 1)


def lacss(project, *words):
    return CliRunner().invoke(app, [*map(str, words), "--project", str(project)])


@pytest.fixture
def project(tmp_path):
    """One field as two channels: GFP of background noise, DAPI with two nuclei; and the nuclei alone."""
    noise = np.random.default_rng(0).normal(100, 20, (100, 100)).astype(np.float32)
    for folder in ("both", "alone"):
        (tmp_path / folder).mkdir()
    two = np.stack([noise, nuclei(CENTRES)])
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(tmp_path / "both" / "a.ome.tif", two, metadata=metadata)
    tifffile.imwrite(tmp_path / "alone" / "a.tif", two[1])
    return tmp_path


@pytest.mark.parametrize("channel", ["1", "DAPI"])
def test_lois_are_found_in_the_channel_asked_for(project, channel):
    assert lacss(project, "annotate-lois", "both", "--channel", channel).exit_code == 0
    assert lacss(project, "annotate-lois", "alone", "-o", "expected").exit_code == 0
    found, expected = (read_lois(project / folder / "a.csv")[0] for folder in ("lois", "expected"))
    assert (found == expected).all()
    assert np.allclose(found[np.argsort(found[:, 0])], CENTRES, atol=1)


def test_without_a_channel_two_are_one_too_many(project):
    result = lacss(project, "annotate-lois", "both", "--nucleus-diameter", 12)
    assert result.exit_code == 3
    assert "has 2 channels where one grey channel is needed. Name the --channel to use." in result.stderr


@pytest.mark.parametrize("fiji", [(), ("--fiji-compat",)])
def test_the_cut_uses_the_channel_asked_for(project, fiji):
    assert lacss(project, "graphcut", "both", "--channel", "DAPI", *fiji).exit_code == 0
    assert lacss(project, "graphcut", "alone", "-o", "expected", *fiji).exit_code == 0
    found, expected = (read_candidates(project / folder / "a.tif")[0] for folder in ("candidates", "expected"))
    assert (found == expected).all()


def test_a_channel_that_is_not_there_is_named(project):
    result = lacss(project, "graphcut", "both", "--channel", "actin")
    assert result.exit_code == 3
    assert "has no channel 'actin'; it has 2 called GFP, DAPI" in result.stderr


@pytest.mark.usefixtures("folders", "tiny_preset")
def test_a_model_remembers_its_channel(tmp_path):
    for path in (tmp_path / "images").iterdir():  # the other channel would not do: it is constant
        plane = tifffile.imread(path)
        tifffile.imwrite(path, np.stack([plane, np.zeros_like(plane)]), metadata={"axes": "CYX"})
    trained = lacss(tmp_path, "train", "--channel", "0", *QUICK)
    assert trained.exit_code == 0, trained.output
    run = tmp_path / "runs" / "first"
    settings, sizes = read_config(run)
    assert (settings.channel, sizes.channels, trained_channel(run)) == ("0", 1, "0")
    for words in (("predict", run, "images"), ("eval", run)):
        result = lacss(tmp_path, *words, "--device", "cpu")
        assert result.exit_code == 0, result.output
        other = lacss(tmp_path, *words, "--device", "cpu", "--channel", "5", *(("--overwrite",) * (words[0] != "eval")))
        assert other.exit_code == 3
        assert "has no channel '5'" in other.stderr
    again = lacss(tmp_path, "train", "--resume", "--channel", "1", "--device", "cpu")
    assert again.exit_code == 3
    assert "is trained with --channel 0, now given 1" in again.stderr


@pytest.mark.usefixtures("folders", "tiny_preset")
def test_models_of_different_channels_are_not_compared(tmp_path):
    assert lacss(tmp_path, "train", "--channel", "0", *QUICK).exit_code == 0
    assert lacss(tmp_path, "train", "--run", "all", *QUICK).exit_code == 0
    result = lacss(tmp_path, "eval", "runs/first", "runs/all", "--device", "cpu")
    assert result.exit_code == 2
    assert "first on channel 0 and" in result.stderr
    assert "were trained on different channels. Evaluate them apart" in result.stderr
