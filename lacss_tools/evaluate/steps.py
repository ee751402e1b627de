"""Models or predictions and truth in, numbers and report out."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Image, Mask
from lacss_tools.cells import Cells
from lacss_tools.errors import InputError, LacssError
from lacss_tools.evaluate.figures import ap_and_fnr
from lacss_tools.evaluate.report import EvaluatedModel, report, shown_images
from lacss_tools.formats.layout import NO_CLUES, Clues
from lacss_tools.formats.outlined import Outlines
from lacss_tools.formats.sources import Segmentations, open_source
from lacss_tools.io.image import load
from lacss_tools.io.native import atomic, write_table, write_text
from lacss_tools.io.nuclei import FoundNuclei, Inputs, Wanted, find_nuclei
from lacss_tools.io.project import Pairing, pair
from lacss_tools.io.stems import called
from lacss_tools.metrics.bootstrap import intervals
from lacss_tools.metrics.metrics import ImageResult, Matched, choose_cut, compare, summarise
from lacss_tools.metrics.uncounted import Uncounted, leave_out

Find = Callable[[str, Image | None, tuple[int, int]], Cells]
"""stem, image (None where there is none) and (height, width) -> detections"""
Advance = Callable[[int, int], None]
ALL_CHANNELS = Inputs()

Pair = tuple[Cells, Cells]
"""detections and true cells of one image"""
WITHOUT = "ambiguous left out"
"""in the name of a result"""
MANY_ALONE = 0.4
"""fraction of the detections that touch no outlined cell, from which cells may be outlined only in part"""

CELLS_HEADER = ["model", "image", "kind", "cell", "y", "x", "area", "score", "outcome", "partner", "iou"]


@dataclass(frozen=True)
class Truth:
    """True cells by stem, and the image of each (none when no images were given)."""

    source: Segmentations
    pairing: Pairing
    images: dict[str, Path]
    inputs: Inputs = ALL_CHANNELS
    """how the images are read"""
    limits: "Limits" = field(default_factory=lambda: Limits())

    @property
    def stems(self) -> list[str]:
        """The images to evaluate."""
        return list(self.pairing.paired)

    def read(self, stem: str) -> tuple[Image | None, Outlines]:
        """Return an image and its outlines; InputError when their sizes differ."""
        image = self.image(stem)
        shape = None if image is None else (image.shape[1], image.shape[2])
        outlines = self.source.outlines(stem, shape, signed=True)
        if shape is not None and outlines.cells.shape != shape:
            name, size = self.source.files[stem], outlines.cells.shape
            raise InputError(f"{self.images[stem]} is {shape} pixels and {name} {size}. Give one size.")
        return image, outlines

    def image(self, stem: str) -> Image | None:
        """Return an image, with its nuclei if it has any as its last channel, None when there are none."""
        return self.inputs.read(self.images[stem]) if stem in self.images else None

    def cells_alone(self, stem: str) -> Image | None:
        """Return an image without its nuclei."""
        image = self.image(stem)
        return image[:-1] if image is not None and self.inputs.nuclei else image


@dataclass(frozen=True)
class Limits:
    """What the outlines cannot judge."""

    ambiguous: dict[str, list[int]] = field(default_factory=dict)
    """numbers of ambiguous cells by stem, beside those that the outlines themselves mark"""
    region: Segmentations | None = None
    """where cells are outlined, as areas in any format"""
    partial: bool = False
    """whether only some cells are outlined"""

    def both_ways(self, stem: str, outlines: Outlines, found: Cells) -> tuple[Pair, Pair]:
        """Return the detections and true cells that count, with ambiguous outlines among them and without.

        InputError for a number that no cell has.
        """
        listed = self.ambiguous.get(stem, [])
        if unknown := set(listed) - set(outlines.numbers.tolist()):
            raise InputError(f"{stem} has no cell {min(unknown)}, which is listed as ambiguous. Check the list.")
        ambiguous, region = outlines.ambiguous | np.isin(outlines.numbers, listed), self._region(stem, outlines)
        cells = outlines.counted.cells
        whole = leave_out(found, cells, Uncounted(np.zeros(len(cells), bool), region, self.partial))
        if not ambiguous.any():
            return whole, whole
        return whole, leave_out(found, outlines.cells, Uncounted(ambiguous, region, self.partial))

    def _region(self, stem: str, outlines: Outlines) -> Mask | None:
        if self.region is None:
            return None
        shape = outlines.cells.shape
        if stem not in self.region.files:
            raise InputError(f"{self.region.path} holds no region for {stem!r}. Add it, or leave the image out.")
        region = self.region.area(stem, shape)
        if region.shape != shape:
            raise InputError(f"{self.region.files[stem]} is {region.shape} pixels, its image {shape}. Give one size.")
        return region


def open_truth(
    images: Path | None, labels: Path, wanted: Wanted, limits: Limits | None = None, cells: Clues = NO_CLUES
) -> tuple[Truth, FoundNuclei]:
    """Pair images and truth of any format by stem; `images` is None when there are none. Nuclei come as they are found.

    InputError when some are missing that were asked for.
    """
    listed, limits = {} if images is None else wanted.images(images), limits or Limits()
    source = open_source(labels, replace(cells, stems=tuple(listed)))
    if images is None:
        return Truth(source, pair((labels, source.files)), {}, limits=limits), FoundNuclei()
    pairing = pair((images, listed), (labels, source.files))
    files = {stem: paths[0] for stem, paths in pairing.paired.items()}
    nuclei = find_nuclei(files, wanted, images)
    nuclei.demand_all()
    return Truth(source, pairing, files, Inputs(wanted.channel, nuclei.of), limits), nuclei


def check_ambiguous(truth: Truth) -> None:
    """Raise InputError when ambiguous cells are listed, but of none of the images; other images may be listed too."""
    listed = truth.limits.ambiguous
    if listed and not set(listed) & set(truth.stems):
        raise InputError(
            f"The list of ambiguous cells is of {next(iter(listed))!r} and others, the images are {truth.stems[0]!r} "
            "and others. Name images without their ending."
        )


def describe_first(truth: Truth) -> str:
    """Return a line about the first image: axes, channels, pixel size."""
    if not truth.images:
        return "no images: pictures are drawn on black"
    stem, first = next(iter(truth.images.items()))
    return f"{called(stem, first)}: {load(first).describe()}"


def pair_predictions(source: Segmentations, truth: Truth) -> Pairing:
    """Pair predictions with the stems of `truth`; InputError when one is missing.

    A missing file is an error and not a count of missed cells: it says nothing about the tool that was to write it.
    """
    missing = [stem for stem in truth.stems if stem not in source.files]
    if missing and len(missing) < len(truth.stems):
        raise InputError(
            f"{source.path} holds no prediction called {missing[0]!r} ({len(missing)} missing in all). "
            "Predict them, or leave those images out."
        )
    return pair(
        (source.path, source.files), (truth.source.path, {stem: truth.source.files[stem] for stem in truth.stems})
    )


def from_source(source: Segmentations) -> Find:
    """Return a finder that reads any tool's segmentation by stem; cells without a score have score 1."""

    def find(stem: str, image: Image | None, shape: tuple[int, int]) -> Cells:
        cells = source.cells(stem, shape)
        if cells.shape != shape:
            raise InputError(f"{source.files[stem]} is {cells.shape} pixels, its image {shape}. Give one size.")
        return cells

    return find


