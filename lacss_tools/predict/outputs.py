"""The cells of one image written in every format; of a large image, labels and table are made band by band."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Image, Labels
from lacss_tools.formats.names import output_path
from lacss_tools.formats.outputs import Segmented, write_outputs
from lacss_tools.formats.table import measure, with_relative_area
from lacss_tools.io.native import write_label_bands, write_table
from lacss_tools.io.parts import WHOLE_PIXELS
from lacss_tools.io.source import OpenImage
from lacss_tools.predict.flat import settle
from lacss_tools.predict.found import Found, paint

BAND = 512
"""rows"""
IN_BANDS = ("labels", "csv")
FLAT = frozenset({"labels", "csv", "contours"})
"""formats in which a pixel belongs to one cell"""


def write_found(folder: Path, stem: str, field: OpenImage, found: Found, formats: tuple[str, ...]) -> None:
    """Write the cells of one image into `folder` in each of `formats`."""
    height, width = found.shape
    visible = settle(found) if FLAT & set(formats) else found
    banded = IN_BANDS if height * width > WHOLE_PIXELS else ()
    for form in formats:
        if form in banded:
            _write_banded(output_path(folder, stem, form), form, field, visible)
    whole = tuple(form for form in formats if form not in banded)
    if whole:
        # cells that overlap need no label image
        flat = FLAT & set(whole)
        labels = paint(visible, 0, height) if flat else np.zeros((1, 1), np.int32)
        image = field.source.read(0, height, 0, width) if flat - {"labels"} else None
        cells, size = found.cells(), field.note.pixel_size
        write_outputs(folder, Segmented(stem, field.path.name, cells, labels, image, size, field.channels), whole)


def _write_banded(path: Path, form: str, field: OpenImage, found: Found) -> None:
    if form == "labels":
        write_label_bands(path, label_bands(found), found.shape, len(found), field.note.pixel_size)
    else:
        write_table(path, *with_relative_area(*measure_in_bands(field, found)))


def label_bands(found: Found) -> Iterator[Labels]:
    """Yield the label image in bands of rows from the top."""
    for top, bottom, chosen in _bands(found):
        yield paint(found, top, bottom, chosen)


def _bands(found: Found) -> Iterator[tuple[int, int, Integer[np.ndarray, " m"]]]:
    """Yield bands with the cells that reach into them, in ascending order."""
    for top in range(0, found.shape[0], BAND):
        bottom = min(top + BAND, found.shape[0])
        yield top, bottom, np.flatnonzero((found.boxes[:, 0] < bottom) & (found.boxes[:, 2] > top))


def measure_in_bands(field: OpenImage, found: Found) -> tuple[list[str], list[list[Any]]]:
    """Return the same header and rows as `measure` on the whole image."""
    cells, rows = found.cells(), []
    height, width = found.shape
    size, names = field.note.pixel_size, field.channels
    nothing: Image = field.source.read(0, 1, 0, 1)
    header, _ = measure(np.zeros((1, 1), np.int32), cells, nothing, size, names)
    for top in range(0, height, BAND):
        own = (found.boxes[:, 0] >= top) & (found.boxes[:, 0] < top + BAND)
        if not own.any():
            continue
        bottom = int(found.boxes[own, 2].max())
        labels = paint(found, top, bottom)
        labels[~np.concatenate([[False], own])[labels]] = 0
        image = field.source.read(top, bottom, 0, width)
        rows += measure(labels, cells, image, size, names, (top, 0))[1]
    return header, sorted(rows, key=lambda row: int(row[0]))
