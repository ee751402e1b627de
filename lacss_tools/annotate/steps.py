"""Project in, LOI tables and candidate files out; one function per image, run by `batch`."""

from pathlib import Path

import numpy as np

from lacss_tools.annotate.candidates import make_candidates
from lacss_tools.annotate.lois import estimate_diameter, find_lois
from lacss_tools.annotate.settings import CutSettings, LoiSettings
from lacss_tools.batch import Job
from lacss_tools.errors import InputError, LacssError
from lacss_tools.files import read_image, read_plane, write_candidates, write_lois

IMAGES_TO_ESTIMATE = 12


def nucleus_diameter(dapi: list[Path], settings: LoiSettings) -> float:
    """Return the nucleus diameter (pixels) as given, or as estimated from a dozen images spread over the folder."""
    if settings.nucleus_diameter is not None:
        return settings.nucleus_diameter
    planes = []
    for k in np.unique(np.linspace(0, len(dapi) - 1, min(len(dapi), IMAGES_TO_ESTIMATE)).astype(int)):
        try:
            planes.append(read_plane(dapi[k]))
        except LacssError:
            continue  # named when its turn comes
    return estimate_diameter(planes)


def find_lois_of_file(job: Job, settings: LoiSettings, diameter: float) -> None:
    """Write the LOIs of one DAPI image (job.inputs[0]); InputError when the image is constant."""
    dapi = read_plane(job.inputs[0])
    _refuse_constant(job.inputs[0], dapi)
    points, response = find_lois(dapi, settings, diameter)
    write_lois(job.output, points, response)


def cut_file(job: Job, settings: CutSettings) -> None:
    """Write the candidates of one image (job.inputs[0]); InputError when the image is constant."""
    image = read_image(job.inputs[0])
    _refuse_constant(job.inputs[0], image)
    masks, thresholds = make_candidates(image, settings)
    write_candidates(job.output, masks, thresholds)


def _refuse_constant(path: Path, pixels: np.ndarray) -> None:
    if pixels.min() == pixels.max():
        raise InputError(f"{path} is {pixels.flat[0]:g} everywhere. Remove it or export it again.")
