"""The logits of patches against the formula, pixel by pixel."""

import pytest
import torch

from lacss_tools.network.patches import patches_around
from lacss_tools.network.segmentor import Segmentor

SIZE, RADIUS = 16, 5.0


def slow_logit(segmentor, features, loi, y, x):
    """Return the logit of image pixel (y, x) for the cell at `loi`, on the map `features` (y // 2, x // 2, channel)."""
    height, width = features.shape[:2]
    at = (min(max(y // 2, 0), height - 1), min(max(x // 2, 0), width - 1))
    window, own = features[at], features[round(loi[0]) // 2, round(loi[1]) // 2]
    dy, dx = (2 * (y // 2) + 0.5 - loi[0]) / RADIUS, (2 * (x // 2) + 0.5 - loi[1]) / RADIUS
    where = torch.tensor([dy, dx, dy * dx, dy * dy, dx * dx, (dy * dy + dx * dx + 1e-6) ** 0.5])
    hidden = torch.relu(segmentor.position(where) + segmentor.identity(own) + window)
    hidden = torch.relu(segmentor.hidden(hidden) + window)
    square = ((y - loi[0]) / RADIUS) ** 2 + ((x - loi[1]) / RADIUS) ** 2
    a, b = segmentor.prior
    return segmentor.upscale(hidden)[2 * (y % 2) + x % 2] + a - b * min(square, 16.0)


@torch.no_grad()
@pytest.mark.parametrize("loi", [(15.3, 22.6), (1.2, 38.0), (27.0, 2.5)])
def test_each_pixel_of_a_patch_follows_the_formula(loi):
    torch.manual_seed(0)
    segmentor = Segmentor(8, 8, SIZE, RADIUS)
    segmentor.prior.copy_(torch.tensor([1.5, 0.7]))
    maps = torch.randn(2, 14, 20, 8)  # of two images of 28 x 40 pixels
    lois = torch.tensor([loi])
    patches = patches_around(lois, torch.tensor([1]), (28, 40), SIZE)
    logits, (top, left) = segmentor.patch_logits(maps, lois, patches)[0], patches.origins[0].tolist()
    expected = [[slow_logit(segmentor, maps[1], loi, top + i, left + j) for j in range(SIZE)] for i in range(SIZE)]
    torch.testing.assert_close(logits, torch.tensor(expected), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_prior_is_highest_at_the_loi_and_flat_far_away():
    segmentor, loi = Segmentor(8, 8, 64, RADIUS), torch.tensor([[31.5, 31.5]])
    prior = segmentor.radial_prior(patches_around(loi, torch.tensor([0]), (64, 64), 64), loi)[0]
    assert prior[31, 31] == prior.max() > 0
    assert (prior[:, 0] == prior.min()).all()
    assert prior.min() < -20
