"""What the page draws with: arrays in, one byte per pixel out (and small JPEG files for the strip of thumbnails)."""

import numpy as np
from jaxtyping import Float32, UInt8

from lacss_tools.arrays import Image, Mask, Masks
from lacss_tools.contrast import percentile_range
from lacss_tools.screen.draw import to_rgb

SIDE = 1600
"""longest side, in pixels, of what the page gets"""
THUMBNAIL = 128
"""longest side, in pixels, of an image in the overview"""
RANGE = (0.1, 99.95)
"""percentiles that become 0 and 255; the page stretches contrast within them"""
MAX_CANDIDATES = 24
"""of an image, sent as up to three bytes a pixel"""
MANY = 100_000
"""planes of more pixels take their percentiles from a quarter of them"""


def step_of(shape: tuple[int, ...], side: int = SIDE) -> int:
    """Return how many pixels of an image (y, x) become one of the page, along each axis."""
    height, width = shape[-2:]
    return min(-(-max(height, width) // side), height, width)


def levels(image: Image, step: int) -> UInt8[np.ndarray, "channel _ _"]:
    """Return the channels as bytes, the square root of the intensity, which keeps dim cells apart."""
    small = _shrink(image, step)
    out = np.zeros(small.shape, np.uint8)
    for k, plane in enumerate(small):
        usual = percentile_range(plane[::2, ::2] if plane.size > MANY else plane, RANGE)
        out[k] = np.round(255 * np.sqrt(np.clip(usual.scale(plane.astype(np.float64)), 0, 1)))
    return out


def bits(masks: Masks, step: int) -> UInt8[np.ndarray, "byte _ _"]:
    """Return the masks as bits: mask k (from 0) is bit k % 8 of byte k // 8 of each pixel."""
    out = np.zeros((-(-len(masks) // 8), *_cropped(masks[0], step).shape), np.uint8)
    for k, mask in enumerate(masks):
        out[k // 8] |= _cropped(mask, step).astype(np.uint8) << (k % 8)
    return out


def thumbnail(image: Image) -> bytes:
    """Return a small JPEG."""
    import imagecodecs

    small = to_rgb(_shrink(image, step_of(image.shape, THUMBNAIL)))
    return bytes(imagecodecs.jpeg_encode(np.ascontiguousarray(small), level=80))


def _shrink(image: Image, step: int) -> Float32[np.ndarray, "channel _ _"]:
    """Return means over squares of pixels; a rest at the far edges is cut."""
    channels, height, width = image.shape
    y, x = height // step, width // step
    blocks = image[:, : y * step, : x * step].reshape(channels, y, step, x, step)
    means: np.ndarray = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _cropped(mask: Mask, step: int) -> np.ndarray:
    """Return the pixel in the middle of each square."""
    height, width = mask.shape
    return mask[step // 2 : height // step * step : step, step // 2 : width // step * step : step]
