"""Pseudo-labels: a seeded watershed that makes a first guess of the cells from the weak labels alone."""

import numpy as np

from lacss_tools.arrays import Labels, Mask, Plane, Points
from lacss_tools.points import clipped_pixels

SIGMA = 1.5
"""smoothing of the intensity, working pixels"""
SEED_RADIUS = 6.0
"""seeds are discs of this radius, about a nucleus: many stains leave the nucleus dark, and a one-pixel seed in a dark
hollow is cut off by its neighbour's flood before it can grow"""
DISTANCE_WEIGHT = 0.01
"""height per pixel of distance to the nearest LOI, so that where intensity says nothing the nearer LOI wins"""


def watershed_labels(image: Plane, mask: Mask, lois: Points) -> Labels:
    """Flood inverted smoothed intensity plus distance from the LOIs inside the mask; cell of LOI k becomes k + 1.

    `image` is normalised (`preprocess.normalise`) and at the working scale. Parts of the mask without a LOI stay 0.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    seeds = np.zeros(mask.shape, dtype=np.int32)
    if len(lois) == 0:
        return seeds
    at = clipped_pixels(lois, mask.shape)
    seeds[at[:, 0], at[:, 1]] = np.arange(1, len(lois) + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    discs = np.where(distance <= SEED_RADIUS, seeds[nearest[0], nearest[1]], 0)
    landscape = DISTANCE_WEIGHT * distance - ndimage.gaussian_filter(image, SIGMA)
    labels: Labels = watershed(landscape, discs, mask=mask)
    return labels
