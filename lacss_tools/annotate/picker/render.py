"""Pictures for the picker: arrays in, PNG bytes out."""

import numpy as np

from lacss_tools.arrays import Image, Mask
from lacss_tools.draw import to_rgb

LINE = (255, 176, 0)


def picture(image: Image) -> bytes:
    """Return the contrast-stretched image as PNG."""
    return _png(to_rgb(image))


def outline(mask: Mask) -> bytes:
    """Return the border of the mask as a PNG that is transparent elsewhere, to lie over the picture."""
    from skimage.segmentation import find_boundaries

    rgba = np.zeros((*mask.shape, 4), dtype=np.uint8)
    rgba[find_boundaries(mask, mode="inner")] = (*LINE, 255)
    return _png(rgba)


def _png(pixels: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
