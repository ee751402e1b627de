"""Names for the arrays that the package passes around. (y, x) order, origin at the centre of the top-left pixel."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer

Image = Float32[np.ndarray, "channel y x"]
"""Intensities of one image, any range, all finite."""

Plane = Float32[np.ndarray, "y x"]
"""One channel of an image, or a map over it."""

Mask = Bool[np.ndarray, "y x"]
"""True where there are cells."""

Masks = Bool[np.ndarray, "n y x"]
"""A stack of masks: candidates (loosest first) or overlapping cells."""

Labels = Integer[np.ndarray, "y x"]
"""Instances numbered from 1; 0 is background."""

MAX_LABEL = 2**31 - 1
"""their largest number: labels are int32 in memory"""

Points = Float[np.ndarray, "point 2"]
"""(y, x) positions in pixels."""
