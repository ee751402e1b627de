"""Candidates: the five masks of `lacss graphcut`, a page each, and what the cut has to tell about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lacss_tools.arrays import Masks
from lacss_tools.errors import InputError
from lacss_tools.io.native import write_tiff
from lacss_tools.io.plausible import check_chain, check_pages

if TYPE_CHECKING:
    from tifffile import TiffFile


@dataclass(frozen=True)
class CutNotes:
    """What a candidates file remembers about its cut."""

    dark: bool
    """whether the cells were taken to be darker than the background"""
    seam: float | None
    """fraction of the overlap of tiles on which they disagree, 0 to 1; None for an image cut whole"""
    settings: str = ""
    """the settings of the cut, as `CutSettings.to_text` writes it"""
    seeds: str = ""
    """where the nuclei inside the cut are from: `lois` or `nuclei` (labels); empty without any"""
    nuclei: int = 0
    unstained: int = 0
    """of the nuclei, those without stain around them, which the masks need not hold"""
    digest: str = ""
    """of the file that the nuclei are from, as it was; empty where nobody noted it"""


def write_candidates(path: Path, masks: Masks, thresholds: list[float], notes: CutNotes | None = None) -> None:
    """Write one 8-bit page per threshold, loosest first; thresholds go to the metadata and the slice labels."""
    labels = [f"threshold {value:.6g}" for value in thresholds]
    facts = {"thresholds": ",".join(f"{value:.9g}" for value in thresholds)}
    if notes is not None:
        facts["polarity"] = "dark" if notes.dark else "bright"
        facts["settings"] = notes.settings
        facts |= {} if notes.seam is None else {"seam": f"{notes.seam:.6g}"}
        counts = {"seeds": notes.seeds, "nuclei": f"{notes.nuclei}", "unstained": f"{notes.unstained}"}
        counts |= {"digest": notes.digest} if notes.digest else {}
        facts |= counts if notes.seeds else {}
    write_tiff(path, np.multiply(masks, np.uint8(255)), axes="ZYX", Labels=labels, **facts)


def read_cut_notes(path: Path) -> CutNotes:
    """Read what `write_candidates` noted, without the pixels; InputError for a damaged file."""
    with _reading(path) as tiff:
        facts = tiff.imagej_metadata or {}
        seam = float(facts["seam"]) if "seam" in facts else None
        nuclei, unstained = (int(facts.get(name, 0)) for name in ("nuclei", "unstained"))
    settings, seeds, digest = (str(facts.get(name, "")) for name in ("settings", "seeds", "digest"))
    return CutNotes(facts.get("polarity") == "dark", seam, settings, seeds, nuclei, unstained, digest)


def read_candidates(path: Path) -> tuple[Masks, list[float]]:
    """Read candidate masks (n, y, x), loosest first, and their thresholds.

    Raises InputError for a damaged file and for one that `lacss graphcut` did not write.
    """
    with _reading(path) as tiff:
        pages = [page.aspage() for page in tiff.pages]
        check_pages(tiff, pages)
        pixels = np.stack([page.asarray() for page in pages])
        told = str((tiff.imagej_metadata or {}).get("thresholds", ""))
        thresholds = [float(value) for value in told.split(",") if value]
    if pixels.ndim != 3 or len(thresholds) != len(pages):
        raise InputError(f"{path} is not a candidates file of lacss graphcut. Delete it and run lacss graphcut again.")
    return pixels > 0, thresholds


@contextmanager
def _reading(path: Path) -> Iterator["TiffFile"]:
    """Open a candidates file; whatever is raised on a damaged one is an InputError."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            check_chain(tiff)
            yield tiff
    except Exception as error:
        raise InputError(
            f"{path} cannot be read; it may be damaged. Delete it and run lacss graphcut again."
        ) from error
