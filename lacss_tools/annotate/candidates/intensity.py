"""The normalised intensity q in 0..1 on which thresholds are set, and its automatic centre."""

import math
from typing import Any

import numpy as np

from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.arrays import Image, Plane
from lacss_tools.contrast import Range, bounded_high, percentile_range, without_haze

BACKGROUND, BRIGHT = 2.0, 99.8
"""percentiles of a channel that become 0 and 1"""
STRENGTHS = tuple(float(2.0 ** (k / 2)) for k in range(15))
"""log strengths to choose from, from nearly linear (1) to telling 1/128 of the brightest from 0"""
NEARLY = 0.99
"""of strengths that part the classes nearly equally well, the largest: dim cells are lost more than halos gained"""
BINS = 4096
"""of the histogram of intensities in which strengths are compared"""
SAMPLE = 2_000_000
"""statistics of larger images use this many pixels or a few more, evenly spread"""


def normalise(image: Image, settings: CutSettings, full_scale: float | None = None) -> Plane:
    """Return q (y, x), cells bright: log or linear intensity, or as Fiji's plugin has it; channels are averaged.

    `full_scale` is needed by `settings.fiji_compat` alone: 2**bits of the file, None for floating point. A `dark`
    polarity turns the intensities round first.
    """
    dark = settings.polarity == "dark"
    if settings.fiji_compat:
        q = type_intensity(image.mean(axis=0), full_scale)
        return 1 - q if dark else q
    total = np.zeros(image.shape[1:], np.float32)
    for channel in image:
        n = relative_intensity(-channel if dark else channel)
        total += n if settings.intensity == "linear" else log_intensity(n, settings.log_strength)
    total /= len(image)
    return total


def relative_intensity(channel: Plane) -> Plane:
    """Return n, linear from 0 at the background (2nd percentile) to 1 at the 99.8th percentile, clipped.

    Something bright does not move the 1 (`bounded_high`), and light that rises across the channel is taken off. A
    channel without that range becomes 0. Gain and offset of the camera do not matter.
    """
    step = max(1, math.isqrt(channel.size // SAMPLE))
    channel = without_haze(channel, step)
    between = percentile_range(_sample(channel), (BACKGROUND, BRIGHT))
    if between.is_empty:
        return np.zeros_like(channel)
    high = bounded_high(channel[::step, ::step], float(between.low), float(between.high))
    n: Plane = Range(between.low, np.asarray(high)).scale(channel, least=0.0)
    return np.clip(n, 0, 1, out=n)


def log_intensity(n: Plane, strength: float | None = None) -> Plane:
    """Return ln(1 + R n) / ln(1 + R) of the relative intensity n; R is `strength`, or `log_strength` of the image.

    Cells of one image differ tenfold in brightness; the log brings them together and still keeps 0 and 1.
    """
    r = np.float32(log_strength(n) if strength is None else strength)
    q = np.log1p(r * n)
    q /= np.log1p(r)
    return q


def log_strength(n: Plane) -> float:
    """Return the R of `STRENGTHS` at which the log intensity falls into two classes most clearly.

    Clearly: the two classes at Otsu's threshold explain a large fraction of the variance. From the strongest log
    downwards that fraction rises to a maximum; the strongest R with 0.99 of it is taken. (A second maximum further
    down, of an image with dim and bright cells, parts these from those.) One fixed R suits one kind of file: camera
    values need about 100, the same picture stored as square root in 8 bits about 20.
    """
    count, edges = np.histogram(_sample(n), BINS, (0, 1))
    centres = (edges[1:] + edges[:-1]) / 2
    parts = [_explained(count, np.log1p(r * centres) / np.log1p(r)) for r in STRENGTHS]
    peak = len(parts) - 1
    while peak > 0 and parts[peak - 1] > parts[peak]:
        peak -= 1
    return max(r for r, part in zip(STRENGTHS[peak:], parts[peak:], strict=True) if part >= NEARLY * parts[peak])


def _explained(count: np.ndarray, value: np.ndarray) -> float:
    """Return the largest fraction of the variance that a split of the histogram into two classes explains, 0 to 1."""
    weight = count / count.sum()
    mean = (weight * value).sum()
    below, moment = np.cumsum(weight)[:-1], np.cumsum(weight * value)[:-1]
    two = (below > 0) & (below < 1 - 1e-12)
    between = (mean * below - moment)[two] ** 2 / (below * (1 - below))[two]
    variance = (weight * (value - mean) ** 2).sum()
    return float(between.max() / variance) if between.size and variance > 0 else 0.0


def type_intensity(channel: Plane, full_scale: float | None) -> Plane:
    """Return the intensity over `full_scale`, 2**bits of the file's type; over its own maximum when that is None.

    So does Fiji's Graph_Cut: 12-bit values in a 16-bit file never exceed 1/16. Negative values become 0.
    """
    top = float(channel.max()) if full_scale is None else full_scale
    return np.clip(channel / np.float32(top), 0, 1) if top > 0 else np.zeros_like(channel)


def automatic_centre(q: Plane, method: str = "otsu") -> float:
    """Return the threshold of q by Otsu, Li (`li`) or the triangle rule (`triangle`); 0.5 when q is constant."""
    from skimage import filters

    rule: Any = getattr(filters, f"threshold_{method}")
    sample = _sample(q)
    return float(rule(sample)) if sample.max() > sample.min() else 0.5


def _sample(plane: np.ndarray) -> np.ndarray:
    step = max(1, plane.size // SAMPLE)
    return plane.ravel()[::step]
