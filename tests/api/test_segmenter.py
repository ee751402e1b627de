"""A trained network on arrays: any size and number of images, given points, saving and loading."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacss_tools.api import Segmenter
from lacss_tools.cells import cells_to_labels
from lacss_tools.errors import ArgumentError, InputError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from tests.train.worker import TINY


@pytest.fixture
def load(tmp_path):
    """Save a tiny network that finds something everywhere, for some channels, and load it again."""

    def make(channels=1, channel=None, nuclei=None):
        torch.manual_seed(0)
        model = Lacss(replace(TINY, channels=channels, nuclei=nuclei))
        save_weights(tmp_path / "tiny.safetensors", model, 0.5, channel)
        return Segmenter.load(tmp_path / "tiny.safetensors", device="cpu")

    return make


def test_a_list_of_images_of_different_sizes(scene, load):
    model, image = load(), scene[0]
    labels = model.segment([image, image[:50, :70]], min_score=0.01)
    assert [part.shape for part in labels] == [(96, 96), (50, 70)]
    assert {part.dtype for part in labels} == {np.dtype(np.int32)}
    np.testing.assert_array_equal(labels[0], model.segment(image, min_score=0.01))
    assert labels[0].max() > 0


def test_labels_are_the_cells_by_number(scene, load):
    model = load()
    cells = model.cells(scene[0], min_score=0.01)
    np.testing.assert_array_equal(model.segment(scene[0], min_score=0.01), cells_to_labels(cells))
    assert (np.diff(cells.scores) <= 0).all()
    assert len(model.cells(scene[0], all_detections=True)) >= len(model.cells(scene[0]))


def test_given_points_bring_one_cell_each_at_most(scene, load):
    image, _, _, lois = scene
    found = load().cells([image, image], lois=[lois, lois[:0]])
    assert 0 < len(found[0]) <= len(lois)
    assert len(found[1]) == 0
    distance = np.hypot(*(found[0].locations[:, None] - lois[None]).transpose(2, 0, 1)).min(axis=1)
    assert distance.max() < 0.1


def test_the_diameter_of_other_images_changes_the_scale(load):
    model = load()
    assert model.cell_diameter == 40.0
    assert repr(model) == "Segmenter(1 channel, cells about 40 px across, on cpu)"
    rng = np.random.default_rng(0)
    image = rng.random((64, 64))
    twice = np.kron(image, np.ones((2, 2)))
    near = model.segment(twice, diameter=80.0, min_score=0.01)
    far = model.segment(image, min_score=0.01)
    assert near.shape == (128, 128)
    assert abs(int(near.max()) - int(far.max())) <= 2


def test_a_model_of_one_channel_takes_it_out_of_several(scene, load):
    image, dapi, *_ = scene
    model = load(channel="1")
    alone = model.segment(dapi, min_score=0.01)
    np.testing.assert_array_equal(model.segment(np.stack([image, dapi]), min_score=0.01), alone)
    last = np.stack([image, dapi], axis=-1)
    np.testing.assert_array_equal(model.segment(last, channel_axis=-1, min_score=0.01), alone)
    with pytest.raises(ArgumentError, match="image has no channel 'GFP'"):
        load(channel="GFP").segment(np.stack([image, dapi]))


def test_nuclei_are_seen_by_a_model_that_knows_them_and_may_be_left_out(scene, load, tmp_path):
    image, dapi, *_ = scene
    model = load(channels=2, nuclei=1)
    assert (model.channels, model.knows_nuclei) == (1, True)
    assert repr(model) == "Segmenter(1 channel and nuclei, cells about 40 px across, on cpu)"
    with_nuclei, without = (model.segment(image, nuclei=own, min_score=0.01) for own in (dapi, None))
    assert not np.array_equal(with_nuclei, without)
    np.testing.assert_array_equal(model.segment(image, nuclei=0 * dapi, min_score=0.01), without)
    both = model.segment([image, image[:50]], nuclei=[dapi, None], min_score=0.01)
    np.testing.assert_array_equal(both[0], with_nuclei)
    stacked = load(channels=2).segment(np.stack([image, dapi]), min_score=0.01)
    np.testing.assert_array_equal(with_nuclei, stacked)
    again = Segmenter.load(model.save(tmp_path / "again"), device="cpu")
    np.testing.assert_array_equal(again.segment(image, nuclei=dapi, min_score=0.01), with_nuclei)
    for own, words in (
        (dapi[:9], "nuclei is (9, 96) pixels and image (96, 96)"),
        (np.stack([dapi, dapi + 1]), "nuclei has 2 channels where one is needed"),
    ):
        with pytest.raises(ArgumentError, match=re.escape(words)):
            model.segment(image, nuclei=own)
    with pytest.raises(ArgumentError, match="The model was trained without nuclei"):
        load().segment(image, nuclei=dapi)


@pytest.mark.parametrize("name", ["model.safetensors", "runs/mine"])
def test_saved_and_loaded_it_is_the_same(scene, load, tmp_path, name):
    model = load(channels=2, channel=None)
    path = model.save(tmp_path / name)
    assert path == tmp_path / (name if name.endswith("safetensors") else f"{name}/best.safetensors")
    both = np.stack(scene[:2])
    again = Segmenter.load(str(tmp_path / name), device="cpu")
    np.testing.assert_array_equal(again.segment(both, min_score=0.01), model.segment(both, min_score=0.01))
    assert again.channels == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"image": np.zeros((2, 40, 40))}, "image has 2 channels, the model was trained on 1"),
        (
            {"lois": np.array([[10.0, 99.0]])},
            "lois has 1 LOIs outside image (y 10, x 99). They are y,x in pixels; swap?",
        ),
        ({"lois": [np.array([[10.0, 9.0]])], "image": [np.eye(40)] * 2}, "lois has 1 entries and image has 2"),
        ({"min_score": 1.5}, "min_score is 1.5"),
        ({"diameter": 0.0}, "diameter is 0"),
        ({"image": np.eye(40, dtype=bool)}, "image is a mask (bool)"),
    ],
)
def test_what_does_not_fit_is_named(load, more, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        load().segment(**{"image": np.eye(40), **more})


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing does not exist"):
        Segmenter.load(tmp_path / "nothing")
