"""Project in, check.html and check.json out."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lacss_tools.annotate.candidates.choice import middle_area, smooth_level, typical
from lacss_tools.annotate.check import page
from lacss_tools.annotate.check.advice import Advice, Missing, advise
from lacss_tools.annotate.check.closeup import Arrays, close_ups
from lacss_tools.annotate.check.findings import JudgedImage, Limits, MeasuredImage
from lacss_tools.annotate.check.judge import estimate_nucleus, judge, nucleus_per_cell
from lacss_tools.annotate.check.learned import WorkingImage, learn, scale_of, to_working
from lacss_tools.annotate.check.measure import dapi_level, measure_lois, measure_mask
from lacss_tools.annotate.check.overview import Overview, overview
from lacss_tools.annotate.check.record import from_text, to_text
from lacss_tools.annotate.check.related import relate
from lacss_tools.annotate.check.sources import NONE, Folders, LoadedAnnotation, Sources, load_annotation
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.lois.typical import nucleus_diameter
from lacss_tools.annotate.pick.session import IMAGES_FOR_AREA
from lacss_tools.annotate.pseudo.borders import Evidence, choose, describe, measure, pool
from lacss_tools.annotate.pseudo.names import AUTO
from lacss_tools.contrast import without_haze
from lacss_tools.errors import LacssError
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import write_text
from lacss_tools.jobs import batch

SHOWN, COMPARED = 24, 4
"""images on the contact sheet at most, and images without a fault beside them"""


@dataclass(frozen=True)
class Borders:
    """What parts touching cells in these images, how it was settled, and the working scale of both."""

    kind: str
    evidence: Evidence
    sentence: str
    scale: float


@dataclass(frozen=True)
class Check:
    """The outcome."""

    judged: list[JudgedImage]
    facts: Overview
    advice: list[Advice]
    missing: Missing
    failed: dict[str, str]
    borders: Borders | None = None
    """what parts touching cells; None where there are not images, masks and LOIs to tell"""


# ---- measuring ------------------------------------------------------------------------------------------------------


def check(
    folders: Folders,
    sources: Sources,
    limits: Limits,
    workers: int = 1,
    advance: Callable[[int, int], None] = lambda done, total: None,
    borders: str = AUTO,
) -> tuple[Check, batch.Summary]:
    """Measure every image, in `workers` processes, and judge the set. An image that cannot be read is named instead.

    `borders` are those that pseudo-labels are to be made for, as in training.
    """
    nucleus = _nucleus_diameter(list(sources.dapi.values()), folders.nuclei.channel)
    area = _typical_area(sources)
    with TemporaryDirectory() as scratch:
        jobs = [
            batch.Job(stem, sources.inputs(stem) or (sources.candidates[stem],), Path(scratch) / f"{stem}.json")
            for stem in sources.stems()
        ]
        work = partial(_measure, folders=folders, nucleus=nucleus, area=area)
        summary = batch.run(jobs, work, workers=workers, overwrite=True, advance=advance)
        images = [from_text(job.output.read_text(encoding="utf-8")) for job in jobs if job.output.exists()]
    images = [replace(one, source=sources.source(one.stem)) for one in images]
    nucleus = nucleus if nucleus is not None else estimate_nucleus(images)
    judged = judge(images, nucleus, limits)
    facts, missing = overview(judged, nucleus), sources.missing()
    settled = _settle_borders(judged, partial(_evidence, folders=folders, area=area), sources, workers, borders)
    advice = advise(judged, facts, missing) if judged else []
    return Check(judged, facts, advice, missing, summary.failed, settled), summary


def _nucleus_diameter(dapi: list[Path], channel: str | None) -> float | None:
    with suppress(LacssError):  # named when the turn of each image comes
        return nucleus_diameter(dapi, LoiSettings(), channel=channel) if dapi else None
    return None


def _settle_borders(
    judged: list[JudgedImage], work: Callable[..., Evidence], sources: Sources, workers: int, borders: str
) -> Borders | None:
    """Return what training will find out about borders, from all images that it will use."""
    scale = scale_of(judged)
    stems = [one.image.stem for one in judged if one.image.stem in sources.images and one.image.mask is not None]
    if scale is None or not stems:
        return None
    measured: dict[str, Evidence] = {}
    jobs = [batch.Job(stem, sources.inputs(stem), sources.images[stem]) for stem in stems]  # nothing is written
    batch.run(
        jobs,
        partial(work, scale=scale),
        workers=workers,
        overwrite=True,
        receive=lambda job, value: measured.update({job.stem: value}),
    )
    evidence = pool(measured[stem] for stem in sorted(measured))
    kind = choose(evidence) if borders == AUTO else borders
    return Borders(kind, evidence, describe(evidence, borders), scale)


def _evidence(job: batch.Job, folders: Folders, area: float | None, scale: float) -> Evidence:
    one = _working(load_annotation(job.inputs, folders, area), scale)
    return Evidence() if one is None else measure(one.image, one.mask, one.points)


def _working(loaded: LoadedAnnotation, scale: float) -> WorkingImage | None:
    """Return an image as training sees it, None if training cannot use it."""
    if loaded.image is None or loaded.mask is None or loaded.points is None:
        return None
    return to_working(loaded.image, loaded.mask, loaded.points, scale)


def _typical_area(sources: Sources) -> float | None:
    stems = [stem for stem in sources.candidates if stem in sources.lois and stem not in sources.masks]
    areas = []
    for stem in stems[:: max(1, len(stems) // IMAGES_FOR_AREA)]:
        try:
            areas.append(middle_area(read_candidates(sources.candidates[stem])[0], read_lois(sources.lois[stem])[0]))
        except LacssError:
            continue  # named when its turn comes
    return typical(areas)


def _measure(job: batch.Job, folders: Folders, nucleus: float | None, area: float | None) -> None:
    loaded = load_annotation(job.inputs, folders, area)
    shape = next((plane.shape[-2:] for plane in (loaded.image, loaded.mask, loaded.dapi) if plane is not None), None)
    lois = mask = relation = None
    dapi = None if loaded.dapi is None else without_haze(loaded.dapi)
    if loaded.points is not None:
        response = loaded.response if loaded.response is not None else np.ones(len(loaded.points))
        lois = measure_lois(loaded.points, response, shape, dapi, nucleus)
    if loaded.mask is not None:
        level = None if loaded.image is None else smooth_level(loaded.image)
        across = (
            nucleus
            if nucleus is not None
            else nucleus_per_cell(float(loaded.mask.sum()), 0 if loaded.points is None else len(loaded.points))
        )
        mask = measure_mask(loaded.mask, loaded.points, level, across / 2)
        bright = None if dapi is None else dapi_level(dapi)
        relation = relate(loaded.points, bright, level, loaded.mask, across)
    write_text(job.output, to_text(MeasuredImage(job.stem, shape, lois, mask, NONE, relation)))


# ---- writing --------------------------------------------------------------------------------------------------------


def write_report(folder: Path, outcome: Check, sources: Sources, folders: Folders) -> Path:
    """Write check.html and check.json and return the page's path."""
    write_text(folder / "check.json", json.dumps(as_json(outcome), indent=1, allow_nan=False) + "\n")
    worst = sorted((one for one in outcome.judged if one.findings), key=lambda one: -one.weight)[:SHOWN]
    lacking = {*outcome.missing.lois, *outcome.missing.masks}
    quiet = [one for one in outcome.judged if not one.findings and one.image.stem not in lacking]
    some = [quiet[k] for k in np.unique(np.linspace(0, len(quiet) - 1, min(COMPARED, len(quiet))).astype(int))]
    area = _typical_area(sources)
    show = partial(
        _shown,
        sources=sources,
        folders=folders,
        area=area,
        borders=outcome.borders,
        nucleus=outcome.facts.nucleus_diameter,
    )
    shown = [show(one) for one in worst], [show(one) for one in some]
    path = folder / "check.html"
    sentence = outcome.borders.sentence if outcome.borders else None
    write_text(path, page.report(outcome.judged, outcome.facts, outcome.advice, outcome.failed, *shown, sentence))
    return path


