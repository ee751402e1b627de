"""COCO json: one file for all images, masks as polygons or run lengths, scores for predictions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Mask
from lacss_tools.cells import Cells, cells_from_crops
from lacss_tools.errors import InputError
from lacss_tools.io.native import write_text
from lacss_tools.io.stems import stem_of

FIX = "Correct the file."


class CocoImage(TypedDict):
    """An image of a COCO data set."""

    id: int
    file_name: str
    height: int
    width: int


class RunLengths(TypedDict):
    """A mask in compressed run lengths; `size` is (height, width)."""

    size: list[int]
    counts: str


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

    def cells(self, stem: str, crowds: bool = False) -> Cells:
        """Return the cells of one image in the order of the file, with `crowds` behind them those areas too.

        Raises InputError, naming the annotation, for one without a pixel in the image and for a score of nan.
        """
        shape = self.shapes[stem]
        crops, scores = [], []
        listed = self.annotations[stem] + (self.crowds.get(stem, []) if crowds else [])
        for number, annotation in enumerate(listed, start=1):
            name = f"{self.path}: annotation {annotation.get('id', number)} of {stem}"
            crops.append(_pixels(annotation, shape, name))
            score = annotation.get("score", 1.0)
            if not isinstance(score, int | float) or not np.isfinite(score):
                raise InputError(f"{name} has the score {score}. Give a finite number.")
            scores.append(float(score))
        return cells_from_crops(shape, crops, scores)


def is_coco(data: Any) -> bool:
    """Return whether parsed JSON looks like COCO: a data set, or a list of results."""
    if isinstance(data, dict):
        return "images" in data and "annotations" in data
    return isinstance(data, list) and all(isinstance(item, dict) and "segmentation" in item for item in data)


def read_coco(path: Path, names: Path | None = None) -> CocoFile:
    """Read a COCO data set, or a list of results whose images are listed in the COCO file `names`.

    Raises InputError when it is not COCO, when ids are used twice, or when an annotation belongs to no image.
    """
    data = _parse(path)
    if not is_coco(data):
        raise InputError(f"{path} is not COCO json: it lacks images or annotations. Give the whole file.")
    if isinstance(data, list):
        if names is None:
            raise InputError(f"{path} is a list of results without image names. Add the images and annotations keys.")
        data = {"images": _parse(names)["images"], "annotations": data}
    try:
        shapes, stems = _images(path, data["images"])
        annotations, crowds = _by_image(path, data["annotations"], stems)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not COCO json: {error} is missing or wrong. {FIX}") from error
    return CocoFile(path, shapes, annotations, crowds)


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Export it again.") from error


def _images(path: Path, images: list[Foreign]) -> tuple[dict[str, tuple[int, int]], dict[Any, str]]:
    shapes: dict[str, tuple[int, int]] = {}
    stems: dict[Any, str] = {}
    for image in images:
        # a file name may be a path of another system
        stem = stem_of(Path(str(image["file_name"]).replace("\\", "/")))
        if image["id"] in stems or stem in shapes:
            raise InputError(f"{path} lists image {image['id']} ({stem}) twice. {FIX}")
        stems[image["id"]] = stem
        shapes[stem] = (int(image["height"]), int(image["width"]))
    return shapes, stems


def _by_image(
    path: Path, annotations: list[Foreign], stems: dict[Any, str]
) -> tuple[dict[str, list[Foreign]], dict[str, list[Foreign]]]:
    """Return the annotations of each image that are cells, and those that are crowds."""
    out: dict[str, list[Foreign]] = {stem: [] for stem in stems.values()}
    crowds: dict[str, list[Foreign]] = {stem: [] for stem in stems.values()}
    seen = set()
    for annotation in annotations:
        if annotation["image_id"] not in stems:
            raise InputError(
                f"{path} has an annotation of image {annotation['image_id']}, which it does not list. {FIX}"
            )
        if "id" in annotation:
            if annotation["id"] in seen:
                raise InputError(f"{path} uses the annotation id {annotation['id']} twice. {FIX}")
            seen.add(annotation["id"])
        (crowds if annotation.get("iscrowd") else out)[stems[annotation["image_id"]]].append(annotation)
    return out, crowds


def _pixels(annotation: Foreign, shape: tuple[int, int], name: str) -> tuple[int, int, Mask]:
    from pycocotools import mask as rle

    segmentation: Any = annotation.get("segmentation")
    height, width = shape
    try:
        if isinstance(segmentation, dict):
            if tuple(segmentation["size"]) != shape:
                raise InputError(f"{name} has a mask of {segmentation['size']} pixels in an image of {shape}. {FIX}")
            counts = segmentation["counts"]
            code = rle.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
        else:
            if not np.isfinite(np.concatenate([np.asarray(part, dtype=float) for part in segmentation])).all():
                raise ValueError("coordinates that are not numbers")
            code = rle.merge(rle.frPyObjects(segmentation, height, width))
        crop = _decode(_counts(code["counts"]), shape)
    except InputError:
        raise
    except Exception as error:  # pycocotools raises bare exceptions
        raise InputError(f"{name} has no readable segmentation ({error}). {FIX}") from error
    if crop is None:
        raise InputError(f"{name} has no pixel inside the image of {shape} pixels. Is it of this image?")
    return crop


def _counts(code: bytes | str) -> list[int]:
    """Return the run lengths behind COCO's text: 5 bits a character, sign-extended, from the 3rd on as differences."""
    counts: list[int] = []
    value = shift = 0
    for character in code.encode() if isinstance(code, str) else code:
        bits = character - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    return counts


