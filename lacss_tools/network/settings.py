"""Sizes of the network, with their defaults; plain dataclasses, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """Sizes of the network; lengths are pixels at the working scale."""

    channels: int = 1
    """of the images, with that of the nuclei"""
    nuclei: int | None = None
    """which of them (the last) is that of the nuclei, which may be blank; None: the network knows no nuclei"""
    widths: tuple[int, ...] = (32, 48, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 2, 2, 2, 2)
    pyramid: int = 64
    fine: int = 32
    patch_size: int = 96
    cell_diameter: float = 30.0
    """of a typical cell at the working scale, to which images are resized"""
    auxnet: bool = True
    block: str = "basic"
    """basic: two 3x3 convolutions; bottleneck: 1x1, 3x3, 1x1 and channel attention, as in ResNet-50"""
    stem_stride: int = 2
    head: int | None = None
    """channels of the segmentation FCN; None: as the fine map"""
    lpn: int | None = None
    """channels inside the LPN; None: as the coarse map"""
    group: int = 8
    """channels that share the statistics of a norm; 1: instance norm"""


PRESETS: dict[str, ModelSettings] = {
    "small": ModelSettings(),
    "fine": ModelSettings(patch_size=128, cell_diameter=40.0),
    "base": ModelSettings(widths=(48, 96, 144, 192, 256), blocks=(1, 2, 3, 3, 3), pyramid=96, fine=48),
    "resnet50": ModelSettings(
        widths=(256, 512, 1024, 2048), blocks=(3, 4, 6, 3), pyramid=256, fine=256,
        block="bottleneck", stem_stride=1, head=64, lpn=1024, group=1,
    ),
}  # fmt: skip
