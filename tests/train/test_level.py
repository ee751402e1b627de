"""The level of the masks: cells at the training LOIs cover as many pixels as their labels."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacss_tools.network.lacss import Lacss
from lacss_tools.network.patches import patches_around
from lacss_tools.network.settings import ModelSettings
from lacss_tools.train.crops import full_image
from lacss_tools.train.level import LARGEST, calibrated, mask_level
from tests.made_up import made_up_image

CPU = torch.device("cpu")
TINY = ModelSettings(
    widths=(16, 16, 24, 32, 32), blocks=(1, 1, 1, 1, 1), pyramid=24, fine=16, patch_size=48, cell_diameter=20.0
)


@pytest.fixture(scope="module")
def images():
    def build(seed):
        image, labels, lois = made_up_image(seed)
        return full_image(image, labels, lois, labels[tuple(lois.astype(int).T)], 1.0)

    return [build(seed) for seed in range(3)]


def model(seed=0):
    torch.manual_seed(seed)
    return Lacss(TINY).eval()


def areas(model, images):
    """Return how many pixels each cell has, by its patch as written into an image, a cell at a time."""
    out = []
    for image in images:
        side = -image.image.shape[1] % 32
        with torch.no_grad():
            maps = model(torch.nn.functional.pad(image.image[None], (0, side, 0, side), mode="replicate"))
        for loi in image.lois:
            patches = patches_around(loi[None], torch.zeros(1).long(), tuple(image.image.shape[1:]), 48)
            with torch.no_grad():
                mask = model.segmentor.patch_logits(maps.features, loi[None], patches)[0] > 0
            y, x = (patches.origins[0, k] + torch.arange(48) for k in (0, 1))
            inside = ((y >= 0) & (y < 128))[:, None] & ((x >= 0) & (x < 128))
            out.append(int((mask & inside).sum()))
    return np.array(out)


@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.4])
def test_cells_cover_as_many_pixels_as_their_labels(images, shift):
    start = model()
    with torch.no_grad():
        start.segmentor.prior[0] += shift
    found = areas(calibrated(start, images, CPU), images).sum()
    wanted = sum(int((image.labels == own).sum()) for image in images for own in image.own)
    assert found == pytest.approx(wanted, rel=0.02)
    assert abs(areas(start, images).sum() / wanted - 1) > 0.05


def test_what_is_calibrated_stays(images):
    once = calibrated(model(), images, CPU)
    assert mask_level(once, images, CPU) == pytest.approx(0, abs=0.02)


def test_only_the_level_changes_and_the_model_itself_does_not(images):
    before = model()
    kept = copy.deepcopy(before.state_dict())
    after = calibrated(before, images, CPU).state_dict()
    assert all(torch.equal(kept[name], value) for name, value in before.state_dict().items())
    changed = [name for name in kept if not torch.equal(kept[name], after[name])]
    assert changed == ["segmentor.prior"]
    assert kept["segmentor.prior"][1] == after["segmentor.prior"][1]


def test_without_cells_nothing_is_to_tell_and_the_change_is_limited(images):
    empty = replace(images[0], lois=torch.zeros(0, 2), own=torch.zeros(0))
    assert mask_level(model(), [empty], CPU) == 0
    assert mask_level(model(), [], CPU) == 0
    far = model()
    with torch.no_grad():
        far.segmentor.prior[0] -= 9
    assert mask_level(far, images, CPU) == LARGEST
