"""Backbone: image -> a fine map (stride 2) for the segmentation FCN and a coarse map (stride 8) for the LPN.

A small residual encoder with a feature pyramid in place of the paper's ResNet-50 + FPN (Shrestha et al. 2022, Methods);
group norm stands for the paper's batch norm, which always used the statistics of the current image.
"""

import itertools

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FINE_STRIDE = 2
COARSE_STRIDE = 8
DEEPEST_STRIDE = 32


def norm(channels: int) -> nn.GroupNorm:
    """Return group norm with groups of 8 channels."""
    return nn.GroupNorm(channels // 8, channels)


class Residual(nn.Module):
    """norm-ReLU-conv twice plus the input; the first convolution may have a stride."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
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


class Backbone(nn.Module):
    """Residual encoder at strides 2, 4, ..., 32 and a top-down pyramid back to stride 2.

    `widths` are the channels at the five strides, `blocks` the residual blocks at each, `pyramid` the channels of the
    coarse map, `fine` those of the fine map.
    """

    def __init__(
        self, channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], pyramid: int, fine: int
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, widths[0], 5, FINE_STRIDE, 2)
        stages = []
        for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            first = Residual(widths[max(level - 1, 0)], width, stride=1 if level == 0 else 2)
            stages.append(nn.Sequential(first, *(Residual(width, width) for _ in range(count - 1))))
        self.stages = nn.ModuleList(stages)
        outputs = (fine, fine, *(pyramid for _ in widths[2:]))
        self.lateral = nn.ModuleList(nn.Conv2d(w, o, 1) for w, o in zip(widths, outputs, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(o2, o, 1) for o, o2 in itertools.pairwise(outputs))
        self.smooth = nn.Conv2d(pyramid, pyramid, 3, padding=1)

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
            if FINE_STRIDE * 2**level == COARSE_STRIDE:
                top = F.relu(self.smooth(F.relu(top)))
                coarse = top
        return top, coarse
