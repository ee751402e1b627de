"""Cells that a crop shows without their LOI: each is to be found where it is seen.

At the edge of an image cells are cut off, and their nuclei often lie outside; a person outlines them all the same. At
the edge of a crop it is known to which cell such a piece belongs, so crops teach what images never show.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

SAMPLES = 32
"""pixels of each cell that tell what of it a crop shows"""


def sample_pixels(
    labels: Float[np.ndarray, "y x"], wanted: Float[np.ndarray, " n"], samples: int = SAMPLES
) -> Float[np.ndarray, "n sample 2"]:
    """Return the (y, x) of pixels of each label that is `wanted`, evenly spaced in the order of rows; NaN for none.

    >>> sample_pixels(np.array([[0.0, 2.0, 2.0], [0.0, 2.0, 2.0]]), np.array([2.0]), samples=2).tolist()
    [[[0.0, 2.0], [1.0, 2.0]]]
    """
    order = np.argsort(labels, axis=None, kind="stable")
    by_label = labels.ravel()[order]
    first, last = (np.searchsorted(by_label, wanted, side) for side in ("left", "right"))
    ranks = first[:, None] + ((last - first)[:, None] * (np.arange(samples) + 0.5) / samples).astype(np.int64)
    there = last > first
    pixels = order[np.where(there[:, None], ranks, 0)]
    where = np.stack(np.divmod(pixels, labels.shape[1]), axis=2).astype(np.float32)
    where[~there] = np.nan
    return where


def places_in_view(
    samples: Float[Tensor, "n sample 2"], size: int, least: float
) -> tuple[Bool[Tensor, " n"], Float[Tensor, "m 2"]]:
    """Return which cells have at least the fraction `least` of their sampled pixels in a crop, and a place in each.

    `samples` are in pixels of the crop, a square of `size`. The place is the pixel nearest to the middle of those in
    view.
    """
    inside = ((samples >= 0) & (samples <= size - 1)).all(dim=2)
    shown = inside.any(dim=1) & (inside.float().mean(dim=1) >= least)
    samples, inside = samples[shown], inside[shown][..., None]
    middles = torch.where(inside, samples, 0).sum(dim=1, keepdim=True) / inside.sum(dim=1, keepdim=True)
    far = torch.where(inside, (samples - middles).square(), torch.inf).sum(dim=2)
    return shown, samples[torch.arange(len(samples)), far.argmin(dim=1)]
