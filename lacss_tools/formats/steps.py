"""Foreign annotation in, project folders or other formats out."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Labels, Mask, Points
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.formats.lacss_json import LacssImage, is_lacss_json, read_lacss_json, read_upright_mask
from lacss_tools.formats.names import pending
from lacss_tools.formats.outputs import Segmented, write_outputs
from lacss_tools.formats.sources import Segmentations
from lacss_tools.formats.weak import distinct, flatten, inner_points, inner_points_of
from lacss_tools.io.image import channels_first, load, whole_image
from lacss_tools.io.lois import read_lois, write_lois
from lacss_tools.io.native import atomic, read_labels, write_labels, write_mask
from lacss_tools.io.project import Project, list_images
from lacss_tools.jobs.batch import Job

AS_LABELS = ("label images", "Cellpose masks")


@dataclass(frozen=True)
class Outputs:
    """The files of one image: LOIs, mask and labels."""

    lois: Path
    mask: Path
    labels: Path


def outputs_of(stem: str, home: Project) -> Outputs:
    """Return where the files of one image go."""
    return Outputs(home.lois / f"{stem}.csv", home.masks / f"{stem}.tif", home.labels / f"{stem}.tif")


# ---- outlined cells to a project ------------------------------------------------------------------------------------


def conversion_jobs(source: Segmentations, home: Project) -> list[Job]:
    """Return one job per image of the source; its output is the first of the image's files that is missing.

    Labels that lie in the project already are left where they are.
    """
    if source.path.resolve() in (home.lois.resolve(), home.masks.resolve()):
        raise InputError(f"{source.path} is where LOIs or masks are written. Put the label images elsewhere.")
    in_place = source.path.resolve() == home.labels.resolve()
    jobs = []
    for stem, path in source.files.items():
        files = outputs_of(stem, home)
        outputs = [files.lois, files.mask] + ([] if in_place else [files.labels])
        missing = [output for output in outputs if not output.exists()]
        jobs.append(Job(stem, (path,), missing[0] if missing else outputs[0]))
    return jobs


def image_files(folder: Path, required: bool) -> dict[str, Path]:
    """Return stem -> image; nothing when the folder is not there and not required."""
    return list_images(folder) if required or folder.is_dir() else {}


def convert_image(
    job: Job, source: Segmentations, images: dict[str, Path], home: Project, overwrite: bool = False
) -> None:
    """Write LOIs, mask and labels of one image into the project, those that are missing or all of them.

    What exists may have been corrected by hand. Raises InputError when the image holds no cell.
    """
    points, mask, labels = _weak(source, job.stem, images)
    if not mask.any():
        raise InputError(f"{job.inputs[0]} holds no cell ({job.stem}). Remove it, or check that it holds the cells.")
    files = outputs_of(job.stem, home)
    if overwrite or not files.lois.exists():
        write_lois(files.lois, points, np.ones(len(points)))
    if overwrite or not files.mask.exists():
        write_mask(files.mask, mask)
    in_place = job.inputs[0].parent.resolve() == home.labels.resolve()
    if not in_place and (overwrite or not files.labels.exists()):
        write_labels(files.labels, labels)


def _weak(source: Segmentations, stem: str, images: dict[str, Path]) -> tuple[Points, Mask, Labels]:
    if source.kind in AS_LABELS:  # their numbers are kept
        labels = read_labels(source.files[stem])
        return inner_points(labels), labels > 0, labels
    cells = distinct(read_cells(source, stem, images))
    labels = flatten(cells)
    return inner_points_of(cells), labels > 0, labels


def read_cells(source: Segmentations, stem: str, images: dict[str, Path]) -> Cells:
    """Return the cells of one image, with the size of its image where the format needs it."""
    shape = None
    if source.needs_shape and stem in images:
        _, height, width = channels_first(images[stem], load(images[stem])).shape
        shape = (height, width)
    return source.cells(stem, shape)


def dropped_duplicates(source: Segmentations, home: Project) -> int:
    """Return how many outlines of a COCO file did not become a cell of their own, counted from the LOIs written."""
    if source.coco is None:
        return 0
    written = {stem: outputs_of(stem, home).lois for stem in source.files}
    return sum(
        len(source.coco.annotations[stem]) - len(read_lois(path)[0]) for stem, path in written.items() if path.exists()
    )


# ---- the authors' train.json to a project ---------------------------------------------------------------------------


def lacss_images(path: Path) -> dict[str, LacssImage] | None:
    """Return the images of a train.json of the paper's authors, None when `path` is something else."""
    if not path.is_file() or path.suffix.lower() != ".json":
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the reader of COCO says what is wrong
    return read_lacss_json(path) if is_lacss_json(data) else None


