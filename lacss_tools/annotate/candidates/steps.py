"""Images in, candidate files out; one function per image, run by `jobs.batch`."""

from contextlib import suppress
from pathlib import Path

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.nuclei import Nuclei, nuclei_at, nuclei_of
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.candidates import CutNotes, read_cut_notes, write_candidates
from lacss_tools.io.image import load, whole_image
from lacss_tools.io.lois import check_inside, read_lois
from lacss_tools.io.native import digest_of, read_full_scale, read_labels, refuse_constant, write_table
from lacss_tools.io.project import list_images
from lacss_tools.io.settings import DATA, read_toml, settings_file
from lacss_tools.io.stains import ALL_CHANNELS, Stain
from lacss_tools.io.stems import first_of, stem_of
from lacss_tools.jobs.batch import Job

LOIS, LABELS = "lois", "nuclei"
"""where nuclei inside the cut are from, as a candidates file and the settings beside it note it"""


def cut_file(job: Job, settings: CutSettings, cells: Stain = ALL_CHANNELS) -> None:
    """Write the candidates of one image (job.inputs[0]), of its channels of the cells; InputError when it is constant.

    The second input, where there is one, is the image's LOI table or nucleus labels. With `settings.fiji_compat` the
    image must have one channel, as there the channels cannot be averaged.
    """
    path, *beside = job.inputs
    image = cells.read_plane(path)[None] if settings.fiji_compat else cells.read(path)
    refuse_constant(path, image)
    nuclei = read_nuclei(beside[0], path, (image.shape[1], image.shape[2])) if beside else None
    found = find_candidates(image, settings, read_full_scale(path) if settings.fiji_compat else None, nuclei)
    notes = CutNotes(found.dark, found.seam, settings.to_text())
    if found.stained is not None:
        source = LOIS if _is_table(beside[0]) else LABELS
        counts = (len(found.stained), int((~found.stained).sum()))
        notes = CutNotes(found.dark, found.seam, settings.to_text(), source, *counts, digest_of(beside[0]))
    write_candidates(job.output, found.masks, found.thresholds, notes)


def channels_remark(path: Path, cells: Stain) -> list[str]:
    """Return a sentence on which channels of an image are cut, if it has several and none was asked for."""
    try:
        loaded = load(path)
        count, used = (len(whole_image(path, loaded, without=without)) for without in (None, cells.without))
    except LacssError:
        return []  # named when its turn comes
    if count == 1 or cells.channel is not None:
        return []
    named = f" ({', '.join(loaded.channels)})" if len(loaded.channels) == count else ""
    all_but = f"all but that of the nuclei, {cells.without}" if cells.without else f"all {used} together"
    return [f"{path.name} has {count} channels{named}: {all_but}, are cut. `channel` names one"]


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def read_nuclei(path: Path, image_path: Path, shape: tuple[int, int]) -> Nuclei:
    """Read the nuclei of an image of this shape from its LOI table or label image; InputError when they do not fit."""
    if _is_table(path):
        points, _ = read_lois(path)
        check_inside(points, path, image_path, shape)
        return nuclei_at(points, shape)
    labels = read_labels(path)
    if labels.shape != shape:
        raise InputError(f"{path} is {labels.shape} pixels and {image_path} {shape}. Give one size.")
    return nuclei_of(labels)


def nuclei_file(candidates: Path, seeds: str, table: Path) -> Path | None:
    """Return the file that the nuclei inside a candidates file are from, if it is still there.

    `seeds` is what the file notes; `table` is the image's LOI table, wherever the project is now.
    """
    if seeds == LOIS:
        return table if table.is_file() else None
    record = settings_file(candidates.parent, "graphcut")
    if seeds != LABELS or not record.is_file():
        return None
    folder = candidates.parent / read_toml(record).get(DATA, {}).get(LABELS, "")
    return list_images(folder).get(stem_of(candidates))


def cut_remarks(candidates: list[Path]) -> list[str]:
    """Return sentences about cut files: images that were inverted, nuclei without stain, the worst seam of tiles."""
    notes = {stem_of(path): read_cut_notes(path) for path in candidates}
    dark = sorted(stem for stem, note in notes.items() if note.dark)
    seams = {stem: note.seam for stem, note in notes.items() if note.seam is not None}
    lines = []
    if dark:
        lines.append(
            f"{len(dark)} inverted, cells darker than background (else set `polarity` to bright): {first_of(dark)}"
        )
    lines += _nuclei_remark(notes)
    if seams:
        worst = max(seams, key=lambda stem: seams[stem])
        differ = f"{100 * seams[worst]:.4f} % of the overlap differs between tiles"
        lines.append(f"{len(seams)} cut in tiles; at worst {differ} ({worst})")
    return lines


def stale_remark(jobs: list[Job]) -> list[str]:
    """Return a sentence on jobs done earlier whose nuclei (the second input, where there is one) have changed since."""
    stale = []
    for job in jobs:
        with suppress(InputError):  # a damaged file is named by who reads its masks
            noted = read_cut_notes(job.output).digest
            if noted and noted != (digest_of(job.inputs[1]) if len(job.inputs) > 1 else None):
                stale.append(job.stem)
    return (
        [f"{len(stale)} were cut with other nuclei than now; `overwrite` cuts again: {first_of(stale)}"]
        if stale
        else []
    )


def _nuclei_remark(notes: dict[str, CutNotes]) -> list[str]:
    total, unstained = (sum(getattr(note, name) for note in notes.values()) for name in ("nuclei", "unstained"))
    if not total:
        return []
    line = f"{total - unstained} of {total} nuclei lie in stain and inside every candidate"
    if not unstained:
        return [line]
    most = sorted((stem for stem in notes if notes[stem].unstained), key=lambda stem: -notes[stem].unstained)
    named = first_of([f"{stem} {notes[stem].unstained} of {notes[stem].nuclei}" for stem in most])
    return [f"{line}, {unstained} ({100 * unstained / total:.0f} %) in unstained tissue: {named}"]


NUCLEI_HEADER = ["stem", "from", "nuclei", "unstained"]


def write_nuclei_table(path: Path, candidates: list[Path]) -> None:
    """Write a row for each of these files that was cut with nuclei inside: how many, and how many without stain."""
    notes = {stem_of(file): read_cut_notes(file) for file in candidates}
    rows = [[stem, note.seeds, note.nuclei, note.unstained] for stem, note in notes.items() if note.seeds]
    if rows:
        write_table(path, NUCLEI_HEADER, rows)
