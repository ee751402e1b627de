"""Draw on images: contrast, contours, dots. Arrays in, 8-bit RGB out."""

import base64

import numpy as np
from jaxtyping import UInt8

from lacss_tools.arrays import Image, Labels, Plane, Points

Colour = tuple[int, int, int]
# Okabe and Ito's colours, which colour-blind people tell apart
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
VERMILLION: Colour = (213, 94, 0)
PINK: Colour = (204, 121, 167)

RGB = UInt8[np.ndarray, "_ _ 3"]


def stretch(plane: Plane, gamma: float = 0.6) -> UInt8[np.ndarray, "y x"]:
    """Return the plane as 8 bit between its 1st and 99.7th percentile; gamma under 1 lifts dim cells."""
    low, high = np.percentile(plane, [1, 99.7])
    scaled = np.clip((plane - low) / max(high - low, 1e-9), 0, 1) ** gamma
    out: np.ndarray = np.round(255 * scaled).astype(np.uint8)
    return out


def to_rgb(image: Image) -> RGB:
    """Return one channel as grey, or the first three as red, green and blue."""
    channels = [stretch(plane) for plane in image[:3]]
    if len(channels) == 2:
        channels.append(channels[0])
    return np.stack(channels * 3 if len(channels) == 1 else channels, axis=-1)


def draw_outlines(rgb: RGB, labels: Labels, colour: Colour) -> RGB:
    """Return a copy with the inner border pixels of every instance in `colour`."""
    from skimage.segmentation import find_boundaries

    out = rgb.copy()
    out[find_boundaries(labels, mode="inner")] = colour
    return out


def draw_points(rgb: RGB, points: Points, colour: Colour, radius: int = 2) -> RGB:
    """Return a copy with a filled disc of `radius` pixels at each (y, x)."""
    out = rgb.copy()
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    offsets = offsets[(offsets**2).sum(axis=1) <= radius**2 + 0.5]
    pixels = (np.rint(points).astype(int)[:, None] + offsets).reshape(-1, 2)
    inside = ((pixels >= 0) & (pixels < rgb.shape[:2])).all(axis=1)
    out[pixels[inside, 0], pixels[inside, 1]] = colour
    return out


def enlarge(rgb: RGB, factor: int) -> RGB:
    """Return the picture with every pixel repeated."""
    return np.repeat(np.repeat(rgb, factor, axis=0), factor, axis=1)


def data_uri(pixels: np.ndarray) -> str:
    """Return (y, x) or (y, x, 3) uint8 pixels as a PNG that can stand in a page."""
    import imagecodecs

    png = imagecodecs.png_encode(np.ascontiguousarray(pixels), level=9)
    return "data:image/png;base64," + base64.b64encode(png).decode()