def from_model(predict: Callable[[Image], Cells], drop_nuclei: bool = False) -> Find:
    """Return a finder that asks a model; `drop_nuclei` leaves out the last channel of the images."""

    def find(stem: str, image: Image | None, shape: tuple[int, int]) -> Cells:
        assert image is not None  # a model is never evaluated without images
        return predict(image[:-1] if drop_nuclei else image)

    return find


def evaluate_model(
    name: str,
    truth: Truth,
    find: Find,
    score_cut: float | None = None,
    groups: dict[str, str] | None = None,
    advance: Advance = lambda done, total: None,
) -> list[EvaluatedModel]:
    """Find the cells of every image and compare them with the truth; `groups` is stem -> group.

    Where outlines are ambiguous there are two results: all outlines counted, and the ambiguous left out.
    """
    matched: list[tuple[Matched, Matched]] = []
    for number, stem in enumerate(truth.stems, start=1):
        image, outlines = truth.read(stem)
        try:
            whole, sure = truth.limits.both_ways(stem, outlines, find(stem, image, outlines.cells.shape))
            everything = compare(*whole)
            matched.append((everything, everything if sure is whole else compare(*sure)))
        except LacssError as error:
            raise type(error)(str(error) if stem in str(error) else f"{name}, {stem}: {error}") from error
        advance(number, len(truth.stems))
    first, second = ([pair[k] for pair in matched] for k in (0, 1))
    models = [_judged(name, first, truth.stems, score_cut, groups)]
    if any(one is not other for one, other in matched):
        models.append(_judged(f"{name}, {WITHOUT}", second, truth.stems, score_cut, groups))
    return models


