"""Pseudo-labels: a seeded watershed that makes a first guess of the cells from the weak labels alone."""

import numpy as np

from lacss_tools.arrays import Labels, Mask, Plane, Points


def watershed_labels(image: Plane, mask: Mask, lois: Points, sigma: float) -> Labels:
    """Flood the smoothed inverted intensity from the LOIs inside the mask; cell of LOI k becomes k + 1.

    `sigma` is the Gaussian smoothing in pixels. Parts of the mask without a LOI stay 0.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    markers = np.zeros(mask.shape, dtype=np.int32)
    at = np.clip(np.round(lois).astype(int), 0, np.array(mask.shape) - 1)
    markers[at[:, 0], at[:, 1]] = np.arange(1, len(lois) + 1)
    labels: Labels = watershed(-ndimage.gaussian_filter(image, sigma), markers, mask=mask)
    return labels
