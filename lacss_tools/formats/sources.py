"""Any annotation or segmentation, whichever tool it is from, as cells by stem."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Integer

from lacss_tools.arrays import Labels
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.formats import cellpose, geojson, rois
from lacss_tools.formats.coco import CocoFile, read_coco
from lacss_tools.formats.names import COCO_OF_ALL
from lacss_tools.io.native import read_labels
from lacss_tools.io.stems import IMAGE_SUFFIXES, stem_of
from lacss_tools.io.tables import read_table

Shape = tuple[int, int]


@dataclass(frozen=True)
class Segmentations:
    """Cells of many images: `kind` says in which format, `files` holds the file of each stem."""

    kind: str
    path: Path
    files: dict[str, Path]
    coco: CocoFile | None = None

    @property
    def needs_shape(self) -> bool:
        """Whether the format does not know the size of the image."""
        return self.kind in ("ImageJ ROIs", "GeoJSON")

    def cells(self, stem: str, shape: Shape | None = None) -> Cells:
        """Return the cells of one image; `shape` (height, width) must be given when `needs_shape`."""
        path = self.files[stem]
        if self.coco is not None:
            return self.coco.cells(stem)
        if self.kind == "Cellpose _seg.npy":
            return cells_from_labels(cellpose.read_seg(path))
        if not self.needs_shape:
            labels = read_labels(path)
            return replace(cells_from_labels(labels), scores=_scores(path, labels))
        if shape is None:
            raise InputError(f"{path} does not say how large the image is. Give the folder of the images (`images`).")
        return rois.read_rois(path, shape) if self.kind == "ImageJ ROIs" else geojson.read_geojson(path, shape)


@dataclass(frozen=True)
class Outlines:
    """Outlined cells of one image, and behind them `crowds` areas in which cells cannot be told apart."""

    cells: Cells
    numbers: Integer[np.ndarray, " n"]
    """the label of each, or its place in the file from 1"""
    ambiguous: Bool[np.ndarray, " n"]
    """which are marked as such, crowds among them"""
    crowds: int = 0


def read_outlines(source: Segmentations, stem: str, shape: Shape | None = None) -> Outlines:
    """Return the outlines of one image; negative labels and COCO's crowds are ambiguous. `shape` as for `cells`."""
    if source.kind == "label images":
        labels = read_labels(source.files[stem], signed=True)
        numbers = np.unique(labels[labels != 0])
        size = np.abs(numbers)
        if len(np.unique(size)) < len(numbers):
            both = size[np.argsort(size)][:-1][np.diff(np.sort(size)) == 0][0]
            raise InputError(f"{source.files[stem]} holds both labels {both} and {-both}. Keep one of them.")
        order = np.argsort(size)
        return Outlines(cells_from_labels(np.abs(labels)), size[order], numbers[order] < 0)
    cells = source.cells(stem, shape) if source.coco is None else source.coco.cells(stem, crowds=True)
    crowds = 0 if source.coco is None else len(source.coco.crowds.get(stem, []))
    numbers = np.arange(1, len(cells) + 1)
    return Outlines(cells, numbers, numbers > len(cells) - crowds, crowds)


def open_source(path: Path, names: Path | None = None) -> Segmentations:
    """Find out what `path` is: a COCO json, or a folder (or file) of labels, Cellpose files, ROI sets or GeoJSON.

    `names` is a COCO file that lists the images when `path` holds COCO results only. Raises InputError when nothing is
    recognised, or two files stand for one image.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist. Check the name.")
    if path.is_file() and path.suffix.lower() == ".json":
        coco = read_coco(path, names)
        return Segmentations("COCO json", path, dict.fromkeys(coco.shapes, path), coco)
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if not file.name.startswith("."))
    kinds: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("Cellpose _seg.npy", lambda name: name.endswith(cellpose.SEG)),
        ("Cellpose masks", lambda name: cellpose.MASKS in name and name.endswith(IMAGE_SUFFIXES)),
        ("ImageJ ROIs", lambda name: name.endswith((rois.SUFFIX, ".roi"))),
        ("GeoJSON", lambda name: name.endswith(geojson.SUFFIX)),
        ("label images", lambda name: name.endswith(IMAGE_SUFFIXES)),
    )
    # label images first: beside them `lacss predict` writes the same cells in other formats
    for kind, fits in (*kinds[:2], kinds[4], *kinds[2:4]):
        chosen = [file for file in files if fits(file.name.lower())]
        if chosen:
            return Segmentations(kind, path, _by_stem(chosen))
    if (path / COCO_OF_ALL).is_file():
        return open_source(path / COCO_OF_ALL, names)
    raise InputError(f"{path} holds no labels, COCO json, Cellpose files, ImageJ ROIs or GeoJSON. Check the path.")


def _by_stem(files: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        stem = cellpose.original_stem(stem_of(file))
        if stem in found:
            raise InputError(f"{file} and {found[stem].name} are both of {stem!r}. Rename or remove one of them.")
        found[stem] = file
    return found


def _scores(path: Path, labels: Labels) -> Float[np.ndarray, " n"]:
    """Return the scores that `lacss predict` wrote in the table beside a label image, ordered by label; else 1."""
    numbers = np.unique(labels[labels > 0]).tolist()
    try:
        rows = read_table(path.with_suffix(".csv"), "").rows
        known = {int(row["label"]): float(row["score"]) for row in rows}
    except (InputError, ValueError, KeyError):
        return np.ones(len(numbers))  # no table, or another tool's
    return np.array([known.get(number, 1.0) for number in numbers], dtype=np.float64)


def is_source(path: Path) -> bool:
    """Return whether `path` holds cells rather than a model: not a file of weights and not a run folder."""
    if path.is_file():
        return path.suffix.lower() in (".json", ".tif", ".tiff", ".png", ".npy", rois.SUFFIX, geojson.SUFFIX)
    names = [file.name.lower() for file in path.iterdir()] if path.is_dir() else []
    known = (*IMAGE_SUFFIXES, cellpose.SEG, rois.SUFFIX, ".roi", geojson.SUFFIX, COCO_OF_ALL)
    return any(name.endswith(known) for name in names) and not any(name.endswith(".safetensors") for name in names)
