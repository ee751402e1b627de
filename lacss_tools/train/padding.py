"""Batches filled up with LOIs that count for nothing, so that what is done per cell has few shapes.

A GPU takes work of a known shape in one launch (`recorded`). LOIs that fill up lie above all images: no pixel of their
patches is valid, so they are 0 in every loss and its gradient, and no coarse cell is near them.
"""

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from lacss_tools.train.crops import Loci

FINEST = 64
"""numbers of LOIs are rounded up to multiples of it, or of a quarter of the power of two below them"""
ABOVE = -(2.0**13)
"""y of the LOIs that fill up, beyond any patch of an image"""
NOBODY = -1.0
"""the label of their cells"""

L = TypeVar("L", bound=Loci)


def padded_count(count: int) -> int:
    """Return how many LOIs a batch of `count` is filled up to; 0 stays 0.

    >>> [padded_count(count) for count in (0, 1, 64, 65, 300, 1025)]
    [0, 64, 64, 128, 320, 1280]
    """
    if count == 0:
        return 0
    step = max(FINEST, 1 << max(0, count.bit_length() - 3))
    return -(-count // step) * step


def pad_lois(loci: L, images: int, crop: int) -> L:
    """Return the LOIs of a batch of `images` squares of `crop` pixels, filled up to `padded_count`.

    Those that fill up are spread along the upper edge of all images, since additions to one pixel wait for each other.
    """
    more = torch.arange(padded_count(len(loci.lois)) - len(loci.lois))
    places = torch.stack([torch.full(more.shape, ABOVE), ((more * crop) / max(len(more), 1))], dim=1)
    return replace(
        loci,
        lois=torch.cat([loci.lois, places]),
        batch=torch.cat([loci.batch, more % images]),
        own=_extended(loci.own, len(more), NOBODY),
        outlined=_extended(loci.outlined, len(more), 0.0),
    )


def _extended(values: Tensor, more: int, value: float) -> Tensor:
    return torch.cat([values, values.new_full((more,), value)])
