"""Images in, candidate files out; one function per image, run by `jobs.batch`."""

from pathlib import Path

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.io.native import (
    CutNotes,
    read_cut_notes,
    read_full_scale,
    read_image,
    read_plane,
    refuse_constant,
    write_candidates,
)
from lacss_tools.io.project import stem_of
from lacss_tools.jobs.batch import Job

REMARKS = 10
"""stems named in a remark"""


def cut_file(job: Job, settings: CutSettings, channel: str | None = None) -> None:
    """Write the candidates of one image (job.inputs[0]), or of one of its channels; InputError when it is constant.

    With `settings.fiji_compat` the image must have one channel, as there the channels cannot be averaged.
    """
    path = job.inputs[0]
    image = read_plane(path, channel)[None] if settings.fiji_compat else read_image(path, channel)
    refuse_constant(path, image)
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
        lines.append(f"{len(dark)} inverted, cells darker than background (else set `polarity` to bright): {shown}")
    if seams:
        worst = max(seams, key=lambda stem: seams[stem])
        differ = f"{100 * seams[worst]:.4f} % of the overlap differs between tiles"
        lines.append(f"{len(seams)} cut in tiles; at worst {differ} ({worst})")
    return lines
