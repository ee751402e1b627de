"""DAPI images in, LOI tables and nucleus labels out; one function per image, run by `jobs.batch`."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float
from numpy import ndarray

from lacss_tools.annotate.lois.exposure import INVERTED, SATURATED, fault
from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.arrays import Mask, Plane, Points
from lacss_tools.errors import InputError
from lacss_tools.io.lock import locked
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import digest_of, read_mask, read_plane, refuse_constant, write_labels, write_text
from lacss_tools.io.project import Place
from lacss_tools.io.stems import first_of
from lacss_tools.jobs.batch import Job
from lacss_tools.points import values_at

DROP, FLAG = "drop", "flag"
"""what is done with LOIs on the background of the masks: left out, or marked in a column"""
WRITTEN = ".written"
"""file beside LOI tables: a line for each that was written here, its digest and name"""
FAULTS = {
    INVERTED: "inverted, nuclei darker than background, where points are wrong (exchange dark and bright: in Fiji "
    "Edit > Invert)",
    SATURATED: "saturated, many pixels at the highest value, where nuclei run together (give the files as the camera "
    "wrote them, or expose less)",
}
"""what is said of images with a fault, after their number"""
REPLACED = "replaced"
"""folder beside LOI tables, of those that were corrected by hand before they were written again"""


@dataclass(frozen=True)
class Wanted:
    """What to do with each image, and where its results go."""

    settings: LoiSettings
    lois: Place
    """of the LOI tables"""
    nuclei: Place | None = None
    """of the nucleus labels; None writes none"""
    diameter: float | None = None
    """of a typical nucleus in pixels; None where the network finds it out"""
    outside: str = DROP
    channel: str | None = None
    overwrite: bool = False
    """whether results that are there, tables perhaps corrected by hand, are written again"""

    def table(self, stem: str) -> Path:
        """Return the LOI table of an image."""
        return self.lois.file(stem)

    def labels(self, stem: str) -> Path | None:
        """Return the nucleus labels of an image, if they are wanted."""
        return None if self.nuclei is None else self.nuclei.file(stem)

    def pending(self, stem: str) -> Path:
        """Return a result of an image that is missing, or one that is there when none is."""
        labels, table = self.labels(stem), self.table(stem)
        return labels if labels is not None and table.exists() else table


def annotate_file(job: Job, wanted: Wanted) -> str | None:
    """Write what is wanted, and is not there yet, of one DAPI image (job.inputs[0]); InputError when it is constant.

    With a mask (job.inputs[1]) LOIs on background are left out or marked. Nucleus k of the labels is that of row k of
    the table, as long as nobody changes that. Returns the `fault` of the image, if any.
    """
    dapi = read_plane(job.inputs[0], wanted.channel)
    refuse_constant(job.inputs[0], dapi)
    _annotate(job, dapi, wanted)
    return fault(dapi)


def _annotate(job: Job, dapi: Plane, wanted: Wanted) -> None:
    mask = _read_mask(job, dapi)
    labels, table = wanted.labels(job.stem), wanted.table(job.stem)
    if labels is None:
        points, response = find_lois(dapi, wanted.settings, wanted.diameter)
        _write(table, points, response, mask, wanted.outside)
        return
    from lacss_tools.annotate.lois.network import find_nuclei

    found = find_nuclei(dapi, wanted.settings, wanted.diameter)
    if mask is not None and wanted.outside == DROP:
        found = found.select(values_at(mask, found.points))
    if wanted.overwrite or not table.exists():
        _write(table, found.points, found.scores, mask, wanted.outside)
    write_labels(labels, found.labels)


def fault_remarks(faults: Mapping[str, str | None]) -> list[str]:
    """Return sentences on images, stem -> fault, in which nuclei cannot be found."""
    stems = {kind: sorted(stem for stem, own in faults.items() if own == kind) for kind in FAULTS}
    return [f"{len(of)} {FAULTS[kind]}: {first_of(of)}" for kind, of in stems.items() if of]


def _read_mask(job: Job, dapi: Plane) -> Mask | None:
    if len(job.inputs) == 1:
        return None
    mask = read_mask(job.inputs[1])
    if mask.shape != dapi.shape:
        raise InputError(f"{job.inputs[1]} is {mask.shape} pixels and {job.inputs[0]} {dapi.shape}. Give its own mask.")
    return mask


def _write(path: Path, points: Points, response: Float[ndarray, " point"], mask: Mask | None, outside: str) -> None:
    if mask is None:
        write_lois(path, points, response)
        return
    inside: Bool[ndarray, " point"] = values_at(mask, points)
    if outside == FLAG:
        write_lois(path, points, response, ~inside)
    else:
        write_lois(path, points[inside], response[inside])


def note_written(folder: Path, tables: Iterable[Path]) -> None:
    """Remember what these tables hold, so that `keep_corrected` tells them from tables that somebody changed."""
    digests = {table.name: digest_of(table) for table in tables}
    if digests:
        with locked(folder):  # other shares may be at it
            noted = sorted((_noted(folder) | digests).items())
            write_text(folder / WRITTEN, "".join(f"{digest}  {name}\n" for name, digest in noted))


def keep_corrected(folder: Path, tables: Iterable[Path]) -> tuple[list[Path], Path]:
    """Copy those tables that are not as they were written here to a new folder beside them; return them and the folder.

    They are to be written again, and hold what somebody did by hand.
    """
    noted = _noted(folder)
    corrected = [table for table in tables if digest_of(table) != noted.get(table.name)]
    names = [REPLACED, *(f"{REPLACED}-{k}" for k in range(2, len(list(folder.iterdir())) + 2))]
    kept = next(folder / name for name in names if not (folder / name).exists())
    for table in corrected:
        kept.mkdir(exist_ok=True)
        shutil.copy2(table, kept)
    return corrected, kept


def _noted(folder: Path) -> dict[str, str]:
    """Return the digest of each table as it was written here, by name."""
    path = folder / WRITTEN
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
