"""DAPI images in, LOI tables and nucleus labels out; one function per image, run by `jobs.batch`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.annotate.lois.find import find_lois, on_background
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.arrays import Mask, Plane
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_mask, read_plane, refuse_constant, write_labels, write_lois
from lacss_tools.jobs.batch import Job


@dataclass(frozen=True)
class Wanted:
    """What is done with each image."""

    settings: LoiSettings
    diameter: float | None = None
    """of a typical nucleus in pixels; None where the network finds it out"""
    outside: str = "drop"
    """LOIs on the background of the masks are left out; "flag" marks them in a column instead"""
    channel: str | None = None
    lois: Path | None = None
    """folder of the LOI tables where the job writes nucleus labels too"""
    overwrite: bool = False
    """whether a table that is there already, perhaps corrected by hand, is written again beside the labels"""


def find_lois_of_file(job: Job, wanted: Wanted) -> None:
    """Write the LOIs of one DAPI image (job.inputs[0]); InputError when the image is constant.

    With a mask (job.inputs[1]) those on background are left out or marked.
    """
    dapi = read_plane(job.inputs[0], wanted.channel)
    refuse_constant(job.inputs[0], dapi)
    mask = _read_mask(job, dapi)
    points, response = find_lois(dapi, wanted.settings, wanted.diameter)
    _write(job.output, points, response, mask, wanted.outside)


def find_nuclei_of_file(job: Job, wanted: Wanted) -> None:
    """Write nucleus labels (job.output) and LOIs of one DAPI image, by the network; errors as `find_lois_of_file`.

    Nucleus k is that of row k of the LOI table, as long as that is not changed.
    """
    from lacss_tools.annotate.lois.network import find_nuclei

    dapi = read_plane(job.inputs[0], wanted.channel)
    refuse_constant(job.inputs[0], dapi)
    mask = _read_mask(job, dapi)
    found = find_nuclei(dapi, wanted.settings, wanted.diameter)
    if mask is not None and wanted.outside == "drop":
        found = found.select(~on_background(found.points, mask))
    table = (wanted.lois or job.output.parent) / f"{job.stem}.csv"
    if wanted.overwrite or not table.exists():
        _write(table, found.points, found.scores, mask, wanted.outside)
    write_labels(job.output, found.labels)


def _read_mask(job: Job, dapi: Plane) -> Mask | None:
    if len(job.inputs) == 1:
        return None
    mask = read_mask(job.inputs[1])
    if mask.shape != dapi.shape:
        raise InputError(f"{job.inputs[1]} is {mask.shape} pixels and {job.inputs[0]} {dapi.shape}. Give its own mask.")
    return mask


def _write(path: Path, points: np.ndarray, response: np.ndarray, mask: Mask | None, outside: str) -> None:
    if mask is None:
        write_lois(path, points, response)
        return
    background = on_background(points, mask)
    if outside == "flag":
        write_lois(path, points, response, background)
    else:
        write_lois(path, points[~background], response[~background])
