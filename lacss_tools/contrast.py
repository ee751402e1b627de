"""Contrast by percentiles: two percentiles of an image become 0 and 1, so that gain and offset do not matter."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Range:
    """The intensities that become 0 and 1: one pair, or one pair per channel (channel, 1, 1)."""

    low: Float[np.ndarray, "*axes"]
    high: Float[np.ndarray, "*axes"]

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies between the two, as in a constant image."""
        return bool((self.high <= self.low).all())

    def scale(self, pixels: Float[np.ndarray, "*grid"], least: float = 1e-9) -> Float[np.ndarray, "*grid"]:
        """Map low to 0 and high to 1 linearly, in the precision of `pixels`; what lies beyond goes beyond 0 and 1.

        `least` is the smallest difference of the two that is divided by.
        """
        span = np.maximum(self.high - self.low, least)
        scaled: np.ndarray = pixels - self.low.astype(pixels.dtype)
        scaled /= span.astype(pixels.dtype)
        return scaled


def percentile_range(
    pixels: Float[np.ndarray, "*grid"], percentiles: tuple[float, float], axis: tuple[int, ...] | None = None
) -> Range:
    """Return two percentiles of all pixels, or along some axes, which are kept with length 1."""
    low, high = np.percentile(pixels, percentiles, axis=axis, keepdims=axis is not None)
    return Range(np.asarray(low), np.asarray(high))


def full_range(pixels: Float[np.ndarray, "*grid"]) -> Range:
    """Return the smallest and the largest intensity."""
    return Range(np.asarray(pixels.min()), np.asarray(pixels.max()))
