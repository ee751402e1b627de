"""An image in memory as the network takes it: tensors at the working scale."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.arrays import Image
from lacss_tools.network.preprocess import BLACK, intensity_range, to_range


def normalise(image: Image) -> Float[Tensor, "channel y x"]:
    """Map each channel's `intensity_range` to 0 and 1, take the square root (dim cells stay visible), centre.

    Unchanged by any gain and offset of the camera. A constant channel becomes constant.
    """
    return torch.from_numpy(to_range(image, intensity_range(image)))


def resize(image: Float[Tensor, "channel y x"], size: tuple[int, int]) -> Float[Tensor, "channel y2 x2"]:
    """Resize with antialiasing."""
    if tuple(image.shape[1:]) == size:
        return image
    return F.interpolate(image[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


def pad(image: Float[Tensor, "b channel y x"], multiple: int) -> Float[Tensor, "b channel y2 x2"]:
    """Continue images in black at the bottom and right up to a multiple of `multiple` pixels."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % multiple, 0, -height % multiple), value=BLACK)


def to_working(points: Float[Tensor, "n 2"], shape: tuple[int, int], size: tuple[int, int]) -> Float[Tensor, "n 2"]:
    """Move (y, x) from an image of `shape` to its resized copy of `size`; pixel centres are at whole numbers."""
    factor = torch.tensor([size[0] / shape[0], size[1] / shape[1]], dtype=points.dtype)
    return (points + 0.5) * factor - 0.5
