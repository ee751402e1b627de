"""What misleads filters that are normalised by percentiles: hot pixels, uneven light, something bright.

An image that shows none of it is calm and stays as it is; `light` evens others. Needs no torch.
"""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from lacss_tools.arrays import Plane, Points
from lacss_tools.contrast import without_haze
from lacss_tools.points import clipped_pixels, values_at

Blocks = Float32[np.ndarray, "rows columns"]
STEP = 1 / 3
"""the background is looked for in blocks of this many diameters, which fit into gaps between nuclei"""
WINDOW = 12.0
"""diameters; somewhere in a window of this side there is background, and it varies little within one"""
FEWEST, QUANTILE = 3, 0.75
"""nuclei that it takes to tell how bright they are, and the quantile of them that tells it"""
UNEVEN, BRIGHT = 0.3, 3.0
"""in contrasts of nuclei: as much as the background of a calm image may rise, and as bright as almost all of it is;
in clean images of three sets (docs/results.md) these were at most 0.2 and 2.95"""
SOME = 90.0
"""percentile of the image at which there are nuclei, in most images"""


def mended(dapi: Plane) -> Plane:
    """Return the image without light that rises across it (`without_haze`), and without hot pixels.

    Hot are single pixels that are brighter than the median of their neighbourhood, which takes their place, by more
    than the contrast of the image (percentiles 1 to 99).
    """
    dapi = without_haze(dapi)
    low, high = np.percentile(dapi[::2, ::2], (1, 99)).astype(np.float32)
    rows, columns = np.nonzero(dapi > high + (high - low))
    if not len(rows):
        return dapi
    framed = np.pad(dapi, 1, mode="edge")
    around = np.median([framed[rows + i, columns + j] for i in range(3) for j in range(3)], axis=0)
    hot = dapi[rows, columns] - around > high - low
    out = dapi.copy()
    out[rows[hot], columns[hot]] = around[hot]
    return out


def is_calm(dapi: Plane, diameter: float, centres: Points | None = None) -> bool:
    """Return whether the background hardly rises, and hardly anything is brighter than the nuclei at `centres`.

    Without these, nuclei are taken to cover some of the image: what few of them are in is not calm.
    """
    step = min(max(1, round(STEP * diameter)), *dapi.shape)
    blocks = average(dapi, step)
    low = ndimage.minimum_filter(blocks, min(round(WINDOW * diameter / step), 2 * max(blocks.shape)), mode="nearest")
    many, brightest = np.percentile(blocks - low, (SOME, 99.8)).tolist()
    contrast = many
    if centres is not None:
        nuclei = values_at(dapi, centres) - low[tuple(clipped_pixels(centres / step, low.shape).T)]
        contrast = float(np.quantile(nuclei, QUANTILE))
    return bool(np.ptp(low) <= UNEVEN * contrast and brightest <= BRIGHT * contrast)


def average(image: Plane, step: int) -> Blocks:
    """Return the means of blocks of step × step pixels; the last row and column repeat to fill a block."""
    if step == 1:
        return image
    padded = np.pad(image, [(0, -n % step) for n in image.shape], mode="edge")
    shifts = [padded[i::step, j::step] for i in range(step) for j in range(step)]
    means: np.ndarray = sum(shifts[1:], shifts[0].astype(np.float32)) / np.float32(step**2)
    return means
