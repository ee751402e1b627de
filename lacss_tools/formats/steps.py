"""Foreign annotation in, project folders or other formats out."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lacss_tools.errors import InputError
from lacss_tools.formats.lacss_json import LacssImage, is_lacss_json, read_lacss_json, read_upright_mask
from lacss_tools.formats.layout import IMAGES, called_otherwise
from lacss_tools.formats.names import pending
from lacss_tools.formats.outlined import Outlines, PassedOver, not_cells
from lacss_tools.formats.outputs import Segmented, write_outputs
from lacss_tools.formats.sources import Segmentations
from lacss_tools.formats.weak import distinct, flatten, inner_points_of, numbered
from lacss_tools.io.image import channels_first, load, whole_image
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import atomic, write_labels, write_mask
from lacss_tools.io.project import Project
from lacss_tools.io.scenes import has_own_file
from lacss_tools.io.stains import images_in
from lacss_tools.jobs.batch import Job


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
    in_place = _in_place(source, home)
    jobs = []
    for stem, path in source.files.items():
        files = outputs_of(stem, home)
        outputs = [files.lois, files.mask] + ([] if in_place else [files.labels])
        missing = [output for output in outputs if not output.exists()]
        jobs.append(Job(stem, (path,), missing[0] if missing else outputs[0]))
    return jobs


def _in_place(source: Segmentations, home: Project) -> bool:
    return source.path.resolve() == home.labels.resolve()


def misnamed_labels(source: Segmentations, home: Project) -> str:
    """Return a sentence on labels of the project that stay as they are, and are not called like their image."""
    others = called_otherwise(source.files) if _in_place(source, home) else {}
    if not others:
        return ""
    stem, path = next(iter(others.items()))
    return f"{len(others)} keep their names, by which no labels are found: call {path.name} {stem}{path.suffix}"


def image_files(folder: Path, required: bool, scene: str | None = None) -> dict[str, Path]:
    """Return stem -> image, or the `scene` of it; nothing when the folder is not there and not required."""
    return images_in(folder, scene) if required or folder.is_dir() else {}


@dataclass(frozen=True)
class LeftOut:
    """What of the file of one image did not become a cell."""

    duplicates: int = 0
    """outlines of a cell that is outlined twice"""
    crowds: int = 0
    passed_over: tuple[PassedOver, ...] = ()


@dataclass
class AllLeftOut:
    """What of many files did not become a cell, for `jobs.batch.run`."""

    files: tuple[Path, ...]
    """that hold no cells of any image"""
    duplicates: int = 0
    crowds: int = 0
    objects: list[PassedOver] = field(default_factory=list)

    def receive(self, job: Job, left: LeftOut) -> None:
        """Add what was left out of one image."""
        self.duplicates += left.duplicates
        self.crowds += left.crowds
        self.objects += left.passed_over

    def remarks(self) -> list[str]:
        """Return a sentence on each kind."""
        return [
            *not_cells(self.files, self.objects),
            *([f"{self.duplicates} outlines are duplicates of others and were dropped"] if self.duplicates else []),
            *([f"{self.crowds} crowds (iscrowd), which are many cells in one, were left out"] if self.crowds else []),
        ]


def convert_image(
    job: Job, source: Segmentations, images: dict[str, Path], home: Project, overwrite: bool = False
) -> LeftOut:
    """Write LOIs, mask and labels of one image into the project, those that are missing or all of them.

    What exists may have been corrected by hand. Raises InputError when the image holds no cell.
    """
    outlines = read_outlines(source, job.stem, images)
    cells, numbers = outlines.counted.cells, outlines.counted.numbers
    # a label image cannot hold a cell twice
    kept = np.arange(len(cells)) if source.as_labels else distinct(cells)
    cells, numbers = cells.select(kept), numbers[kept]
    if not len(cells):
        why = f", but {outlines.crowds} crowds (iscrowd), which are many cells in one" if outlines.crowds else ""
        raise InputError(
            f"{job.inputs[0]} holds no cell ({job.stem}){why}. Remove it, or check that it holds the cells."
        )
    labels, files = numbered(flatten(cells), numbers), outputs_of(job.stem, home)
    if overwrite or not files.lois.exists():
        write_lois(files.lois, inner_points_of(cells), np.ones(len(cells)))
    if overwrite or not files.mask.exists():
        write_mask(files.mask, labels > 0)
    in_place = job.inputs[0].parent.resolve() == home.labels.resolve()
    if not in_place and (overwrite or not files.labels.exists()):
        write_labels(files.labels, labels)
    return LeftOut(len(outlines.cells) - outlines.crowds - len(cells), outlines.crowds, outlines.passed_over)


def read_outlines(source: Segmentations, stem: str, images: dict[str, Path]) -> Outlines:
    """Return the outlines of one image, with the size of its image where the format needs it or says it too."""
    shape = None
    if not source.as_labels and stem in images:
        _, height, width = channels_first(images[stem], load(images[stem])).shape
        shape = (height, width)
    return source.outlines(stem, shape, signed=True)


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
) -> LeftOut:
    """Write the cells of one image in each of `formats`, measured on its image where there is one."""
    loaded = load(images[job.stem]) if job.stem in images else None
    image = None if loaded is None else whole_image(images[job.stem], loaded)
    outlines = source.outlines(job.stem, None if image is None else image.shape[1:], signed=True)
    found = outlines.counted
    if image is not None and image.shape[1:] != found.cells.shape:
        raise InputError(
            f"{images[job.stem]} is {image.shape[1:]} pixels and {job.inputs[0]} {found.cells.shape}. Give one size."
        )
    pixel_size = loaded.pixel_size if loaded else None
    if pixel_size is None and source.kind in IMAGES:
        pixel_size = load(job.inputs[0]).pixel_size
    path = images.get(job.stem)
    name = path.name if path is not None and has_own_file(path) else f"{job.stem}.tif"
    segmented = Segmented(
        job.stem, name, found.cells, flatten(found.cells), image, pixel_size, loaded.channels if loaded else (),
        numbers=found.numbers,
    )  # fmt: skip
    write_outputs(folder, segmented, formats)
    return LeftOut(0, outlines.crowds, outlines.passed_over)
