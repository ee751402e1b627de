"""Project in, LOI tables and candidate files out; one function per image, run by `batch`."""

from functools import partial
from pathlib import Path

import numpy as np

from lacss_tools.annotate.candidates import find_candidates
from lacss_tools.annotate.lois import find_lois, on_background
from lacss_tools.annotate.nuclei import estimate_diameter
from lacss_tools.annotate.settings import CutSettings, LoiSettings
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.native import (
    CutNotes,
    read_cut_notes,
    read_full_scale,
    read_image,
    read_mask,
    read_plane,
    write_candidates,
    write_lois,
)
from lacss_tools.io.project import stem_of
from lacss_tools.jobs import processes
from lacss_tools.jobs.batch import Job

IMAGES_TO_ESTIMATE = 12
REMARKS = 10
"""stems named in a remark"""


def nucleus_diameter(dapi: list[Path], settings: LoiSettings, workers: int = 1, channel: str | None = None) -> float:
    """Return the nucleus diameter (pixels) as given, or as estimated from a dozen images spread over the folder.

    `workers` are processes, as in `batch.run`; `channel` is as in `files.read_image`.
    """
    if settings.nucleus_diameter is not None:
        return settings.nucleus_diameter
    planes = []
    for k in np.unique(np.linspace(0, len(dapi) - 1, min(len(dapi), IMAGES_TO_ESTIMATE)).astype(int)):
        try:
            planes.append(read_plane(dapi[k], channel))
        except LacssError:
            continue  # named when its turn comes
    return estimate_diameter(planes, partial(processes.in_order, workers=workers))


def find_lois_of_file(
    job: Job, settings: LoiSettings, diameter: float, outside: str = "drop", channel: str | None = None
) -> None:
    """Write the LOIs of one DAPI image (job.inputs[0]); InputError when the image is constant.

    With a mask (job.inputs[1]) the LOIs on background are left out, or marked in a column when `outside` is "flag".
    """
    dapi = read_plane(job.inputs[0], channel)
    _refuse_constant(job.inputs[0], dapi)
    points, response = find_lois(dapi, settings, diameter)
    if len(job.inputs) == 1:
        write_lois(job.output, points, response)
        return
    mask = read_mask(job.inputs[1])
    if mask.shape != dapi.shape:
        raise InputError(f"{job.inputs[1]} is {mask.shape} pixels and {job.inputs[0]} {dapi.shape}. Give its own mask.")
    background = on_background(points, mask)
    if outside == "flag":
        write_lois(job.output, points, response, background)
    else:
        write_lois(job.output, points[~background], response[~background])


def cut_file(job: Job, settings: CutSettings, channel: str | None = None) -> None:
    """Write the candidates of one image (job.inputs[0]), or of one of its channels; InputError when it is constant.

    With `settings.fiji_compat` the image must have one channel, as there the channels cannot be averaged.
    """
    path = job.inputs[0]
    image = read_plane(path, channel)[None] if settings.fiji_compat else read_image(path, channel)
    _refuse_constant(path, image)
    found = find_candidates(image, settings, read_full_scale(path) if settings.fiji_compat else None)
    write_candidates(job.output, found.masks, found.thresholds, CutNotes(found.dark, found.seam, settings.to_text()))


def cut_remarks(candidates: list[Path]) -> list[str]:
    """Return sentences about cut files: which images were inverted, and the worst seam between tiles."""
    notes = {stem_of(path): read_cut_notes(path) for path in candidates}
    dark = sorted(stem for stem, note in notes.items() if note.dark)
    seams = {stem: note.seam for stem, note in notes.items() if note.seam is not None}
    lines = []
    if dark:
        shown = ", ".join(dark[:REMARKS]) + (f" and {len(dark) - REMARKS} more" if len(dark) > REMARKS else "")
        lines.append(f"{len(dark)} inverted, cells darker than background (else give --polarity bright): {shown}")
    if seams:
        worst = max(seams, key=lambda stem: seams[stem])
        differ = f"{100 * seams[worst]:.4f} % of the overlap differs between tiles"
        lines.append(f"{len(seams)} cut in tiles; at worst {differ} ({worst})")
    return lines


def _refuse_constant(path: Path, pixels: np.ndarray) -> None:
    if pixels.min() == pixels.max():
        raise InputError(f"{path} is {pixels.flat[0]:g} everywhere. Remove it or export it again.")
