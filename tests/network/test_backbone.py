import pytest
import torch

from lacss_tools.network.backbone import ChannelAttention
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS, ModelSettings


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return Lacss(PRESETS["resnet50"])


def test_the_papers_backbone_has_28_8_million_parameters(paper):
    assert round(count(paper.backbone) / 1e6, 1) == 28.8
    # an independent sum: ResNet-50 without its classifier (23,508,032 with 3 input channels), attention, FPN
    attention = sum(
        2 * c * (c // 16) + c // 16 + c
        for c, n in zip((256, 512, 1024, 2048), (3, 4, 6, 3), strict=True)
        for _ in range(n)
    )
    pyramid = sum(256 * c + 256 for c in (256, 512, 1024, 2048)) + 3 * (256 * 256 * 9 + 256)
    assert count(paper.backbone) == 23_508_032 - 2 * 64 * 49 + attention + pyramid


def test_the_papers_backbone_halves_the_size_four_times(paper):
    sizes = []
    hooks = [
        stage.register_forward_hook(lambda *args: sizes.append(args[2].shape[-1])) for stage in paper.backbone.stages
    ]
    with torch.no_grad():
        fine, coarse = paper.backbone(torch.zeros(1, 1, 64, 64))
    for hook in hooks:
        hook.remove()
    assert sizes == [32, 16, 8, 4]
    assert fine.shape == (1, 256, 32, 32)
    assert coarse.shape == (1, 256, 8, 8)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels, tiny_preset):
    for block, widths in (("basic", (8,) * 5), ("bottleneck", (32, 32, 64, 64))):
        sizes = ModelSettings(
            channels=channels, widths=widths, blocks=(1,) * len(widths), pyramid=8, fine=8, patch_size=32, block=block,
            stem_stride=2 if block == "basic" else 1,
        )  # fmt: skip
        maps = Lacss(sizes)(torch.zeros(1, channels, 64, 64))
        assert maps.scores.shape == (1, 8, 8)
        assert maps.features.shape[:3] == (1, 32, 32)


def test_channel_attention_only_scales_channels():
    torch.manual_seed(0)
    x = torch.rand(2, 32, 5, 7) + 0.5
    factor = ChannelAttention(32)(x) / x
    assert (factor > 0).all()
    assert (factor < 1).all()
    torch.testing.assert_close(factor, factor[:, :, :1, :1].expand_as(factor))
