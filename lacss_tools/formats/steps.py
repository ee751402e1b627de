"""Foreign annotation in, project folders out."""

from pathlib import Path

import numpy as np

from lacss_tools.batch import Job
from lacss_tools.errors import InputError
from lacss_tools.files import read_labels, write_labels, write_lois, write_mask
from lacss_tools.formats.weak import inner_points


def convert_labels(job: Job, lois: Path, masks: Path) -> None:
    """Write LOIs, mask and labels (job.output) of one label image; InputError when it holds no cell."""
    labels = read_labels(job.inputs[0])
    if not labels.any():
        raise InputError(f"{job.inputs[0]} holds no cell. Remove it, or check that it is the label image.")
    points = inner_points(labels)
    write_lois(lois / f"{job.stem}.csv", points, np.ones(len(points)))
    write_mask(masks / f"{job.stem}.tif", labels > 0)
    write_labels(job.output, labels)
