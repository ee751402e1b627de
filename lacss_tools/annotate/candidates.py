"""From an image to its candidate masks: normalised intensity, centre, spread of thresholds, cut."""

import numpy as np

from lacss_tools.annotate.graphcut import cut
from lacss_tools.annotate.settings import CutSettings
from lacss_tools.arrays import Image, Masks, Plane

LOG_RANGE = 100.0
"""intensities from 1 to 1/100 of the brightest are told apart by the log"""


def make_candidates(image: Image, settings: CutSettings) -> tuple[Masks, list[float]]:
    """Return masks (loosest first) and their thresholds on `log_intensity`.

    Several channels are averaged after normalisation. Relative thresholds are multiples of Otsu's threshold.
    """
    q: Plane = np.stack([log_intensity(channel) for channel in image]).mean(axis=0, dtype=np.float32)
    thresholds = [float(t) for t in settings.thresholds]
    if settings.relative:
        centre = automatic_centre(q)
        thresholds = [float(np.clip(t * centre, 0.001, 0.999)) for t in thresholds]
    return cut(q, thresholds, settings.smoothness, settings.neighbours), thresholds


def log_intensity(channel: Plane) -> Plane:
    """Map background to 0 and the brightest pixels to 1 on a log scale: ln(1 + 100 n) / ln 101.

    n runs from 0 at the background (the 2nd percentile) to 1 at the 99.8th percentile. A constant channel becomes 0.
    """
    low, high = np.percentile(channel, [2, 99.8])
    if high <= low:
        return np.zeros_like(channel)
    n = np.clip((channel - np.float32(low)) / np.float32(high - low), 0, 1)
    level: Plane = np.log1p(LOG_RANGE * n) / np.float32(np.log1p(LOG_RANGE))
    return level


def automatic_centre(q: Plane) -> float:
    """Return Otsu's threshold of the normalised log intensity."""
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(q)) if q.max() > q.min() else 0.5
