"""Few outlined images that help: their fraction of the crops, where their LOIs are, and what is held back of them."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacss_tools.errors import LacssError
from lacss_tools.network.weights import load_weights
from lacss_tools.train import annotated
from lacss_tools.train import steps as work
from lacss_tools.train.annotated import FEWEST, hold_back, outlined, weakly_annotated
from lacss_tools.train.crops import chances, full_image, weak_image
from lacss_tools.train.history import read_metrics
from lacss_tools.train.level import mask_level
from lacss_tools.train.settings import AS_INIT, TrainSettings
from tests.made_up import made_up_image

SHORT = TrainSettings(steps=2, batch=1, crop=64, validate_every=0.5, held_back=0.3)


def mixed_images(weak, full):
    image, labels, lois = made_up_image(0, size=96)
    own = labels[tuple(lois.astype(int).T)]
    return [weak_image(image, labels > 0, lois, 1.0)] * weak + [full_image(image, labels, lois, own, 1.0)] * full


def test_outlined_images_have_their_fraction_of_the_crops_however_few():
    chance = chances(mixed_images(9, 1), 0.4)
    assert chance[-1] == pytest.approx(0.4)
    assert chance[:9] == pytest.approx(0.6 / 9)
    assert chances(mixed_images(1, 3), 0.4)[0] == pytest.approx(0.25)  # more than that already
    assert chances(mixed_images(4, 0), 0.4) == pytest.approx(0.25)


def test_a_cell_has_the_loi_that_lies_alone_in_it_or_else_its_middle():
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:25], labels[20:36, 5:25], labels[5:15, 30:50] = 7, 3, 9
    lois = np.array([[7.0, 20.0], [22.0, 8.0], [30.0, 20.0], [2.0, 2.0]])  # one in 7, two in 3, one outside
    found = outlined(np.zeros((1, 40, 60), np.float32), labels, lois).lois
    middles = outlined(np.zeros((1, 40, 60), np.float32), labels).lois
    of = {int(labels[int(y), int(x)]): (y, x) for y, x in found}
    assert of[7] == (7.0, 20.0)
    assert [of[3], of[9]] == [tuple(middles[0]), tuple(middles[2])]


def test_a_strip_of_each_outlined_image_is_held_back_and_nothing_of_others():
    image, labels, lois = made_up_image(1, size=256)
    full, weak = outlined(image, labels), weakly_annotated(image, labels > 0, lois)
    kept, held, (note,) = hold_back([full, weak], ["a", "b"], 0.25)
    assert kept[1] is weak
    assert [image.stem for image in held] == ["a"]
    assert np.array_equal(np.concatenate([kept[0].image, held[0].pixels], axis=1), image)
    assert kept[0].area.shape == (192, 256)
    assert len(held[0].truth) == len(np.unique(labels[192:])) - 1 >= FEWEST
    assert "25%" in note
    assert f"{len(held[0].truth)} cells" in note
    assert set(kept[0].area[tuple(kept[0].lois.astype(int).T)]) == set(np.unique(labels[:192])) - {0}
    assert hold_back([full], ["a"], 0.1) == ([full], [], [])  # narrower than can be judged


@pytest.mark.usefixtures("tiny_preset", "no_curves", "one_thread")
def test_going_on_never_ends_below_its_start_and_says_so(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(annotated, "NARROWEST", 16)
    monkeypatch.setattr(annotated, "FEWEST", 1)
    own = replace(folders, val_images=None, val_labels=None)
    first = work.train(own, tmp_path / "first", replace(SHORT, validate_every=1.0), device="cpu")
    (own.labels / "f1.tif").unlink()
    mixed, said = replace(SHORT, preset=AS_INIT, supervision="mixed", learning_rate=0.1), []

    def interrupt(report, state):
        raise KeyboardInterrupt

    with pytest.raises(LacssError, match="step 1"):
        work.train(own, tmp_path / "next", mixed, device="cpu", init=first, watch=interrupt)
    best = work.train(own, tmp_path / "next", mixed, device="cpu", resume=True, say=said.append)
    assert any("held back" in line for line in said)
    assert re.fullmatch(
        r"no step was better than the start \(validation mAP 0\.\d+\), so its weights are kept", said[-1]
    )
    assert [row.step for row in read_metrics(tmp_path / "next") if row.validation] == [0, 1, 2]
    before, after = (load_weights(path)[0].state_dict() for path in (first, best))
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_outlines_alone_tell_how_large_cells_are(tiny_preset):
    from lacss_tools.network.lacss import Lacss

    torch.manual_seed(0)
    model, device = Lacss(tiny_preset).eval(), torch.device("cpu")
    weak, full = mixed_images(1, 1)
    larger = replace(weak, labels=torch.ones_like(weak.labels) * weak.own[0])
    assert mask_level(model, [larger, full], device) == mask_level(model, [full], device)
    assert mask_level(model, [larger], device) != mask_level(model, [full], device)
