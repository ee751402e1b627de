"""What no method finds nuclei in: images in which they are darker than the background, or as bright as each other."""

import numpy as np

from lacss_tools.arrays import Plane

INVERTED, SATURATED = "inverted", "saturated"
STEP = 4
"""between the lines and pixels that tell percentiles"""
DARK = 2 / 3
"""of the way from the darkest to the brightest pixels (percentiles 0.5 and 99.5), the median of an inverted image lies
beyond; in clean images of five sets (docs/results.md) it is at 0.29 at most, and in their negatives at 0.71 at least"""
FLAT = 0.03
"""fraction of the pixels that have the highest value where nuclei run together; in clean images at most 0.01"""


def fault(dapi: Plane) -> str | None:
    """Return what is wrong with the exposure of a nucleus image: INVERTED, SATURATED or None."""
    low, middle, high = np.percentile(dapi[::STEP, ::STEP], (0.5, 50.0, 99.5))
    if middle - low > DARK * (high - low):
        return INVERTED
    return SATURATED if float((dapi >= dapi.max()).mean()) > FLAT else None
