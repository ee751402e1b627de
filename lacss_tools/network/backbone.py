"""Backbone: image -> a fine map (stride 2) for the segmentation FCN and a coarse map (stride 8) for the LPN.

A residual encoder with a feature pyramid (FPN). Two kinds of blocks: basic ones for the small presets, and the paper's
bottlenecks (`resnet50`: ResNet-50 with a stem of stride 1, 3/4/6/3 bottlenecks at strides 2/4/8/16 and channel
attention, FPN of 256 channels, 28.8 M parameters; Shrestha et al. 2022, Methods).

Norm: the paper's batch norm always used the statistics of the current image, in training and in use, so it acted as
instance norm, which `resnet50` has. The other presets have group norm (groups of 8 channels), which also sees one image
at a time but keeps the ratios between the channels of a group. Both work at any size of batch and of map, and need
nothing exchanged between processes.
"""

import itertools

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FINE_STRIDE = 2
COARSE_STRIDE = 8
DEEPEST_STRIDE = 32
"""working pixels per cell of the map for segmentation, of that for the LPN, and of the deepest one inside"""
BOTTLENECK_EXPANSION = 4
"""output channels per inner channel, as in ResNet-50"""
ATTENTION_REDUCTION = 16
"""channels per inner channel of the channel attention, as in squeeze-and-excitation"""


def norm(channels: int, group: int = 8) -> nn.GroupNorm:
    """Return group norm with groups of `group` channels; of one channel it is instance norm."""
    return nn.GroupNorm(channels // group, channels)


class Residual(nn.Module):
    """norm-ReLU-conv twice plus the input; the first convolution may have a stride."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, group: int = 8) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs, group), norm(outputs, group)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d y2 x2"]:
        """Return features of `outputs` channels at 1/stride of the size."""
        y = F.relu(self.norm1(x))
        shortcut = self.shortcut(y) if isinstance(self.shortcut, nn.Conv2d) else x
        out: Tensor = self.conv2(F.relu(self.norm2(self.conv1(y)))) + shortcut
        return out


class ChannelAttention(nn.Module):
    """Squeeze and excitation: each channel is scaled by what the means of all channels say (reduction 16)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // ATTENTION_REDUCTION, 1)
        self.excite = nn.Conv2d(channels // ATTENTION_REDUCTION, channels, 1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Return the map with its channels scaled by 0 to 1."""
        means = x.mean(dim=(2, 3), keepdim=True)
        out: Tensor = x * self.excite(F.relu(self.squeeze(means))).sigmoid()
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions, each followed by a norm, then channel attention, plus the input (ResNet-50)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, group: int = 8) -> None:
        super().__init__()
        inner = outputs // BOTTLENECK_EXPANSION
        self.conv1, self.norm1 = nn.Conv2d(inputs, inner, 1, bias=False), norm(inner, group)
        self.conv2, self.norm2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False), norm(inner, group)
        self.conv3, self.norm3 = nn.Conv2d(inner, outputs, 1, bias=False), norm(outputs, group)
        self.attention = ChannelAttention(outputs)
        same = inputs == outputs and stride == 1
        projection = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs, group))
        self.shortcut = nn.Identity() if same else nn.Sequential(*projection)
        nn.init.zeros_(self.norm3.weight)  # each block starts as the identity, so that 16 of them train

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d y2 x2"]:
        """Return features of `outputs` channels at 1/stride of the size."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.attention(self.norm3(self.conv3(y))) + self.shortcut(x))


BLOCKS: dict[str, type[Residual] | type[Bottleneck]] = {"basic": Residual, "bottleneck": Bottleneck}


def stem(channels: int, width: int, stride: int, group: int = 8) -> nn.Module:
    """Return the first layer: a 5x5 convolution of stride 2, or at stride 1 a 7x7 one with norm and ReLU (ResNet)."""
    if stride > 1:
        return nn.Conv2d(channels, width, 5, stride, 2)
    return nn.Sequential(nn.Conv2d(channels, width, 7, 1, 3, bias=False), norm(width, group), nn.ReLU())


class Backbone(nn.Module):
    """Residual encoder at strides 2, 4, 8, ... and a top-down pyramid back to stride 2.

    `widths` are the channels at the strides (5 of them down to stride 32, or 4 to stride 16), `blocks` the residual
    blocks at each, of the kind `block`; `pyramid` are the channels of the coarse map, `fine` those of the fine map;
    `stem_stride` is 2, or 1 to look at every pixel first (then the first stage halves the size); `group` is that of
    the norms.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        pyramid: int,
        fine: int,
        block: str = "basic",
        stem_stride: int = 2,
        group: int = 8,
    ) -> None:
        super().__init__()
        kind = BLOCKS[block]
        before = widths[0] if block == "basic" else widths[0] // BOTTLENECK_EXPANSION
        self.stem = stem(channels, before, stem_stride, group)
        stages = []
        for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            first = kind(before, width, FINE_STRIDE // stem_stride if level == 0 else 2, group)
            stages.append(nn.Sequential(first, *(kind(width, width, group=group) for _ in range(count - 1))))
            before = width
        self.stages = nn.ModuleList(stages)
        outputs = (fine, fine, *(pyramid for _ in widths[2:]))
        self.lateral = nn.ModuleList(nn.Conv2d(w, o, 1) for w, o in zip(widths, outputs, strict=True))
        paper = block == "bottleneck"  # whose pyramid has one width, and a 3x3 convolution at each merged level
        self.down = nn.ModuleList(
            nn.Identity() if paper else nn.Conv2d(o2, o, 1) for o, o2 in itertools.pairwise(outputs)
        )
        smooth = [nn.Conv2d(o, o, 3, padding=1) for o in (outputs[:-1] if paper else (pyramid,))]
        self.smooth = nn.ModuleList(smooth) if paper else smooth[0]

    def forward(
        self, image: Float[Tensor, "b channel y x"]
    ) -> tuple[Float[Tensor, "b fine y2 x2"], Float[Tensor, "b pyramid y8 x8"]]:
        """Return the fine map (stride 2) and the coarse map (stride 8); y and x must be multiples of 32."""
        x = self.stem(image)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        top = self.lateral[-1](maps[-1])
        coarse = top
        for level in range(len(maps) - 2, -1, -1):
            up = F.interpolate(self.down[level](top), scale_factor=2.0, mode="nearest")
            top = self.lateral[level](maps[level]) + up
            if isinstance(self.smooth, nn.ModuleList):
                top = F.relu(self.smooth[level](top))
            elif FINE_STRIDE * 2**level == COARSE_STRIDE:
                top = F.relu(self.smooth(F.relu(top)))
            if FINE_STRIDE * 2**level == COARSE_STRIDE:
                coarse = top
        return top, coarse
