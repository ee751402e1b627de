"""Any annotation or segmentation, whichever tool it is from, as cells by stem."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Labels, Mask
from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.formats import cellpose, geojson, rois
from lacss_tools.formats.coco import CocoFile, read_coco
from lacss_tools.formats.layout import COCO, IMAGES, NO_CLUES, ROIS, SEG, Clues, list_cells
from lacss_tools.formats.names import COCO_OF_ALL
from lacss_tools.formats.outlined import Outlines, PassedOver, not_cells
from lacss_tools.io.native import read_labels, read_numbers
from lacss_tools.io.stems import IMAGE_SUFFIXES
from lacss_tools.io.tables import read_table
from lacss_tools.io.zarr_labels import labels_in, table_of

Shape = tuple[int, int]


@dataclass(frozen=True)
class Segmentations:
    """Cells of many images: `kind` says in which format, `files` holds the file of each stem."""

    kind: str
    path: Path
    files: dict[str, Path]
    coco: CocoFile | None = None
    passed_over: tuple[Path, ...] = ()
    """files of the folder that might hold cells, of other images"""
    told: dict[str, tuple[PassedOver, ...]] = field(default_factory=dict)
    """objects that were passed over in what was read so far, by stem"""

    @property
    def as_labels(self) -> bool:
        """Whether each pixel belongs to one cell."""
        return self.kind in (*IMAGES, SEG)

    def cells(self, stem: str, shape: Shape | None = None, signed: bool = False) -> Cells:
        """Return the cells of one image; arguments and errors as for `outlines`."""
        return self.outlines(stem, shape, signed).counted.cells

    def outlines(self, stem: str, shape: Shape | None = None, signed: bool = False) -> Outlines:
        """Return the outlines of one image of `shape` (height, width), which ROIs and GeoJSON do not know themselves.

        COCO's crowds are ambiguous and, if `signed`, negative labels. Raises InputError for files that cannot be read,
        and when there is no shape where one is needed.
        """
        found = self._read(self.files[stem], stem, shape, signed)
        self.told[stem] = found.passed_over
        return found

    def _read(self, path: Path, stem: str, shape: Shape | None, signed: bool) -> Outlines:
        if self.coco is not None:
            return self.coco.outlines(stem, shape)
        if self.as_labels:
            labels = cellpose.read_seg(path) if self.kind == SEG else read_labels(path, signed)
            return _outlines_of(path, labels)
        if shape is None:
            raise InputError(
                f"{path} does not say how large the image is. Give the folder of the images (`images`), with one that "
                f"is called {stem}."
            )
        return rois.read_rois(path, shape) if self.kind == ROIS else geojson.read_geojson(path, shape)

    def remarks(self) -> list[str]:
        """Return in words which files, and which objects of what was read so far, are no cells."""
        return not_cells(self.passed_over, [one for objects in self.told.values() for one in objects])

    def area(self, stem: str, shape: Shape) -> Mask:
        """Return the pixels of one image that are outlined; label images may be masks."""
        if self.kind in IMAGES:
            return read_numbers(self.files[stem]) > 0
        area: Mask = cells_to_labels(self.cells(stem, shape)) > 0
        return area


def _outlines_of(path: Path, labels: Labels) -> Outlines:
    """Return the cells of a label image, of which negative ones are ambiguous, ordered by label, with their scores."""
    numbers = np.unique(labels[labels != 0])
    size = np.abs(numbers)
    order = np.argsort(size)
    table = table_of(path) if path.is_dir() else path.with_suffix(".csv")
    cells = _with_table(cells_from_labels(np.abs(labels)), size[order].tolist(), table)
    return Outlines(cells, size[order].astype(np.int64), numbers[order] < 0)


def open_source(path: Path, clues: Clues = NO_CLUES, names: Path | None = None) -> Segmentations:
    """Find out what `path` is: a COCO json, or a folder (or file) of labels, Cellpose files, ROI sets or GeoJSON.

    `names` is a COCO file that lists the images when `path` holds COCO results only. Raises InputError when nothing is
    recognised, or two files stand for one image.
    """
    if not path.exists() and labels_in(path) is None:
        raise InputError(f"{path} does not exist. Check the name.")
    if path.is_file() and path.suffix.lower() == ".json":
        coco = read_coco(path, names, clues.category)
        return Segmentations(COCO, path, dict.fromkeys(coco.shapes, path), coco)
    listing = list_cells(path, clues)
    if listing is not None:
        return Segmentations(listing.kind, path, listing.files, passed_over=listing.passed_over)
    if (path / COCO_OF_ALL).is_file():
        return open_source(path / COCO_OF_ALL, clues, names)
    raise InputError(f"{path} holds no labels, COCO json, Cellpose files, ImageJ ROIs or GeoJSON. Check the path.")


def _with_table(cells: Cells, numbers: list[int], path: Path) -> Cells:
    """Return cells with what the table beside their label image tells: scores, and LOIs where it has them."""
    try:
        rows = {int(row["label"]): row for row in read_table(path, "").rows}
        kept = [k for k, number in enumerate(numbers) if number in rows]
        told = [rows[numbers[k]] for k in kept]
        scores = np.array([float(row["score"]) for row in told])
        placed = all({"loi_y", "loi_x"} <= row.keys() for row in told)
        lois = np.array([[float(row[name]) for name in ("loi_y", "loi_x")] if placed else [0.0, 0.0] for row in told])
    except (InputError, ValueError, KeyError):
        return cells  # no table, or another tool's
    if not kept or not (np.isfinite(scores).all() and np.isfinite(lois).all()):
        return cells
    own, locations = cells.scores.copy(), cells.locations.copy()
    own[kept] = scores
    if placed:
        locations[kept] = lois
    return replace(cells, scores=own, locations=locations)


def is_source(path: Path) -> bool:
    """Return whether `path` holds cells rather than a model: not a file of weights and not a run folder."""
    if path.is_file():
        return path.suffix.lower() in (".json", ".tif", ".tiff", ".png", ".npy", rois.SUFFIXES[0], geojson.SUFFIX)
    if labels_in(path) is not None:
        return True
    names = [file.name.lower() for file in path.iterdir()] if path.is_dir() else []
    known = (*IMAGE_SUFFIXES, cellpose.SEG, *rois.SUFFIXES, geojson.SUFFIX, COCO_OF_ALL)
    return any(name.endswith(known) for name in names) and not any(name.endswith(".safetensors") for name in names)
