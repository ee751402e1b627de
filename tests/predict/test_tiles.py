"""Images in tiles: the same cells as in one piece, to the byte."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lacss_tools.cells import INSIDE, LEVELS, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.io.source import InMemory
from lacss_tools.network.backbone import ChannelAttention
from lacss_tools.network.frozen import FrozenAttention, FrozenNorm, freeze
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.network.preprocess import intensity_range
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.working import normalise, resize
from lacss_tools.predict.cut import cut, propose
from lacss_tools.predict.flat import settle
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.resample import measure_range, read_working, resample, taps
from lacss_tools.predict.settings import PredictSettings, TileSettings
from lacss_tools.predict.tiles import Tile, plan, sample_windows
from lacss_tools.predict.whole import are_whole

# equal to the bit: with two threads, sums are made in another order for another size of batch or of tile
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SMALL = ModelSettings(widths=(8, 8, 8, 16, 16), blocks=(1, 1, 1, 1, 1), pyramid=8, fine=8, patch_size=64)
EASY = PredictSettings(min_score=0.05, min_area=10.0)
LARGE = TileSettings(tile=4096, halo=256, small=1)
"""no image is small, and each goes in one piece"""


def predictor(scale=1.0, tiling=LARGE, seed=0):
    torch.manual_seed(seed)
    return Predictor(Lacss(SMALL).eval(), scale, CPU, EASY, tiling)


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = rng.random((height, width)) * 0.2
    for cy, cx in rng.integers(0, (height, width), (height * width // 900, 2)):
        image[max(cy - 12, 0) : cy + 12, max(cx - 12, 0) : cx + 12] += 0.5
    return (image + (y + x) / 2000)[None].astype(np.float32)


def same(a, b):
    assert len(a) == len(b)
    for name in ("scores", "locations", "boxes", "location_scores", "in_pieces"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert all(np.array_equal(one, other) for one, other in zip(a.crops, b.crops, strict=True))


@pytest.mark.parametrize("tiling", [LARGE, TileSettings(), replace(LARGE, tile=64)])
def test_nuclei_that_are_left_out_are_a_channel_of_zeros(tiling):
    torch.manual_seed(0)
    network = Predictor(Lacss(replace(SMALL, channels=3, nuclei=2)).eval(), 1.0, CPU, EASY, tiling)
    cells = np.concatenate([picture(150, 300), picture(150, 300, seed=1)])
    blank = np.concatenate([cells, np.zeros((1, 150, 300), np.float32)])
    assert len(network.find(InMemory(cells))) > 10
    same(network.find(InMemory(cells)), network.find(InMemory(blank)))
    same(network.find_batch([cells])[0], network.find_batch([blank])[0])
    with pytest.raises(InputError, match="The image has 1 channels, the model was trained on 2 beside their nuclei"):
        network.find(InMemory(cells[:1]))


@pytest.mark.parametrize(("scale", "side"), [(1.0, 64), (1.0, 96), (0.7, 128), (1.3, 160)])
def test_tiles_find_what_one_piece_finds(scale, side):
    source = InMemory(picture(round(150 / scale), round(800 / scale)))
    whole = predictor(scale)
    tiled = replace(whole, tiling=replace(LARGE, tile=side))
    assert len(list(plan(whole.frame(source.shape).size, side, LARGE.halo))) >= 5
    one = whole.find(source)
    assert len(one) > 20
    same(tiled.find(source), one)
    assert are_whole(one.crops).all()


@pytest.mark.parametrize("scale", [1.0, 0.7, 1.6])
def test_cells_and_labels_are_whole_where_the_network_sees_pieces_and_holes(scale):
    """Loud weights drawn at random see cells as a sponge."""
    network = replace(predictor(scale, seed=2), settings=replace(EASY, max_overlap=0.9))
    with torch.no_grad():
        network.model.segmentor.upscale.weight *= 30
    found = network.find(InMemory(picture(round(150 / scale), round(300 / scale))))
    assert found.in_pieces.any()
    assert are_whole(found.crops).all()
    labels, raw = (cells_to_labels(cells) for cells in (settle(found), found))
    crops = [np.where(labels == k, 255, 0).astype(np.uint8) for k in np.unique(labels)[1:]]
    assert len(crops) > 5
    assert are_whole(crops).all()
    assert not are_whole([np.where(raw == k, 255, 0).astype(np.uint8) for k in np.unique(raw)[1:]]).all()


@pytest.mark.parametrize(("scale", "side"), [(1.0, 64), (0.7, 128)])
def test_tiles_find_at_given_points_what_one_piece_finds(scale, side):
    source = InMemory(picture(round(150 / scale), round(800 / scale)))
    whole = predictor(scale)
    tiled = replace(whole, tiling=replace(LARGE, tile=side))
    lois = np.random.default_rng(3).uniform((-0.5, -0.5), np.array(source.shape[1:]) - 0.5, (200, 2))
    one = whole.find(source, lois)
    assert len(one) > 20
    assert (np.abs(one.locations[:, None] - lois).max(axis=2).min(axis=1) < 0.02 / scale).all()
    same(tiled.find(source, lois), one)


def test_given_points_are_not_chosen_by_score_and_two_in_one_cell_are_one():
    image = picture(150, 200)
    network = replace(predictor(), settings=replace(EASY, min_score=1.0))
    assert len(network(image)) == 0
    lois = np.array([[40.0, 60.0], [100.0, 150.0]])
    cells = network(image, lois)
    assert sorted(cells.locations.tolist()) == lois.tolist()
    twice = network(image, np.concatenate([lois, lois[:1] + 0.1]))
    assert len(twice) == 2
    assert len(network(image, np.zeros((0, 2)))) == 0


def test_a_halo_that_is_too_small_is_noticed():
    """The test above can fail: with next to no margin cells at the seams differ."""
    source = InMemory(picture(150, 800))
    one, cut = predictor().find(source), predictor(tiling=replace(LARGE, tile=64, halo=0)).find(source)
    assert len(one) != len(cut) or not np.array_equal(one.scores, cut.scores)


def test_images_of_a_batch_do_not_know_of_each_other():
    images = [picture(90, 110, seed) for seed in range(4)]
    network = predictor(0.9)
    for found, image in zip(network.find_batch(images), images, strict=True):
        assert len(found) > 3
        same(found, network.find_batch([image])[0])


def test_tiles_share_the_proposals_of_the_whole_image_out_between_them():
    generator, size, margin = torch.Generator().manual_seed(0), (192, 256), 64.0
    scores = torch.randn(1, 24, 32, generator=generator)
    offsets = 12 * torch.rand(1, 24, 32, 2, generator=generator) - 6
    whole = Maps(torch.zeros(1, 1, 1, 1), scores, offsets)
    box, found = (0, 0, *size), []
    for tile in plan(size, 64, 96):
        y0, x0, y1, x1 = (line // 8 for line in tile.window)
        part = Maps(whole.features, whole.scores[:, y0:y1, x0:x1], whole.offsets[:, y0:y1, x0:x1])
        lois = propose(part, tile, margin, size, PredictSettings()).lois
        found += (lois + torch.tensor(tile.window[:2])).tolist()
    expected = propose(whole, Tile(box, box), margin, size, PredictSettings()).lois.tolist()
    assert len(expected) > 100
    assert sorted(found) == sorted(expected)


def test_around_a_mask_lies_a_pixel_that_is_not_in_it():
    """Between the two the border is interpolated on the original grid."""
    torch.manual_seed(0)
    model, box = Lacss(SMALL).eval(), (0, 0, 96, 128)
    with torch.inference_mode():
        maps = model(normalise(picture(96, 128))[None])
        proposals = propose(maps, Tile(box, box), 0.0, (96, 128), EASY)
        found = cut(model, maps, proposals, Tile(box, box), (96, 128))[0]
    sides = 0
    for (y0, x0, y1, x1), crop in zip(found.boxes.tolist(), found.crops, strict=True):
        free = np.array([y0 > 0, y1 < 96, x0 > 0, x1 < 128])
        rims = np.array([rim.max() for rim in (crop[0], crop[-1], crop[:, 0], crop[:, -1])])
        assert (rims[free] < INSIDE).all()
        sides += free.sum()
    assert sides > 10


def test_a_score_is_that_of_the_proposal_times_the_mean_probability_in_the_mask():
    found = predictor().find(InMemory(picture(96, 128)))
    means = np.array([crop[crop >= INSIDE].mean() / LEVELS for crop in found.crops])
    assert len(means) > 3
    assert (means < 0.99).all()
    np.testing.assert_allclose(found.scores, found.location_scores * means, rtol=1e-6)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(32, 160), st.integers(0, 96))
def test_every_pixel_belongs_to_one_core_inside_its_window(height, width, side, halo):
    owners = np.zeros((height, width), int)
    for tile in plan((height, width), side, halo):
        y0, x0, y1, x1 = tile.core
        owners[y0:y1, x0:x1] += 1
        a, b, c, d = tile.window
        assert a <= y0 < y1 <= c <= height
        assert b <= x0 < x1 <= d <= width
        assert a % 32 == b % 32 == 0
    assert (owners == 1).all()


@given(st.integers(33, 9000), st.integers(33, 9000))
def test_samples_of_a_large_image_lie_inside_and_have_one_size(height, width):
    windows = sample_windows((height, width), 600)
    assert len({(y1 - y0, x1 - x0) for y0, x0, y1, x1 in windows}) == 1
    assert all(0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width for y0, x0, y1, x1 in windows)
    assert sum((y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in windows) <= 9 * 512**2
    if height * width <= 600**2:
        assert windows == [(0, 0, height, width)]


# ---- norms ----------------------------------------------------------------------------------------------------------


def test_norms_frozen_on_an_image_are_its_own():
    torch.manual_seed(1)
    model = Lacss(SMALL).eval()
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    image = torch.randn(1, 1, 96, 128)
    with torch.inference_mode():
        expected = model(image)
        frozen, maps = freeze(model, image)
        assert torch.allclose(maps.features, expected.features, atol=1e-4)
        assert torch.allclose(frozen(image).scores, expected.scores, atol=1e-4)
        other = torch.randn(1, 1, 64, 64) * 5
        assert not torch.allclose(frozen(other).features, model(other).features, atol=0.1)
    assert any(isinstance(module, nn.GroupNorm) for module in model.modules())


def test_statistics_are_joint_over_windows():
    norm = FrozenNorm(nn.GroupNorm(2, 4))
    x = torch.randn(3, 4, 5, 6) * torch.tensor([1.0, 2, 3, 4])[:, None, None] + 1
    norm(x)
    for k, group in enumerate((x[:, :2], x[:, 2:])):
        assert norm.mean[2 * k] == pytest.approx(group.mean().item(), abs=1e-5)
        assert norm.variance[2 * k] == pytest.approx(group.var(correction=0).item(), rel=1e-4)


def test_channel_attention_is_frozen_too():
    attention = ChannelAttention(32)
    frozen, x = FrozenAttention(attention), torch.randn(1, 32, 8, 8)
    assert torch.allclose(frozen(x), attention(x), atol=1e-6)
    assert torch.allclose(frozen(2 * x), 2 * attention(x), atol=1e-5)


# ---- reading at the working scale -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(40, 90), st.integers(33, 120), st.integers(0, 30), st.integers(1, 30), st.booleans())
def test_any_part_is_resampled_as_the_whole_would_be(length, resized, first, more, across):
    shape = (length, 50) if not across else (50, length)
    size = (resized, 35) if not across else (35, resized)
    image = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    whole = F.interpolate(torch.from_numpy(image)[None], size=size, mode="bilinear", antialias=True)[0].numpy()
    rows, columns = (taps(n, m, first, min(first + more, m)) for n, m in zip(shape, size, strict=True))
    part = resample(image[:, rows.start : rows.stop, columns.start : columns.stop], rows, columns)
    assert part == pytest.approx(whole[:, first : first + more, first : first + more], abs=1e-5)


@pytest.mark.parametrize("shape", [(150, 170), (1201, 40)])
def test_the_range_read_in_bands_is_that_in_memory(shape):
    image = np.random.default_rng(1).gamma(2.0, 100, (2, *shape)).astype(np.float32)
    image[1] += np.linspace(0, 4000, shape[1], dtype=np.float32)
    banded, whole = measure_range(InMemory(image)), intensity_range(image)
    assert np.array_equal(banded.low, whole.low)
    assert np.array_equal(banded.high, whole.high)
    assert np.array_equal(banded.haze, whole.haze)
    assert (whole.haze is None) == (min(shape) < 128)


@pytest.mark.parametrize("light", [0, 3])
def test_a_window_at_the_working_scale_is_cut_from_the_normalised_image(light):
    image = picture(140, 150) + light * np.linspace(0, 1, 150, dtype=np.float32)
    source, size = InMemory(image), (98, 105)
    window = read_working(source, size, (10, 20, 50, 84), measure_range(source))
    assert window == pytest.approx(resize(normalise(image), size)[:, 10:50, 20:84].numpy(), abs=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_network_that_sees_no_cell_finds_none(scale):
    network = predictor(scale)
    torch.nn.init.zeros_(network.model.segmentor.prior)
    torch.nn.init.zeros_(network.model.segmentor.upscale.weight)
    torch.nn.init.constant_(network.model.segmentor.upscale.bias, -5.0)
    assert len(network(picture(90, 110, 0))) == 0
