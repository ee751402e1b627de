"""Cells that grow over the blocks of their patch, against the whole patch and a walk over it block by block."""

import pytest
import torch

from lacss_tools.cells import INSIDE
from lacss_tools.network import device
from lacss_tools.network.patches import patches_around
from lacss_tools.network.segmentor import Segmentor
from lacss_tools.predict.found import encode
from lacss_tools.predict.grow import EVEN, grow

LOIS = torch.tensor([[40.0, 50.0], [3.0, 60.0], [61.3, 90.7], [40.0, 51.0], [10.0, 10.0]])
FIELDS = torch.tensor([0, 0, 1, 1, 1])
SHAPE = (64, 96)
IMAGE = (0, 0, 60, 93)


def network(side, noise=20.0):
    torch.manual_seed(3)
    segmentor = Segmentor(8, 8, side, radius=12.0).eval()
    with torch.no_grad():
        segmentor.upscale.weight *= noise
    return segmentor, torch.randn(2, SHAPE[0] // 2, SHAPE[1] // 2, 8)


def whole(segmentor, features, patches):
    """Return the codes of all pixels of the patches, 0 beyond the image."""
    codes = encode(torch.sigmoid(segmentor.patch_logits(features, LOIS, patches)))
    for k, y, x in torch.cartesian_prod(*(torch.arange(n) for n in codes.shape)).tolist():
        at = (patches.origins[k] + torch.tensor([y, x])).tolist()
        if not (IMAGE[0] <= at[0] < IMAGE[2] and IMAGE[1] <= at[1] < IMAGE[3]):
            codes[k, y, x] = 0
    return codes


def walk(codes, side):
    """Return the codes of one patch, 0 in the blocks of 16 pixels that no walk over touched borders comes to."""
    count, half = -(-side // 16), side // 2
    ways = [(i, j) for i in range(count) for j in range(count)
            if min(16 * i + 16, 16 * j + 16) > half - 16 and max(16 * i, 16 * j) < half + 16]  # fmt: skip
    out = torch.zeros_like(codes)
    for i, j in ways:
        rows, columns = slice(16 * i, 16 * i + 16), slice(16 * j, 16 * j + 16)
        out[rows, columns] = block = codes[rows, columns]
        mask = block >= INSIDE
        for near, border in (((i - 1, j), mask[0]), ((i + 1, j), mask[-1]), ((i, j - 1), mask[:, 0]),
                             ((i, j + 1), mask[:, -1])):  # fmt: skip
            if border.any() and near not in ways and min(near) >= 0 and max(near) < count:
                ways.append(near)  # and is walked to later in this loop
    return out, len(ways)


@pytest.mark.parametrize("side", [96, 64, 40])
@torch.inference_mode()
def test_a_cell_has_the_blocks_that_it_reaches(side, monkeypatch):
    monkeypatch.setattr(device, "fast_bfloat16", lambda kind: False)
    segmentor, features = network(side)
    patches = patches_around(LOIS, FIELDS, SHAPE, side)
    codes, blocks = whole(segmentor, features, patches), []
    plain = segmentor.patch_logits
    segmentor.patch_logits = lambda *given: (blocks.append(len(given[2])), plain(*given))[1]
    walked = [walk(own, side) for own in codes]
    grown = grow(segmentor, features, LOIS, patches, IMAGE)
    # rounding may differ by one step where another number of blocks takes another kernel
    assert (grown.int() - torch.stack([own for own, _ in walked]).int()).abs().max() <= 1
    assert {count % EVEN for count in blocks} == {0}  # few sizes, for each of which oneDNN keeps code
    needed = sum(count for _, count in walked)
    assert needed <= sum(blocks) < needed + EVEN * len(blocks)
    assert (grown >= INSIDE).sum() > 1000
    if side == 96:
        assert 4 * len(LOIS) < needed < 36 * len(LOIS)


@torch.inference_mode()
def test_a_cell_within_the_middle_costs_four_blocks(monkeypatch):
    segmentor, features = network(96, noise=0.0)  # the prior alone: a disc of one radius, 12 pixels
    segmentor.upscale.bias.zero_()
    seen = []
    plain = segmentor.patch_logits
    monkeypatch.setattr(segmentor, "patch_logits", lambda *given: (seen.append(len(given[2])), plain(*given))[1])
    lois = torch.tensor([[30.0, 40.0]])
    lois = lois.expand(EVEN, -1)
    fields = FIELDS[:1].expand(EVEN)
    codes = grow(segmentor, features, lois, patches_around(lois, fields, SHAPE, 96), IMAGE)
    assert seen == [4 * EVEN]
    assert (codes == codes[0]).all()
    codes = codes[0]
    assert (codes >= INSIDE).sum() == sum(y * y + x * x < 144 for y in range(-12, 13) for x in range(-12, 13))
    none = patches_around(lois[:0], FIELDS[:0], SHAPE, 96)
    assert grow(segmentor, features, lois[:0], none, IMAGE).shape == (0, 96, 96)