def _judged(
    name: str, matched: list[Matched], stems: list[str], score_cut: float | None, groups: dict[str, str] | None
) -> EvaluatedModel:
    cut = choose_cut(matched) if score_cut is None else score_cut
    parts = {}
    for group in sorted(set((groups or {}).values())):
        members = [m for stem, m in zip(stems, matched, strict=True) if groups and groups[stem] == group]
        parts[group] = summarise(members, cut)
    return EvaluatedModel(name, matched, summarise(matched, cut), intervals(matched, cut), parts)


def alone(model: EvaluatedModel) -> int:
    """Return how many detections touch no true cell, where it looks as if only some cells were outlined, else 0.

    That is where most outlined cells are found, and so many detections are alone.
    """
    result = model.result
    kept = [np.flatnonzero(m.detections.scores >= result.score_cut) for m in model.matched]
    shared = [m.both.select(keep).shared for m, keep in zip(model.matched, kept, strict=True)]
    count = sum(int(np.count_nonzero(np.diff(matrix.indptr) == 0)) for matrix in shared)
    found = result.fnr50 is not None and result.fnr50 < 0.5
    return count if found and count > MANY_ALONE * result.n_detections else 0


def as_json(models: list[EvaluatedModel]) -> dict[str, Any]:
    """Return the numbers of the first model at the top level and, of several, those of each under `models`."""
    numbers = {model.name: _numbers(model) for model in models}
    return numbers[models[0].name] | ({"models": numbers} if len(models) > 1 else {})


def _numbers(model: EvaluatedModel) -> dict[str, Any]:
    groups = {name: result.as_json() for name, result in model.groups.items()}
    return model.result.as_json() | {"intervals": model.intervals} | ({"groups": groups} if groups else {})


def write_report(folder: Path, title: str, models: list[EvaluatedModel], truth: Truth) -> Path:
    """Write evaluation.json, images.csv, cells.csv (undefined is empty), ap_fnr.png, report.html; return that."""
    write_text(folder / "evaluation.json", json.dumps(as_json(models), indent=2, allow_nan=False) + "\n")
    header = ["model", "image", *(field.name for field in dataclasses.fields(ImageResult))]
    rows = [
        [model.name, stem, *dataclasses.astuple(line)]
        for model in models for stem, line in zip(truth.stems, model.result.images, strict=True)
    ]  # fmt: skip
    write_table(folder / "images.csv", header, rows)
    write_table(folder / "cells.csv", CELLS_HEADER, [row for model in models for row in _cell_rows(model, truth.stems)])
    with atomic(folder / "ap_fnr.png") as part:
        part.write_bytes(ap_and_fnr({model.name: model.result for model in models}))
    worst, best = shown_images(models)
    images = {k: truth.cells_alone(truth.stems[k]) for k in (*worst, *best)}
    write_text(folder / "report.html", report(title, models, truth.stems, images))
    return folder / "report.html"


def _cell_rows(model: EvaluatedModel, stems: list[str]) -> list[list[Any]]:
    """Return a row per detection (true, false, below the cut) and per true cell (found, missed), at IoU 0.5.

    Cells are numbered from 1 in the order of their file; a partner is the number of the other side's cell.
    """
    rows: list[list[Any]] = []
    pair_columns: list[Any]
    for stem, matched in zip(stems, model.matched, strict=True):
        iou, found = matched.both.iou(), {}
        partners = matched.partners[0].tolist()
        for k, (partner, score) in enumerate(zip(partners, matched.detections.scores.tolist(), strict=True)):
            kept, real = score >= model.result.score_cut, partner >= 0
            if kept and real:
                found[partner] = k
            outcome = ("true" if real else "false") if kept else "below the cut"
            pair_columns = [partner + 1, round(float(iou[k, partner]), 4)] if real else [None, None]
            y, x = matched.detections.locations[k].round(2).tolist()
            area = int(matched.both.areas[k])
            rows.append([model.name, stem, "detection", k + 1, y, x, area, score, outcome, *pair_columns])
        for j, ((y, x), area) in enumerate(
            zip(matched.truth.locations.round(2).tolist(), matched.both.true_areas.tolist(), strict=True)
        ):
            outcome, pair_columns = "missed", [None, None]
            if j in found:
                outcome, pair_columns = "found", [found[j] + 1, round(float(iou[found[j], j]), 4)]
            rows.append([model.name, stem, "truth", j + 1, y, x, area, None, outcome, *pair_columns])
    return rows
