"""Model or predictions and truth in, numbers and report out."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lacss_tools.arrays import Image
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.evaluate.figures import ap_and_fnr
from lacss_tools.evaluate.metrics import Evaluation, ImageResult, evaluate
from lacss_tools.evaluate.report import report
from lacss_tools.files import atomic, read_image, read_labels, write_table, write_text
from lacss_tools.project import IMAGE_SUFFIXES, Pairing, list_images, pair

Find = Callable[[str, Image], Cells]
"""stem and image -> detections"""


@dataclass(frozen=True)
class Comparison:
    """An evaluation with the fields behind it."""

    result: Evaluation
    fields: list[tuple[str, Image, Cells, Cells]]
    """name, image, detections, truth"""


def pair_truth(images: Path, labels: Path) -> Pairing:
    """Pair images and label images by stem."""
    return pair((images, list_images(images)), (labels, list_images(labels)))


def compare(
    pairing: Pairing,
    find: Find,
    score_cut: float | None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Find the cells of every image and compare them with the truth; InputError when sizes differ."""
    fields = []
    for number, (stem, (image_path, label_path)) in enumerate(pairing.paired.items(), start=1):
        image, truth = read_image(image_path), cells_from_labels(read_labels(label_path))
        if image.shape[1:] != truth.shape:
            raise InputError(f"{image_path} is {image.shape[1:]} pixels and {label_path} {truth.shape}. Give one size.")
        fields.append((stem, image, find(stem, image), truth))
        advance(number, len(pairing.paired))
    return Comparison(evaluate([(found, truth) for _, _, found, truth in fields], score_cut), fields)


def holds_predictions(path: Path) -> bool:
    """Return whether `path` is a folder of label images rather than a run or a file of weights."""
    names = [file.name.lower() for file in path.iterdir()] if path.is_dir() else []
    return any(name.endswith(IMAGE_SUFFIXES) for name in names) and not any(n.endswith(".safetensors") for n in names)


def pair_predictions(folder: Path, truth: Pairing) -> Pairing:
    """Pair predicted label images with the stems of `truth`; InputError when a prediction is missing.

    A missing file is an error and not a count of missed cells: it says nothing about the tool that was to write it.
    """
    files = list_images(folder)
    missing = [stem for stem in truth.paired if stem not in files]
    if missing:
        raise InputError(
            f"{folder} holds no prediction called {missing[0]!r} ({len(missing)} missing in all). "
            "Predict them, or leave those images out."
        )
    known = {stem: paths[0] for stem, paths in truth.paired.items()}
    return pair((folder, files), (next(iter(known.values())).parent, known))


def from_label_folder(predictions: Pairing) -> Find:
    """Return a finder that reads any tool's label images by stem; every cell has score 1."""
    files = {stem: paths[0] for stem, paths in predictions.paired.items()}

    def find(stem: str, image: Image) -> Cells:
        cells = cells_from_labels(read_labels(files[stem]))
        if cells.shape != image.shape[1:]:
            raise InputError(f"{files[stem]} is {cells.shape} pixels, its image {image.shape[1:]}. Give one size.")
        return cells

    return find


def write_report(folder: Path, title: str, comparison: Comparison) -> Path:
    """Write evaluation.json, images.csv (undefined is empty), ap_fnr.png and report.html; return the last."""
    result, names = comparison.result, [name for name, *_ in comparison.fields]
    write_text(folder / "evaluation.json", json.dumps(result.as_json(), indent=2, allow_nan=False) + "\n")
    header = ["image", *(field.name for field in dataclasses.fields(ImageResult))]
    rows = [[name, *dataclasses.astuple(line)] for name, line in zip(names, result.images, strict=True)]
    write_table(folder / "images.csv", header, rows)
    with atomic(folder / "ap_fnr.png") as part:
        part.write_bytes(ap_and_fnr({title: result}))
    write_text(folder / "report.html", report(title, result, names, comparison.fields))
    return folder / "report.html"
