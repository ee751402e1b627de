"""The nucleus diameter that is typical of a folder, from some of its images; needs no torch."""

from functools import partial
from pathlib import Path

import numpy as np

from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.errors import LacssError
from lacss_tools.io.native import read_plane
from lacss_tools.jobs import processes

IMAGES_TO_ESTIMATE = 12


def nucleus_diameter(dapi: list[Path], workers: int = 1, channel: str | None = None) -> float:
    """Return the nucleus diameter (pixels) as estimated from a dozen images spread over the folder.

    `workers` are processes, as in `batch.run`; `channel` is as in `files.read_image`.
    """
    planes = []
    for k in np.unique(np.linspace(0, len(dapi) - 1, min(len(dapi), IMAGES_TO_ESTIMATE)).astype(int)):
        try:
            planes.append(read_plane(dapi[k], channel))
        except LacssError:
            continue  # named when its turn comes
    return estimate_diameter(planes, partial(processes.in_order, workers=workers))
