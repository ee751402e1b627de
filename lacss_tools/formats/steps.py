"""Foreign annotation in, project folders out."""

from pathlib import Path

import numpy as np

from lacss_tools.batch import Job
from lacss_tools.errors import InputError
from lacss_tools.files import read_labels, write_labels, write_lois, write_mask
from lacss_tools.formats.weak import inner_points
from lacss_tools.project import Project, list_images


def conversion_jobs(folder: Path, home: Project) -> list[Job]:
    """Return one job per label image of `folder`; its output is the first of the field's files that is missing.

    Labels that lie in the project already are left where they are.
    """
    if folder.resolve() in (home.lois.resolve(), home.masks.resolve()):
        raise InputError(f"{folder} is where LOIs or masks are written. Put the label images elsewhere.")
    in_place = folder.resolve() == home.labels.resolve()
    jobs = []
    for stem, path in list_images(folder).items():
        outputs = outputs_of(stem, home)[: 2 if in_place else 3]
        missing = [output for output in outputs if not output.exists()]
        jobs.append(Job(stem, (path,), missing[0] if missing else outputs[0]))
    return jobs


def outputs_of(stem: str, home: Project) -> tuple[Path, Path, Path]:
    """Return the files of one field: LOIs, mask and labels."""
    return home.lois / f"{stem}.csv", home.masks / f"{stem}.tif", home.labels / f"{stem}.tif"


def convert_labels(job: Job, home: Project, overwrite: bool = False) -> None:
    """Write LOIs, mask and labels of one label image into the project, those that are missing or all of them.

    What exists may have been corrected by hand. Raises InputError when the image holds no cell.
    """
    labels = read_labels(job.inputs[0])
    if not labels.any():
        raise InputError(f"{job.inputs[0]} holds no cell. Remove it, or check that it is the label image.")
    lois_file, mask_file, labels_file = outputs_of(job.stem, home)
    if overwrite or not lois_file.exists():
        points = inner_points(labels)
        write_lois(lois_file, points, np.ones(len(points)))
    if overwrite or not mask_file.exists():
        write_mask(mask_file, labels > 0)
    in_place = job.inputs[0].parent.resolve() == home.labels.resolve()
    if not in_place and (overwrite or not labels_file.exists()):
        write_labels(labels_file, labels)
