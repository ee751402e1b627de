"""What no method finds nuclei in: images in which they are darker than the background, or as bright as each other."""

import numpy as np

from lacss_tools.arrays import Plane

INVERTED, SATURATED = "inverted", "saturated"
STEP = 4
"""between the lines and pixels that tell percentiles"""
BACKGROUND, DARK = 40.0, 2 / 3
"""percentile that is background unless nuclei cover most of the image; of an inverted image it lies beyond this
fraction of the way from the darkest to the brightest pixels (percentiles 0.5 and 99.5): in none of the clean images of
five sets (docs/results.md), where it is at 0.5 at most, and in 0.994 of their negatives"""
FLAT = 0.03
"""fraction of the pixels that have the highest value where nuclei run together; in clean images at most 0.01"""


def fault(dapi: Plane) -> str | None:
    """Return what is wrong with the exposure of a nucleus image: INVERTED, SATURATED or None, as of a constant one."""
    low, background, high = np.percentile(dapi[::STEP, ::STEP], (0.5, BACKGROUND, 99.5))
    if background - low > DARK * (high - low):
        return INVERTED
    return SATURATED if dapi.min() < dapi.max() and float((dapi >= dapi.max()).mean()) > FLAT else None
