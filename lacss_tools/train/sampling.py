"""Reading squares that are turned, mirrored and resized out of images."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def sampling_grids(
    matrices: Float[Tensor, "b 2 2"], centres: Float[Tensor, "b 2"], extents: Float[Tensor, "b 2"], size: int
) -> Float[Tensor, "b size size 2"]:
    """Return where `grid_sample` reads squares of `size` pixels around the centres: (x, y), -1 to 1 in the image.

    The matrices lead from offsets in the square to offsets in the image. Their product is written out, since as a
    product of matrices a GPU would round it to ten bits.
    """
    line = torch.arange(size, device=matrices.device) - (size - 1) / 2
    y, x = line[:, None, None], line[:, None]
    down, right = matrices[:, None, None].flip(-2).unbind(-1)
    where = y * down + x * right + centres[:, None, None].flip(-1)
    return (where + 0.5) / extents[:, None, None].flip(-1) * 2 - 1


def sample(
    images: list[Float[Tensor, "channel _ _"]], grids: Float[Tensor, "b size size 2"], mode: str
) -> Float[Tensor, "b channel size size"]:
    """Read each image, of any size, at its grid; beyond its edges it is 0."""
    parts = [
        F.grid_sample(image[None], grid[None], mode=mode, align_corners=False)
        for image, grid in zip(images, grids, strict=True)
    ]
    return torch.cat(parts)
