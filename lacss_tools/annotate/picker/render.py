"""Pictures for the picker: arrays in, PNG bytes out."""

import numpy as np
from jaxtyping import Float32

from lacss_tools.arrays import Image, Mask
from lacss_tools.draw import to_rgb

LINE = (255, 176, 0)
SIDES = {"large": 1600, "small": 480}
"""longest side, in pixels, of the pictures for the large view and for the row of candidates"""
SIDE_PER_LINE_WIDTH = {"large": 500, "small": 250}
"""a picture this long gets an outline of one pixel, so that lines look alike in both views"""


def picture(image: Image, size: str) -> bytes:
    """Return the contrast-stretched image as PNG, shrunk to the longest side of `size` (large or small)."""
    return _png(to_rgb(_shrink(image, SIDES[size])))


def outline(mask: Mask, size: str) -> bytes:
    """Return the border of the mask, inside the cells, as a PNG that is transparent elsewhere; as large as `picture`.

    The edge of the image is no border: a cell that it cuts stays open there.
    """
    from scipy.ndimage import binary_erosion

    small = _shrink(mask[None].astype(np.float32), SIDES[size])[0] >= 0.5
    width = max(1, round(max(small.shape) / SIDE_PER_LINE_WIDTH[size]))
    inside = binary_erosion(small, np.ones((3, 3)), iterations=width, border_value=1)
    rgba = np.zeros((*small.shape, 4), dtype=np.uint8)
    rgba[small & ~inside] = (*LINE, 255)
    return _png(rgba)


def _shrink(image: Image, side: int) -> Float32[np.ndarray, "channel _ _"]:
    """Return means over squares of pixels, as large as needed to stay within `side`; a rest at the far edges is cut."""
    channels, height, width = image.shape
    step = min(-(-max(height, width) // side), height, width)
    y, x = height // step, width // step
    blocks = image[:, : y * step, : x * step].reshape(channels, y, step, x, step)
    means: np.ndarray = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _png(pixels: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
