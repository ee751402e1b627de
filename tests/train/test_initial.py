"""Starting from the weights of another model."""

from dataclasses import replace

import pytest
import torch

from lacss_tools.errors import InputError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS
from lacss_tools.network.weights import save_weights
from lacss_tools.train.initial import fit_sizes, initial_model, preset_name, wanted_sizes
from lacss_tools.train.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture
def stored(tmp_path, tiny_preset):
    torch.manual_seed(7)
    path = tmp_path / "w.safetensors"
    save_weights(path, Lacss(replace(tiny_preset, channels=2, auxnet=False)), 0.5)
    return path


def test_what_fits_is_taken_over_and_the_rest_is_named(stored, tiny_preset):
    model, notes = initial_model(replace(tiny_preset, channels=2), stored)
    torch.manual_seed(7)
    source = Lacss(replace(tiny_preset, channels=2, auxnet=False)).state_dict()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in source.items())
    assert f"{len(source)} of {len(model.state_dict())} tensors taken over (preset small)" in notes[0]
    assert notes[1] == "starting from random weights: auxnet"


def test_a_run_folder_will_do(stored, tmp_path):
    (tmp_path / "run").mkdir()
    stored.rename(tmp_path / "run" / "best.safetensors")
    assert wanted_sizes(TrainSettings(preset="init"), tmp_path / "run").channels == 2


def test_other_channels_are_explained(stored, tiny_preset):
    with pytest.raises(InputError, match="trained on images of 2 channels and these have 3"):
        initial_model(replace(tiny_preset, channels=3), stored)


def test_another_preset_is_named(stored):
    with pytest.raises(InputError, match="a model of preset small and the training wants preset base"):
        initial_model(replace(PRESETS["base"], channels=2), stored)


def test_without_a_preset_the_weights_give_the_sizes(stored, tiny_preset):
    sizes = fit_sizes(wanted_sizes(TrainSettings(preset="init"), stored), TrainSettings(weak_loss=0.3), 1)
    assert sizes == replace(tiny_preset, channels=1)
    with pytest.raises(InputError, match="`init`"):
        wanted_sizes(TrainSettings(preset="init"), None)


def test_sizes_of_no_preset_have_no_name(tiny_preset):
    assert preset_name(replace(tiny_preset, pyramid=24)) == "sizes of its own"
    assert preset_name(replace(PRESETS["resnet50"], channels=4, auxnet=False)) == "preset resnet50"
