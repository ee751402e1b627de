"""From instance labels to weak annotation: one point inside each cell, and the cell area."""

import numpy as np

from lacss_tools.arrays import Labels, Points
from lacss_tools.cells import cells_from_labels


def inner_points(labels: Labels) -> Points:
    """Return for each instance, ordered by label, the (y, x) of the pixel nearest to its centroid: always inside it.

    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> y, x = inner_points(ring)[0].astype(int)
    >>> int(ring[y, x])
    1
    """
    cells = cells_from_labels(labels)
    points = np.zeros((len(cells), 2))
    for k in range(len(cells)):
        pixels = np.argwhere(cells.mask(k)) + cells.boxes[k, :2]
        points[k] = pixels[((pixels - cells.locations[k]) ** 2).sum(axis=1).argmin()]
    return points
