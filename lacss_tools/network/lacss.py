"""The whole network: backbone -> LPN on the coarse map -> segmentation FCN on the fine map; auxnet in training only."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.network.auxnet import Auxnet
from lacss_tools.network.backbone import Backbone
from lacss_tools.network.lpn import LPN
from lacss_tools.network.scoring import Scoring
from lacss_tools.network.segmentor import Segmentor
from lacss_tools.network.settings import ModelSettings


@dataclass(frozen=True)
class Maps:
    """What one pass over a batch of images gives; everything per cell is cheap after it."""

    features: Float[Tensor, "b y2 x2 d"]
    scores: Float[Tensor, "b y8 x8"]
    offsets: Float[Tensor, "b y8 x8 2"]


class Lacss(nn.Module):
    """The LACSS network (Shrestha, Kuang, Yu 2022) of the sizes in `settings`, for images of `channels` channels."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.scoring = Scoring()
        """what the score of a cell is; trained weights bring their own"""
        s = settings
        self.backbone = Backbone(s.channels, s.widths, s.blocks, s.pyramid, s.fine, s.block, s.stem_stride, s.group)
        self.lpn = LPN(s.pyramid, s.lpn or s.pyramid)
        self.segmentor = Segmentor(s.fine, s.head or s.fine, s.patch_size, s.cell_diameter / 2, s.group)
        self.auxnet = Auxnet(s.channels) if s.auxnet else None
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Float[Tensor, "b channel y x"]) -> Maps:
        """Return the maps of a batch whose height and width are multiples of 32."""
        fine, coarse = self.backbone(image.contiguous(memory_format=torch.channels_last))
        scores, offsets = self.lpn(coarse)
        return Maps(self.segmentor(fine), scores, offsets)
