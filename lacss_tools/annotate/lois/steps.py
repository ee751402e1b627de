"""DAPI images in, LOI tables out; one function per image, run by `jobs.batch`."""

from functools import partial
from pathlib import Path

import numpy as np

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_mask, read_plane, refuse_constant
from lacss_tools.jobs import processes
from lacss_tools.jobs.batch import Job
from lacss_tools.points import values_at

IMAGES_TO_ESTIMATE = 12
"""spread over the folder, from which the nucleus diameter is estimated"""


def nucleus_diameter(dapi: list[Path], settings: LoiSettings, workers: int = 1, channel: str | None = None) -> float:
    """Return the nucleus diameter (pixels) as given, or as estimated from a dozen images spread over the folder.

    `workers` are processes, as in `batch.run`; `channel` is as in `files.read_image`.
    """
    if settings.nucleus_diameter is not None:
        return settings.nucleus_diameter
    planes = []
    for k in spread(len(dapi)):
        try:
            planes.append(read_plane(dapi[k], channel))
        except LacssError:
            continue  # named when its turn comes
    return estimate_diameter(planes, partial(processes.in_order, workers=workers))


def spread(count: int) -> list[int]:
    """Return which of `count` images tell the nucleus diameter: a dozen from the first to the last.

    >>> spread(3), spread(23)
    ([0, 1, 2], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22])
    """
    places = np.linspace(0, count - 1, min(count, IMAGES_TO_ESTIMATE))
    return sorted({int(place) for place in places})


def find_lois_of_file(
    job: Job, settings: LoiSettings, diameter: float, outside: str = "drop", channel: str | None = None
) -> None:
    """Write the LOIs of one DAPI image (job.inputs[0]); InputError when the image is constant.

    With a mask (job.inputs[1]) the LOIs on background are left out, or marked in a column when `outside` is "flag".
    """
    dapi = read_plane(job.inputs[0], channel)
    refuse_constant(job.inputs[0], dapi)
    points, response = find_lois(dapi, settings, diameter)
    if len(job.inputs) == 1:
        write_lois(job.output, points, response)
        return
    mask = read_mask(job.inputs[1])
    if mask.shape != dapi.shape:
        raise InputError(f"{job.inputs[1]} is {mask.shape} pixels and {job.inputs[0]} {dapi.shape}. Give its own mask.")
    background = ~values_at(mask, points)
    if outside == "flag":
        write_lois(job.output, points, response, background)
    else:
        write_lois(job.output, points[~background], response[~background])
