"""Cell counts of images, and which images are outliers."""

from collections.abc import Mapping

import numpy as np

DEVIATIONS = 3.0
"""an outlier is this many median absolute deviations (scaled to a standard deviation) from the median"""
MAD_TO_SIGMA = 1.4826
"""standard deviations per median absolute deviation, of a normal distribution"""
FEWEST = 8
"""images; with fewer there are no outliers"""
SHOWN = 10
"""outliers by name in the summary"""


def outliers(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the images whose number of cells is further from the median than chance explains, the furthest first.

    Further than 3 * max(1.4826 MAD, sqrt(median), 1) from it: where most images agree exactly, counting noise remains.
    """
    if len(counts) < FEWEST:
        return {}
    values = np.array(list(counts.values()), dtype=float)
    median = np.median(values)
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(values - median))), float(np.sqrt(median)), 1.0)
    unlike = {name: count for name, count in counts.items() if abs(count - median) > DEVIATIONS * spread}
    return dict(sorted(unlike.items(), key=lambda item: -abs(item[1] - median)))


def summary(counts: Mapping[str, int]) -> list[str]:
    """Return lines for people: cells in all, per image, and the outliers by name."""
    if not counts:
        return []
    values = np.array(list(counts.values()))
    low, median, high = (f"{value:g}" for value in (values.min(), np.median(values), values.max()))
    lines = [f"{values.sum()} cells in {len(values)} images, {median} in the median one ({low} to {high})"]
    if not values.any():
        lines.append("No cell at all: lower `min_score`, check `diameter` and `channel`, or train longer.")
    unlike = outliers(counts)
    if unlike:
        shown = ", ".join(f"{name} ({count})" for name, count in list(unlike.items())[:SHOWN])
        more = f" and {len(unlike) - SHOWN} more" if len(unlike) > SHOWN else ""
        lines.append(f"{len(unlike)} unlike the others, look at them: {shown}{more}")
    return lines
