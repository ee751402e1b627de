"""Points on a pixel grid: which pixel a point lies in, whether that is in the image, what an image holds there."""

import numpy as np
from jaxtyping import Bool, Int, Shaped

from lacss_tools.arrays import Points


def nearest_pixels(points: Points) -> Int[np.ndarray, "point 2"]:
    """Return (y, x) of the pixel whose centre is nearest; of a point half-way between two, the even one.

    >>> nearest_pixels(np.array([[0.4, 1.6]])).tolist()
    [[0, 2]]
    """
    pixels: np.ndarray = np.rint(points).astype(int)
    return pixels


def inside_image(points: Points, shape: tuple[int, ...]) -> Bool[np.ndarray, " point"]:
    """Return which points have their nearest pixel in an image of `shape` (height, width).

    >>> inside_image(np.array([[-0.4, 3.4], [0.0, 3.6]]), (4, 4)).tolist()
    [True, False]
    """
    inside: np.ndarray = np.equal(nearest_pixels(points), clipped_pixels(points, shape)).all(axis=1)
    return inside


def clipped_pixels(points: Points, shape: tuple[int, ...]) -> Int[np.ndarray, "point 2"]:
    """Return the nearest pixel of an image of `shape` (height, width), also for points outside it."""
    pixels: np.ndarray = np.clip(nearest_pixels(points), 0, np.array(shape) - 1)
    return pixels


def values_at(plane: Shaped[np.ndarray, "y x"], points: Points) -> Shaped[np.ndarray, " point"]:
    """Return what a mask, label image or plane holds at each point; one outside the image counts by its nearest pixel.

    >>> values_at(np.array([[False, True]]), np.array([[0.0, 0.9], [0.0, -5.0]])).tolist()
    [True, False]
    """
    y, x = clipped_pixels(points, plane.shape).T
    values: np.ndarray = plane[y, x]
    return values
