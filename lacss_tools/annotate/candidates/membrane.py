"""Stains of the cell membrane: bright outlines around dark insides become bright areas."""

import numpy as np

from lacss_tools.arrays import Plane

NOISE = 1.0
"""sigma, in pixels, of the smoothing before; the local maximum of raw pixels would be that of their noise"""
FLAT = 2**-0.5
"""square half-side over diamond radius of a regular octagon"""


def fill_outlines(channel: Plane, diameter: float) -> Plane:
    """Raise dark places that a disc of `diameter` pixels does not fit into, to the lowest rim that surrounds them.

    A grey closing: the local maximum over the disc, then the local minimum of that. Insides of outlined cells fill;
    background wider than the disc stays as it is. Nothing becomes darker. The disc is an octagon, which a square and
    steps to the four neighbours build up; that costs time in proportion to the diameter, not to its square.
    """
    from scipy import ndimage

    radius = max(1, round(diameter / 2))
    steps = round(radius / (1 + FLAT))
    smooth = ndimage.gaussian_filter(channel, NOISE, mode="nearest")
    # mirrored, so that a cell cut by the image border is closed by its own mirror image
    wide = np.pad(smooth, 2 * radius, mode="symmetric")
    closed = -_spread(-_spread(wide, radius - steps, steps), radius - steps, steps)
    filled: Plane = np.maximum(channel, closed[2 * radius : -2 * radius, 2 * radius : -2 * radius])
    return filled


def _spread(plane: np.ndarray, half: int, steps: int) -> np.ndarray:
    """Return the maximum over an octagon: a square of 2 half + 1 pixels, then `steps` times the four neighbours."""
    from scipy import ndimage

    out: np.ndarray = ndimage.maximum_filter(plane, 2 * half + 1, mode="nearest")
    for _ in range(steps):
        wider = out.copy()
        np.maximum(wider[1:], out[:-1], out=wider[1:])
        np.maximum(wider[:-1], out[1:], out=wider[:-1])
        np.maximum(wider[:, 1:], out[:, :-1], out=wider[:, 1:])
        np.maximum(wider[:, :-1], out[:, 1:], out=wider[:, :-1])
        out = wider
    return out
