"""Are the cells of an image darker than its background? Answered with yes only when it is plain."""

import numpy as np

from lacss_tools.arrays import Image, Plane

SIDE = 256
"""pixels of the longer side at which the question is settled"""
SKEW = 3.0
"""the dark tail of the histogram must be this much longer than the bright one"""
COVERED = (0.04, 0.5)
"""smallest and largest fraction of the image that dark cells may cover"""
ROUND, ROUND_IF_FEW, FEW = 0.77, 0.82, 0.08
"""the dark regions must fill this fraction of their convex hulls; more when they cover little (under 8 %), as the last
gaps of a full image are too small to show that they are not round"""
REGION = 40
"""pixels of the thumbnail from which on a region has a shape"""
BORDER = (0.05, 1.5)
"""at most this fraction of the border may be dark, plus this many times the dark fraction of the whole image"""


def cells_are_dark(image: Image) -> bool:
    """Return whether the cells are darker than the background, from the average of the channels.

    All of this must hold, at the size of a thumbnail: the histogram has a long tail on the dark side (median to 0.5th
    percentile, against 99.5th percentile to median); the dark part of the image (Otsu) is a minority; it lies no more
    at the border than elsewhere; and its regions are blobs that fill their convex hulls. An image full of bright cells
    has a dark tail as well, but there the dark part is a net of gaps, whose regions are anything but convex.
    """
    from skimage.filters import threshold_otsu

    small = _thumbnail(image.mean(axis=0))
    low, middle, high = np.percentile(small, [0.5, 50, 99.5])
    if not middle - low > SKEW * (high - middle):
        return False
    dark = small < threshold_otsu(np.clip(small, low, high))
    covered = float(dark.mean())
    if not COVERED[0] <= covered <= COVERED[1]:
        return False
    rim = np.concatenate([dark[0], dark[-1], dark[1:-1, 0], dark[1:-1, -1]])
    needed = ROUND if covered >= FEW else ROUND_IF_FEW
    return float(rim.mean()) <= BORDER[0] + BORDER[1] * covered and _roundness(dark) >= needed


def _thumbnail(plane: Plane) -> np.ndarray:
    from scipy import ndimage

    block = -(-max(plane.shape) // SIDE)
    height, width = (max(1, size // block) for size in plane.shape)
    means = plane[: height * block, : width * block]
    if min(plane.shape) >= block:
        means = means.reshape(height, block, width, block).mean(axis=(1, 3))
    small: np.ndarray = ndimage.gaussian_filter(means, 1.0)
    return small


def _roundness(mask: np.ndarray) -> float:
    """Return the mean solidity (area over convex area) of the larger regions, weighted by area; 0 without any."""
    from skimage.measure import label, regionprops

    regions = [region for region in regionprops(label(mask, connectivity=1)) if region.area >= REGION]
    area = sum(region.area for region in regions)
    return float(sum(region.area * region.solidity for region in regions) / area) if area else 0.0