def lacss_jobs(entries: dict[str, LacssImage], home: Project) -> list[Job]:
    """Return one job per image: its file, its mask, and the first of its outputs that is missing."""
    jobs = []
    for stem, entry in entries.items():
        outputs = [home.lois / f"{stem}.csv", home.masks / f"{stem}.tif", home.images / entry.image.name]
        jobs.append(Job(stem, (entry.image, entry.mask), next((o for o in outputs if not o.exists()), outputs[0])))
    return jobs


def inverted_masks(entries: dict[str, LacssImage]) -> list[str]:
    """Return the stems whose mask file is white on background; files that cannot be read are left to the conversion."""
    stems = []
    for stem, entry in entries.items():
        try:
            if read_upright_mask(entry)[1]:
                stems.append(stem)
        except InputError:
            continue
    return stems


def convert_lacss_image(job: Job, entries: dict[str, LacssImage], home: Project, overwrite: bool = False) -> None:
    """Write LOIs and upright mask of one image into the project and copy its image there."""
    entry = entries[job.stem]
    mask, _ = read_upright_mask(entry)
    shape = channels_first(entry.image, load(entry.image)).shape[1:]
    if shape != mask.shape:
        raise InputError(f"{entry.image} is {shape} pixels and {entry.mask} {mask.shape}. Give one size.")
    files = outputs_of(job.stem, home)
    if overwrite or not files.lois.exists():
        write_lois(files.lois, entry.locations, np.ones(len(entry.locations)))
    if overwrite or not files.mask.exists():
        write_mask(files.mask, mask)
    copy = home.images / entry.image.name
    if copy.resolve() != entry.image.resolve() and (overwrite or not copy.exists()):
        with atomic(copy) as part:
            shutil.copyfile(entry.image, part)


# ---- cells to other formats -----------------------------------------------------------------------------------------


def export_jobs(source: Segmentations, folder: Path, formats: tuple[str, ...]) -> list[Job]:
    """Return one job per image whose output is the first of the formats that is missing."""
    return [Job(stem, (path,), pending(folder, stem, formats)) for stem, path in source.files.items()]


def export_image(
    job: Job, source: Segmentations, images: dict[str, Path], folder: Path, formats: tuple[str, ...]
) -> None:
    """Write the cells of one image in each of `formats`, measured on its image where there is one."""
    loaded = load(images[job.stem]) if job.stem in images else None
    image = None if loaded is None else whole_image(images[job.stem], loaded)
    pixel_size = loaded.pixel_size if loaded else None
    if source.kind in AS_LABELS:
        labels = read_labels(source.files[job.stem])
        cells = cells_from_labels(labels)
        pixel_size = pixel_size or load(source.files[job.stem]).pixel_size
        labels = flatten(cells)
    else:
        cells = read_cells(source, job.stem, images)
        labels = flatten(cells)
    if image is not None and image.shape[1:] != labels.shape:
        raise InputError(
            f"{images[job.stem]} is {image.shape[1:]} pixels and {job.inputs[0]} {labels.shape}. Give one size."
        )
    name = images[job.stem].name if job.stem in images else f"{job.stem}.tif"
    channels = loaded.channels if loaded else ()
    write_outputs(folder, Segmented(job.stem, name, cells, labels, image, pixel_size, channels), formats)
