"""The nucleus diameter that is typical of a folder, from some of its images. Needs no torch."""

from functools import partial
from pathlib import Path

import numpy as np

from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.annotate.lois.settings import PIECES, LoiSettings
from lacss_tools.errors import LacssError
from lacss_tools.io.native import read_plane
from lacss_tools.jobs import processes

IMAGES_TO_ESTIMATE = 12
"""spread over the folder, from which the nucleus diameter is estimated"""


def nucleus_diameter(dapi: list[Path], settings: LoiSettings, workers: int = 1, channel: str | None = None) -> float:
    """Return the nucleus diameter (pixels) as given, or as estimated from a dozen images spread over the folder.

    `workers` are processes, as in `batch.run`; `channel` is as in `read_image`. The error of an image, where none of
    them can be read.
    """
    if settings.nucleus_diameter is not None:
        return settings.nucleus_diameter
    planes, failed = [], list[LacssError]()
    for k in spread(len(dapi)):
        try:
            planes.append(read_plane(dapi[k], channel))
        except LacssError as error:
            failed.append(error)  # named when its turn comes
    if failed and not planes:
        raise failed[0]
    return estimate_diameter(planes, partial(processes.in_order, workers=workers))


def look_for(dapi: list[Path], settings: LoiSettings, workers: int = 1, channel: str | None = None) -> float | None:
    """Return the diameter (pixels) that `find_lois` needs for a folder, None where its method needs none."""
    return nucleus_diameter(dapi, settings, workers, channel) if settings.rule == PIECES else settings.nucleus_diameter


def spread(count: int) -> list[int]:
    """Return which of `count` images tell the nucleus diameter: a dozen from the first to the last.

    >>> spread(3), spread(23)
    ([0, 1, 2], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22])
    """
    places = np.linspace(0, count - 1, min(count, IMAGES_TO_ESTIMATE))
    return sorted({int(place) for place in places})
