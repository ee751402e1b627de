"""COCO json: one file for all images, masks as polygons or run lengths, scores for predictions."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Integer

from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.formats.coco_mask import RunLengths, WrongSizeError, pixels, run_lengths
from lacss_tools.formats.outlined import DAMAGED, Gathered, Outlines
from lacss_tools.io.native import write_text
from lacss_tools.io.stems import stem_of

FIX = "Correct the file."
ALL = "all"
"""in place of a category"""
LONGEST, MOST_PIXELS = 2**24, 2**31 - 1
"""side and pixels of an image that run lengths of COCO can describe"""


class CocoImage(TypedDict):
    """An image of a COCO data set."""

    id: int
    file_name: str
    height: int
    width: int


class Shape(TypedDict):
    """A cell, as `write_coco` describes it."""

    category_id: int
    segmentation: RunLengths
    iscrowd: int
    bbox: list[int]
    """x, y, width, height"""
    area: int
    score: float


class Annotation(Shape):
    """A cell of a data set of several images."""

    id: int
    image_id: int
    label: int
    """number in its image"""


Foreign = Mapping[str, Any]
"""an image or annotation as other tools wrote it: any key may be missing or hold anything"""


@dataclass(frozen=True)
class CocoFile:
    """The images of a COCO file by stem: (height, width), and the annotations of each."""

    path: Path
    shapes: dict[str, tuple[int, int]]
    annotations: dict[str, list[Foreign]]
    crowds: dict[str, list[Foreign]] = field(default_factory=dict)
    """annotations with `iscrowd`: areas in which cells cannot be told apart"""

    def cells(self, stem: str) -> Cells:
        """Return the cells of one image in the order of the file; errors as `outlines`."""
        return self.outlines(stem).counted.cells

    def outlines(self, stem: str, image: tuple[int, int] | None = None) -> Outlines:
        """Return the cells of one image in the order of the file, and behind them its crowds.

        Annotations without a pixel in the image or without a readable segmentation are passed over. Raises InputError
        when all of them are, when the size is not that of `image`, and for a score or a mask of another size.
        """
        shape = self.shapes[stem]
        if image is not None and image != shape:
            raise InputError(f"{self.path} says that {stem} is {shape} pixels, its image is {image}. Give one size.")
        found = Gathered(f"{stem} in {self.path}", shape)
        for number, annotation in enumerate(self.annotations[stem], start=1):
            _add(found, annotation, number)
        count = len(found.crops)
        for number, annotation in enumerate(self.crowds.get(stem, []), start=count + 1):
            _add(found, annotation, number)
        return found.outlines(crowds=len(found.crops) - count)


def _add(found: Gathered, annotation: Foreign, number: int) -> None:
    name, label = f"annotation {annotation.get('id', number)}", annotation.get("label")
    where = f"{name} of {found.name}"
    score = _score(annotation.get("score"), where)
    try:
        crop = pixels(annotation.get("segmentation"), found.shape)
    except WrongSizeError as error:
        raise InputError(f"{where} {error}. {FIX}") from None
    except Exception as error:  # pycocotools raises bare exceptions
        found.pass_over(DAMAGED, f"{name} ({error})")
        return
    found.add(crop, score, name, str(label) if type(label) is int else "")


def _score(score: Any, where: str) -> float:
    """Return a score, that may be text, or 1 where there is none."""
    try:
        value = 1.0 if score is None else float(score)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} has the score {score}. Give a finite number.")
    return value


def is_coco(data: Any) -> bool:
    """Return whether parsed JSON looks like COCO: a data set, or a list of results."""
    if isinstance(data, dict):
        return "images" in data and "annotations" in data
    return isinstance(data, list) and all(isinstance(item, dict) and "segmentation" in item for item in data)


def read_coco(path: Path, names: Path | None = None, category: str | None = None) -> CocoFile:
    """Read a COCO data set, or a list of results whose images are listed in the COCO file `names`.

    Only annotations of `category` are read: names or ids, comma-separated, or ALL; it may be left out where there is
    one. Raises InputError when it is not COCO, when an annotation belongs to no image, and for a category that is not
    there.
    """
    data = _parse(path)
    if not is_coco(data):
        raise InputError(f"{path} is not COCO json: it lacks images or annotations. Give the whole file.")
    if isinstance(data, list):
        if names is None:
            raise InputError(f"{path} is a list of results without image names. Add the images and annotations keys.")
        data = _parse(names) | {"annotations": data}
    try:
        shapes, stems = _images(path, data["images"])
        chosen = _of_category(path, _listed(data["annotations"]), data.get("categories") or [], category)
        annotations, crowds = _by_image(path, chosen, stems)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(f"{path} is not COCO json: {error} is missing or wrong. {FIX}") from error
    return CocoFile(path, shapes, annotations, crowds)


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Export it again.") from error


def _listed(annotations: Any) -> list[Foreign]:
    """Return annotations as a list; LIVECell has them by number."""
    return list(annotations.values()) if isinstance(annotations, dict) else annotations


def _images(path: Path, images: list[Foreign]) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Return the size of each image by stem, and its stem by id; one image may have several ids."""
    shapes: dict[str, tuple[int, int]] = {}
    files: dict[str, str] = {}
    stems: dict[str, str] = {}
    for image in images:
        # a file name may be a path of another system
        file = str(image["file_name"]).replace("\\", "/")
        stem, number, shape = stem_of(Path(file)), _key(image["id"]), (int(image["height"]), int(image["width"]))
        if not all(0 < size <= LONGEST for size in shape) or shape[0] * shape[1] > MOST_PIXELS:
            raise InputError(f"{path} says that {file} is {shape} pixels. {FIX}")
        if stems.get(number, stem) != stem or files.get(stem, file) != file or shapes.get(stem, shape) != shape:
            raise InputError(f"{path} has two images for the id {number} or the name {stem}. {FIX}")
        stems[number], files[stem], shapes[stem] = stem, file, shape
    return shapes, stems


