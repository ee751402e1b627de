"""Haze, shadows, glare and debris taken out of a nucleus image, once it is known how large and bright its nuclei are.

What is normalised by percentiles hangs on them: one bright disc on a hundredth of the image, and all nuclei are dim.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from lacss_tools.annotate.lois.optics import FEWEST, QUANTILE, STEP, WINDOW, Blocks
from lacss_tools.arrays import Plane

SMOOTH = 0.4
"""sigma of the smoothed background, in windows"""
HEADROOM = 1.5
"""nothing needs to be brighter than nuclei by more than this factor"""
GLARE = 3.0
"""diameters; what stays brighter than nuclei may be all over a square of this side is light that lies on them"""
Brightness = Callable[[Plane], Float[np.ndarray, " nucleus"]]
"""how bright the nuclei that were found are in an image of the same pixels"""


def even(dapi: Plane, diameter: float, brightness: Brightness) -> Plane:
    """Return the image without its background, and no brighter than its nuclei, about `diameter` pixels across, are."""
    flat = dapi - background(dapi, diameter)
    most = ceiling(flat, brightness(flat))
    inside: Plane = np.minimum(flat - glare(flat, diameter, most), np.float32(most))
    return inside


def background(dapi: Plane, diameter: float) -> Plane:
    """Return the lowest mean of a block in the window around each pixel, smoothed."""
    step, blocks = _blocks(dapi, diameter)
    side = min(round(WINDOW * diameter / step), 2 * max(blocks.shape))
    lowest = ndimage.minimum_filter(blocks, side, mode="nearest")
    return _enlarged(ndimage.gaussian_filter(lowest, SMOOTH * side, mode="nearest"), step, dapi)


def glare(dapi: Plane, diameter: float, most: float) -> Plane:
    """Return what is brighter than `most` all over a square of GLARE diameters, and 0 elsewhere."""
    step, blocks = _blocks(dapi, diameter)
    wide = ndimage.grey_opening(blocks, max(1, round(GLARE * diameter / step)), mode="nearest")
    if wide.max() <= most:
        return np.zeros_like(dapi)
    return _enlarged(np.where(wide > most, wide, np.float32(0)), step, dapi)


def _blocks(dapi: Plane, diameter: float) -> tuple[int, Blocks]:
    """Return the side of blocks in pixels, and the means of the image over them."""
    step = min(max(1, round(STEP * diameter)), *dapi.shape)
    means = F.avg_pool2d(torch.from_numpy(dapi)[None, None], step, ceil_mode=True, count_include_pad=False)
    return step, means[0, 0].numpy()


def _enlarged(blocks: Blocks, step: int, dapi: Plane) -> Plane:
    """Return values of blocks as an image as large as `dapi`, interpolated."""
    size = (blocks.shape[0] * step, blocks.shape[1] * step)
    full: Tensor = F.interpolate(torch.from_numpy(blocks)[None, None], size=size, mode="bilinear")
    return full[0, 0].numpy()[: dapi.shape[0], : dapi.shape[1]]


def ceiling(dapi: Plane, brightness: Float[np.ndarray, " nucleus"]) -> float:
    """Return the intensity above which there are hardly nuclei; infinite where too few were found to tell."""
    if len(brightness) < FEWEST:
        return np.inf
    low = float(np.percentile(dapi[::2, ::2], 1))
    return low + HEADROOM * (float(np.quantile(brightness, QUANTILE)) - low)