def _decode(counts: list[int], shape: tuple[int, int]) -> tuple[int, int, Mask] | None:
    """Return (y0, x0, mask) of run lengths that go down the columns, background first."""
    ends = np.cumsum(counts)
    if len(ends) and (ends[-1] > shape[0] * shape[1] or min(counts) < 0):
        raise ValueError("run lengths that exceed the image")
    runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    columns, rows = np.divmod(np.flatnonzero(runs), shape[0])
    if not len(rows):
        return None
    y0, x0 = int(rows.min()), int(columns.min())
    mask = np.zeros((int(rows.max()) - y0 + 1, int(columns.max()) - x0 + 1), dtype=bool)
    mask[rows - y0, columns - x0] = True
    return y0, x0, mask


def write_coco(path: Path, images: dict[str, tuple[str, Cells]]) -> None:
    """Write stem -> (file name, cells) as one COCO file with compressed run lengths, boxes, areas and scores."""
    described: list[CocoImage] = []
    annotations: list[Annotation] = []
    for number, (name, cells) in enumerate(images.values(), start=1):
        described.append({"id": number, "file_name": name, "height": cells.shape[0], "width": cells.shape[1]})
        for shape in shapes(cells):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **shape})
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
                "segmentation": _run_lengths(pixels, cells.shape),
                "iscrowd": 0,
                "bbox": [x0, y0, x1 - x0 + 1, y1 - y0 + 1],
                "area": len(pixels),
                "score": float(cells.scores[k]),
            }
        )
    return out


def _run_lengths(pixels: Integer[np.ndarray, "pixel 2"], shape: tuple[int, int]) -> RunLengths:
    """Return (y, x) pixels in COCO's compressed run lengths: column by column, background first."""
    from pycocotools import mask as rle

    height, width = shape
    at = np.sort(pixels[:, 1] * height + pixels[:, 0])
    starts = at[np.diff(at, prepend=-2) > 1]
    stops = at[np.diff(at, append=at[-1] + 2) > 1] + 1
    edges = np.stack([starts, stops], axis=1).reshape(-1)
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    code = rle.frPyObjects({"counts": counts, "size": [height, width]}, height, width)
    return {"size": [height, width], "counts": code["counts"].decode()}