def _key(number: Any) -> str:
    """Return an id as text: some tools write the same id as 1, as 1.0 and as "1"."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _of_category(
    path: Path, annotations: list[Foreign], categories: list[Foreign], wanted: str | None
) -> list[Foreign]:
    """Return the annotations of one category; InputError when there are several and none is named."""
    used = {_key(one.get("category_id")) for one in annotations}
    names = {_key(one["id"]): str(one.get("name", one["id"])) for one in categories if _key(one["id"]) in used}
    if wanted == ALL or (wanted is None and len(names) < 2):
        return annotations
    chosen = (wanted or "").split(",")
    ids = {number for number, name in names.items() if name in chosen or number in chosen}
    if not ids:
        listed = ", ".join(names.values())
        raise InputError(f"{path} has the categories {listed}. Say with `category` which of them are cells, or {ALL}.")
    return [one for one in annotations if _key(one.get("category_id")) in ids]


def _by_image(
    path: Path, annotations: list[Foreign], stems: dict[str, str]
) -> tuple[dict[str, list[Foreign]], dict[str, list[Foreign]]]:
    """Return the annotations of each image that are cells, and those that are crowds.

    Of an image with several ids, an outline that is listed for each of them counts once.
    """
    out: dict[str, list[Foreign]] = {stem: [] for stem in stems.values()}
    crowds: dict[str, list[Foreign]] = {stem: [] for stem in stems.values()}
    several = {stem for stem in out if list(stems.values()).count(stem) > 1} if len(out) < len(stems) else set()
    seen = set()
    for annotation in annotations:
        number = _key(annotation["image_id"])
        if number not in stems:
            raise InputError(f"{path} has an annotation of image {number}, which it does not list. {FIX}")
        stem = stems[number]
        if stem in several:
            outline = (stem, json.dumps(annotation.get("segmentation")))
            if outline in seen:
                continue
            seen.add(outline)
        (crowds if annotation.get("iscrowd") else out)[stem].append(annotation)
    return out, crowds


def write_coco(path: Path, images: dict[str, tuple[str, Cells, Integer[np.ndarray, " n"]]]) -> None:
    """Write stem -> (file name, cells, their numbers) as one COCO file with compressed run lengths, boxes and scores.

    The number of a cell in its image is its `label`, a key that COCO does not know.
    """
    described: list[CocoImage] = []
    annotations: list[Annotation] = []
    for number, (name, cells, labels) in enumerate(images.values(), start=1):
        described.append({"id": number, "file_name": name, "height": cells.shape[0], "width": cells.shape[1]})
        for shape, label in zip(shapes(cells), labels.tolist(), strict=True):
            annotations.append({"id": len(annotations) + 1, "image_id": number, "label": label, **shape})
    write_data_set(path, described, annotations)


def write_data_set(path: Path, images: list[CocoImage], annotations: list[Annotation]) -> None:
    """Write a COCO file whose one category is the cell."""
    data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    write_text(path, json.dumps(data, allow_nan=False) + "\n")


def shapes(cells: Cells) -> list[Shape]:
    """Return the cells of one image as COCO describes them."""
    out: list[Shape] = []
    for k in range(len(cells)):
        pixels = np.argwhere(cells.mask(k)) + cells.boxes[k, :2]
        (y0, x0), (y1, x1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        out.append(
            {
                "category_id": 1,
                "segmentation": run_lengths(pixels, cells.shape),
                "iscrowd": 0,
                "bbox": [x0, y0, x1 - x0 + 1, y1 - y0 + 1],
                "area": len(pixels),
                "score": float(cells.scores[k]),
            }
        )
    return out
