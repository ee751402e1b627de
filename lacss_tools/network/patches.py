"""Geometry of patches: which image pixel a patch pixel is, and how values travel between patches and the image.

A patch is a window of P x P pixels around a LOI, aligned to the fine map: its origin is a multiple of the fine stride,
so that fine cell j covers pixels 2j and 2j + 1. Windows may reach over the image edge; those pixels are not valid.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lacss_tools.network.backbone import FINE_STRIDE


@dataclass(frozen=True)
class Patches:
    """n windows of `size` x `size` pixels on a batch of images of `shape` (height, width)."""

    origins: Int64[Tensor, "n 2"]
    """(y, x) of the top-left pixel in the image; may be negative"""
    batch: Int64[Tensor, " n"]
    """which image of the batch"""
    shape: tuple[int, int]
    size: int

    def __len__(self) -> int:
        return len(self.origins)


def patches_around(
    lois: Float[Tensor, "n 2"], batch: Int64[Tensor, " n"], shape: tuple[int, int], size: int
) -> Patches:
    """Return the windows whose centre is as close to the LOI as the alignment to the fine map allows (1 px)."""
    corner = lois - (size - 1) / 2
    origins = (torch.round(corner / FINE_STRIDE) * FINE_STRIDE).long()
    return Patches(origins, batch, shape, size)


def relative_lines(patches: Patches, lois: Float[Tensor, "n 2"], step: int = 1) -> Float[Tensor, "n 2 p"]:
    """Return the centre of each row and column of each patch (or of `step` of them) relative to its LOI, in pixels."""
    line = torch.arange(0, patches.size, step, device=lois.device) + (step - 1) / 2
    return line + (patches.origins - lois)[:, :, None]


def pixel_index(patches: Patches, step: int = 1) -> tuple[Int64[Tensor, "n p p"], Bool[Tensor, "n p p"]]:
    """Return flat indices into (batch, y // step, x // step) and where they are valid; others are at the edge."""
    height, width = patches.shape[0] // step, patches.shape[1] // step
    line = torch.arange(patches.size // step, device=patches.origins.device)
    y = patches.origins[:, 0, None] // step + line
    x = patches.origins[:, 1, None] // step + line
    valid = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    return (patches.batch[:, None, None] * height + y[:, :, None]) * width + x[:, None, :], valid


def gather(canvas: Float[Tensor, "b y x"], index: Int64[Tensor, "n p p"]) -> Float[Tensor, "n p p"]:
    """Read the image values under each patch."""
    return canvas.reshape(-1).index_select(0, index.reshape(-1)).view(index.shape)


def scatter(
    values: Float[Tensor, "n p p"], index: Int64[Tensor, "n p p"], batch: int, shape: tuple[int, int]
) -> Float[Tensor, "b y x"]:
    """Sum the patch values on the image grid."""
    canvas = values.new_zeros(batch * shape[0] * shape[1])
    return canvas.index_add(0, index.reshape(-1), values.reshape(-1)).view(batch, *shape)
