"""Cells of one image written in every format that was asked for: `lacss predict` and `lacss convert --to`."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells
from lacss_tools.formats.coco import Annotation, CocoImage, write_coco, write_data_set
from lacss_tools.formats.geojson import write_geojson
from lacss_tools.formats.names import COCO_OF_ALL, output_path
from lacss_tools.formats.nuclei import NucleusLabels
from lacss_tools.formats.rois import write_rois
from lacss_tools.formats.table import measure, with_relative_area
from lacss_tools.formats.weak import numbered
from lacss_tools.io.native import write_labels, write_png, write_table
from lacss_tools.screen.draw import SKY, background, draw_outlines


@dataclass(frozen=True)
class Segmented:
    """One image and its cells, whole (they may overlap) and flattened to labels (cell k is k + 1)."""

    stem: str
    name: str
    """file name of the image"""
    cells: Cells
    labels: Labels
    image: Image | None = None
    pixel_size: tuple[float, float] | None = None
    """(y, x) in micrometres"""
    channels: tuple[str, ...] = ()
    nuclei: NucleusLabels | None = None
    """to be measured in the cells"""
    numbers: Integer[np.ndarray, " n"] | None = None
    """of the cells, where they have others than 1, 2, 3, ..."""

    @property
    def own_numbers(self) -> Integer[np.ndarray, " n"]:
        """The number of each cell, by which it is called in every format."""
        return np.arange(1, len(self.cells) + 1) if self.numbers is None else self.numbers

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the header and rows of the table of its cells."""
        measured = measure(self.labels, self.cells, self.image, self.pixel_size, self.channels, nuclei=self.nuclei)
        header, rows = with_relative_area(*measured)
        numbers = self.own_numbers.tolist()
        return header, [[numbers[label - 1], *values] for label, *values in rows]


def write_outputs(folder: Path, found: Segmented, formats: Iterable[str]) -> None:
    """Write the cells of one image in each of `formats`; labels, table and contours flattened, the others whole."""
    writers: dict[str, Callable[[Path], None]] = {
        "labels": lambda path: write_labels(path, numbered(found.labels, found.own_numbers), found.pixel_size),
        "csv": lambda path: write_table(path, *found.table()),
        "coco": lambda path: write_coco(path, {found.stem: (found.name, found.cells, found.own_numbers)}),
        "roi": lambda path: write_rois(path, found.cells, found.own_numbers),
        "geojson": lambda path: write_geojson(path, found.cells, found.own_numbers),
        "contours": lambda path: write_png(path, contours(found.image, found.labels)),
    }
    for form in formats:
        writers[form](output_path(folder, found.stem, form))


def contours(image: Image | None, labels: Labels) -> np.ndarray:
    """Return the image (black when there is none) with the cells' outlines, for looking."""
    return draw_outlines(background(image, labels.shape), labels, SKY)


def merge_coco(folder: Path, stems: Iterable[str]) -> Path:
    """Write coco.json: one data set of the per-image COCO files that are there; ids are numbered anew."""
    images: list[CocoImage] = []
    annotations: list[Annotation] = []
    for stem in sorted(stems):
        path = output_path(folder, stem, "coco")
        if not path.exists():
            continue  # the image failed and was named
        data = json.loads(path.read_text(encoding="utf-8"))
        number = len(images) + 1
        images += [image | {"id": number} for image in data["images"]]
        for annotation in data["annotations"]:
            annotations.append(annotation | {"id": len(annotations) + 1, "image_id": number})
    write_data_set(folder / COCO_OF_ALL, images, annotations)
    return folder / COCO_OF_ALL
