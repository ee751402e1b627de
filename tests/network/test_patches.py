import numpy as np
import pytest
import torch

from lacss_tools.network.patches import gather, patches_around, pixel_index, relative_lines, scatter


@pytest.mark.parametrize("loi", [(20.0, 33.0), (20.6, 32.4), (0.0, 0.0), (63.0, 63.0), (31.49, 17.51)])
def test_the_loi_patch_pixel_lands_on_the_loi_image_pixel(loi):
    lois = torch.tensor([loi])
    patches = patches_around(lois, torch.zeros(1, dtype=torch.long), (64, 64), 16)
    image = torch.arange(64 * 64).view(1, 64, 64).float()
    index, valid = pixel_index(patches)
    nearest = torch.round(lois[0]).long()
    inside = nearest - patches.origins[0]
    assert (inside >= 0).all()
    assert (inside < 16).all()
    assert valid[0, inside[0], inside[1]]
    assert gather(image, index)[0, inside[0], inside[1]] == image[0, nearest[0], nearest[1]]


def test_origins_follow_the_fine_map_and_centre_the_loi():
    lois = torch.rand(200, 2) * 100
    patches = patches_around(lois, torch.zeros(200, dtype=torch.long), (100, 100), 32)
    assert (patches.origins % 2 == 0).all()
    centre = patches.origins + (32 - 1) / 2
    assert (centre - lois).abs().max() <= 1.0 + 1e-5


def test_relative_lines_are_pixel_positions_minus_loi():
    lois = torch.tensor([[10.25, 7.5]])
    patches = patches_around(lois, torch.zeros(1, dtype=torch.long), (32, 32), 4)
    oy, ox = patches.origins[0].tolist()
    lines = relative_lines(patches, lois)
    for i in range(4):
        assert lines[0, :, i].tolist() == [oy + i - 10.25, ox + i - 7.5]
    assert relative_lines(patches, lois, step=2)[0, :, 1].tolist() == [oy + 2.5 - 10.25, ox + 2.5 - 7.5]


def test_pixels_outside_the_image_are_not_valid_and_images_of_a_batch_do_not_mix():
    lois = torch.tensor([[0.0, 0.0], [7.0, 7.0]])
    patches = patches_around(lois, torch.tensor([0, 1]), (8, 8), 4)
    index, valid = pixel_index(patches)
    for k in range(2):
        for i in range(4):
            for j in range(4):
                y, x = (patches.origins[k] + torch.tensor([i, j])).tolist()
                assert bool(valid[k, i, j]) == (0 <= y < 8 and 0 <= x < 8)
                if valid[k, i, j]:
                    assert int(index[k, i, j]) == k * 64 + y * 8 + x


def test_scatter_sums_like_a_loop():
    rng = np.random.default_rng(0)
    lois = torch.from_numpy(rng.uniform(0, 12, (5, 2))).float()
    batch = torch.tensor([0, 0, 1, 1, 1])
    patches = patches_around(lois, batch, (12, 12), 6)
    index, valid = pixel_index(patches)
    values = torch.from_numpy(rng.normal(size=(5, 6, 6))).float() * valid
    expected = torch.zeros(2, 12, 12)
    for k in range(5):
        for i in range(6):
            for j in range(6):
                y, x = (patches.origins[k] + torch.tensor([i, j])).tolist()
                if 0 <= y < 12 and 0 <= x < 12:
                    expected[batch[k], y, x] += values[k, i, j]
    torch.testing.assert_close(scatter(values, index, 2, (12, 12)), expected)