def _shown(
    one: JudgedImage,
    sources: Sources,
    folders: Folders,
    area: float | None,
    borders: Borders | None,
    nucleus: float | None,
) -> page.Shown:
    loaded = load_annotation(sources.inputs(one.image.stem), folders, area)
    working = _working(loaded, borders.scale) if borders else None
    learned = None
    if borders and working is not None and loaded.mask is not None and len(working.points):
        learned = learn(working, borders.kind, loaded.mask.shape)
    arrays = Arrays(loaded.image, loaded.dapi, loaded.mask, learned)
    close = () if nucleus is None else close_ups(one, arrays, nucleus)
    counts = (None, 0) if learned is None else (learned.cells, len(learned.giants))
    return page.Shown(one, loaded.image if loaded.image is not None else loaded.dapi, loaded.mask, close, *counts)


def as_json(outcome: Check) -> dict[str, Any]:
    """Return everything but the points, as plain numbers and words without nan."""
    return {
        **asdict(outcome.facts),
        "good": not any(one.findings for one in outcome.judged) and not outcome.failed,
        "advice": [asdict(line) for line in outcome.advice],
        "missing": asdict(outcome.missing),
        "failed": outcome.failed,
        "borders": _borders_json(outcome.borders),
        "images": [_image_json(one) for one in outcome.judged],
    }


def _borders_json(borders: Borders | None) -> dict[str, Any] | None:
    if borders is None:
        return None
    evidence = borders.evidence
    return {"kind": borders.kind, "contrast": evidence.contrast, "pairs": evidence.pairs, "text": borders.sentence}


def _image_json(one: JudgedImage) -> dict[str, Any]:
    lois, mask = one.image.lois, one.image.mask
    finite = [] if lois is None else lois.nearest[np.isfinite(lois.nearest)]
    return {
        "stem": one.image.stem,
        "n_lois": None if lois is None else len(lois.points),
        "nearest_median": float(np.median(finite)) if len(finite) else None,
        "nearest_min": float(np.min(finite)) if len(finite) else None,
        "doubles": None if lois is None else int(one.doubled.sum()),
        "on_dark": None if lois is None or lois.on_dark is None else int(lois.on_dark.sum()),
        "beyond": None if lois is None else int(lois.beyond.sum()),
        "outside": None if mask is None or mask.outside is None else int(mask.outside.sum()),
        "mask_from": one.image.source,
        "mask_fraction": None if mask is None else mask.fraction,
        "mask_without_loi": None if mask is None else mask.lonely,
        "area_per_loi": one.area_per_loi,
        "findings": [{"kind": finding.kind, "text": finding.text} for finding in one.findings],
    }
