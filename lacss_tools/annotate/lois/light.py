"""Haze, shadows and debris taken out of a nucleus image, once it is known how large and how bright its nuclei are.

What is normalised by percentiles hangs on them: one bright disc on a hundredth of the image, and all nuclei are dim.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from lacss_tools.arrays import Plane
from lacss_tools.cells import INSIDE, Cells

STEP = 1 / 3
"""the background is looked for in blocks of this many diameters, which fit into gaps between nuclei"""
WINDOW = 12.0
"""diameters; somewhere in a window of this side there is background, and it varies little within one"""
SMOOTH = 0.4
"""sigma of the smoothed background, in windows"""
FEWEST = 3
QUANTILE, HEADROOM = 0.75, 1.5
"""nuclei are as bright as this quantile of them, and nothing needs to be brighter than them by more than this factor"""


def even(dapi: Plane, diameter: float, found: Cells) -> Plane:
    """Return the image without its background, and no brighter than its nuclei, about `diameter` pixels across, are."""
    flat = dapi - background(dapi, diameter)
    inside: Plane = np.minimum(flat, np.float32(ceiling(flat, found)))
    return inside


def background(dapi: Plane, diameter: float) -> Plane:
    """Return the lowest mean of a block in the window around each pixel, smoothed."""
    step = max(1, round(STEP * diameter))
    plane = torch.from_numpy(dapi)[None, None]
    blocks = F.avg_pool2d(plane, step, ceil_mode=True, count_include_pad=False)
    side = round(WINDOW * diameter / step)
    lowest = ndimage.minimum_filter(blocks[0, 0].numpy(), side, mode="nearest")
    smooth = torch.from_numpy(ndimage.gaussian_filter(lowest, SMOOTH * side, mode="nearest"))
    size = (smooth.shape[0] * step, smooth.shape[1] * step)
    full: Plane = F.interpolate(smooth[None, None], size=size, mode="bilinear")[0, 0].numpy()
    return full[: dapi.shape[0], : dapi.shape[1]]


def ceiling(dapi: Plane, found: Cells) -> float:
    """Return the intensity above which there are hardly nuclei; infinite where too few were found to tell."""
    if len(found) < FEWEST:
        return np.inf
    means = [
        dapi[y0:y1, x0:x1][crop >= INSIDE].mean()
        for (y0, x0, y1, x1), crop in zip(found.boxes.tolist(), found.crops, strict=True)
    ]
    low = float(np.percentile(dapi[::2, ::2], 1))
    return low + HEADROOM * (float(np.quantile(means, QUANTILE)) - low)
