"""The cells of one image written in every format; of a large image, labels and table are made band by band."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells, cells_to_labels, label_rows
from lacss_tools.formats.names import output_path
from lacss_tools.formats.nuclei import NucleusLabels
from lacss_tools.formats.outputs import Segmented, write_outputs
from lacss_tools.formats.table import measure, with_relative_area
from lacss_tools.io.native import write_label_bands, write_table
from lacss_tools.io.parts import WHOLE_PIXELS
from lacss_tools.io.scenes import has_own_file
from lacss_tools.io.source import OpenImage
from lacss_tools.io.stems import stem_of
from lacss_tools.predict.flat import settle

BAND = 512
"""rows"""
IN_BANDS = ("labels", "csv")
FLAT = frozenset({"labels", "csv", "contours"})
"""formats in which a pixel belongs to one cell"""


def write_found(
    folder: Path,
    stem: str,
    opened: OpenImage,
    found: Cells,
    formats: tuple[str, ...],
    nuclei: NucleusLabels | None = None,
) -> None:
    """Write the cells of one image into `folder` in each of `formats`; the table also measures `nuclei`."""
    height, width = found.shape
    visible = settle(found) if FLAT & set(formats) else found
    banded = IN_BANDS if height * width > WHOLE_PIXELS else ()
    for form in formats:
        if form in banded:
            _write_banded(output_path(folder, stem, form), form, opened, visible, nuclei)
    whole = tuple(form for form in formats if form not in banded)
    if whole:
        # cells that overlap need no label image
        flat = FLAT & set(whole)
        labels = cells_to_labels(visible) if flat else np.zeros((1, 1), np.int32)
        image = opened.source.read(0, height, 0, width) if flat - {"labels"} else None
        size, names = opened.note.pixel_size, opened.channels
        # a scene has no file of its own, and in a plate all wells call theirs alike
        own = has_own_file(opened.path) and stem_of(opened.path) == stem
        name = opened.path.name if own else f"{stem}.tif"
        write_outputs(folder, Segmented(stem, name, found, labels, image, size, names, nuclei), whole)


def _write_banded(path: Path, form: str, opened: OpenImage, found: Cells, nuclei: NucleusLabels | None) -> None:
    if form == "labels":
        write_label_bands(path, label_bands(found), found.shape, len(found), opened.note.pixel_size)
    else:
        write_table(path, *with_relative_area(*measure_in_bands(opened, found, nuclei)))


def label_bands(found: Cells) -> Iterator[Labels]:
    """Yield the label image in bands of rows from the top."""
    for top, bottom, chosen in _bands(found):
        yield label_rows(found, top, bottom, chosen)


def _bands(found: Cells) -> Iterator[tuple[int, int, Integer[np.ndarray, " m"]]]:
    """Yield bands with the cells that reach into them, in ascending order."""
    for top in range(0, found.shape[0], BAND):
        bottom = min(top + BAND, found.shape[0])
        yield top, bottom, np.flatnonzero((found.boxes[:, 0] < bottom) & (found.boxes[:, 2] > top))


def measure_in_bands(
    opened: OpenImage, found: Cells, nuclei: NucleusLabels | None = None
) -> tuple[list[str], list[list[Any]]]:
    """Return the same header and rows as `measure` on the whole image."""
    (height, width), rows = found.shape, []
    size, names = opened.note.pixel_size, opened.channels
    nothing: Image = opened.source.read(0, 1, 0, 1)
    header, _ = measure(np.zeros((1, 1), np.int32), found, nothing, size, names, nuclei=nuclei)
    for top in range(0, height, BAND):
        own = (found.boxes[:, 0] >= top) & (found.boxes[:, 0] < top + BAND)
        if not own.any():
            continue
        bottom = int(found.boxes[own, 2].max())
        labels = label_rows(found, top, bottom)
        labels[~np.concatenate([[False], own])[labels]] = 0
        image = opened.source.read(top, bottom, 0, width)
        own_nuclei = nuclei.rows(top, bottom) if nuclei else None
        rows += measure(labels, found, image, size, names, (top, 0), own_nuclei)[1]
    return header, sorted(rows, key=lambda row: int(row[0]))
