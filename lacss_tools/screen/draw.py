"""Draw on images: contrast, contours, dots. Arrays in, 8-bit RGB out."""

import base64

import numpy as np
from jaxtyping import Int, UInt8

from lacss_tools.arrays import Image, Labels, Plane, Points
from lacss_tools.contrast import percentile_range
from lacss_tools.points import nearest_pixels

Colour = tuple[int, int, int]
# Okabe and Ito's colours, which colour-blind people tell apart
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
VERMILLION: Colour = (213, 94, 0)
PINK: Colour = (204, 121, 167)

GOLDEN = 0.381966
"""turn of the colour wheel between two labels: neighbours in number look unlike"""
TINT = 0.35
"""fraction of the colour inside a tinted cell"""

CONTRAST = (1.0, 99.7)
"""percentiles of a plane that are shown black and white"""
GAMMA = 0.6
"""exponent of what is shown"""

RGB = UInt8[np.ndarray, "_ _ 3"]


def stretch(plane: Plane, gamma: float = GAMMA) -> UInt8[np.ndarray, "y x"]:
    """Return the plane as 8 bit between its 1st and 99.7th percentile; gamma under 1 lifts dim cells."""
    scaled = np.clip(percentile_range(plane, CONTRAST).scale(plane.astype(np.float64)), 0, 1) ** gamma
    out: np.ndarray = np.round(255 * scaled).astype(np.uint8)
    return out


def background(image: Image | None, shape: tuple[int, ...]) -> RGB:
    """Return an image to draw on: up to three channels in colours, the mean of more; black of `shape` without one."""
    if image is None:
        return np.zeros((*shape, 3), dtype=np.uint8)
    # more than three channels cannot all be shown: their mean says most
    return to_rgb(image if len(image) <= 3 else image.mean(axis=0, keepdims=True))


def to_rgb(image: Image) -> RGB:
    """Return one channel as grey, or the first three as red, green and blue."""
    channels = [stretch(plane) for plane in image[:3]]
    if len(channels) == 2:
        channels.append(channels[0])
    return np.stack(channels * 3 if len(channels) == 1 else channels, axis=-1)


def draw_outlines(rgb: RGB, labels: Labels, colour: Colour, thick: bool = False) -> RGB:
    """Return a copy with the inner border pixels of every instance in `colour`; `thick` adds the outer ones."""
    from skimage.segmentation import find_boundaries

    out = rgb.copy()
    out[find_boundaries(labels, mode="thick" if thick else "inner")] = colour
    return out


def tint_cells(rgb: RGB, labels: Labels, numbers: Int[np.ndarray, " label"] | None = None) -> RGB:
    """Return a copy with every instance tinted and outlined in a bright colour of its own.

    Colours are a function of the label, or of `numbers[label]` where given, so that equal numbers look alike.
    """
    from skimage.color import hsv2rgb
    from skimage.segmentation import find_boundaries

    numbers = np.arange(labels.max() + 1) if numbers is None else numbers
    full = np.full(len(numbers), 1.0)
    colours = 255 * hsv2rgb(np.stack([numbers * GOLDEN % 1, 0.75 * full, full], axis=1))
    inside, edge = labels > 0, find_boundaries(labels, mode="inner")
    mixed = np.where(inside[..., None], (1 - TINT) * rgb + TINT * colours[labels], rgb)
    mixed[edge] = colours[labels[edge]]
    out: np.ndarray = np.round(mixed).astype(np.uint8)
    return out


def draw_points(rgb: RGB, points: Points, colour: Colour, radius: int = 2) -> RGB:
    """Return a copy with a filled disc of `radius` pixels at each (y, x)."""
    out = rgb.copy()
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    offsets = offsets[(offsets**2).sum(axis=1) <= radius**2 + 0.5]
    pixels = (nearest_pixels(points)[:, None] + offsets).reshape(-1, 2)
    inside = ((pixels >= 0) & (pixels < rgb.shape[:2])).all(axis=1)
    out[pixels[inside, 0], pixels[inside, 1]] = colour
    return out


def enlarge(rgb: RGB, factor: int) -> RGB:
    """Return the picture with every pixel repeated."""
    return np.repeat(np.repeat(rgb, factor, axis=0), factor, axis=1)


def shrink(rgb: RGB, step: int) -> RGB:
    """Return the means of blocks of step × step pixels; rows and columns that fill no block are left out."""
    h, w = rgb.shape[0] // step, rgb.shape[1] // step
    blocks = rgb[: h * step, : w * step].reshape(h, step, w, step, 3)
    means: np.ndarray = np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return means


def data_uri(pixels: UInt8[np.ndarray, "y x *rgb"], quality: int | None = None) -> str:
    """Return (y, x) or (y, x, 3) pixels for use in a page: as PNG, or as JPEG of `quality` (1 to 100), far smaller."""
    import imagecodecs

    pixels = np.ascontiguousarray(pixels)
    if quality is None:
        kind, data = "png", imagecodecs.png_encode(pixels, level=9)
    else:
        # full colour resolution, or thin outlines would be washed out
        kind, data = "jpeg", imagecodecs.jpeg_encode(pixels, level=quality, subsampling="444")
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()
