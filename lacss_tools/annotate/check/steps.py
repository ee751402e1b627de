"""Project in, check.html and check.json out."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lacss_tools.annotate.candidates.choice import middle_area, typical
from lacss_tools.annotate.check import page
from lacss_tools.annotate.check.advice import Advice, Missing, advise
from lacss_tools.annotate.check.judge import JudgedImage, Limits, MeasuredImage, estimate_nucleus, judge
from lacss_tools.annotate.check.measure import measure_lois, measure_mask
from lacss_tools.annotate.check.overview import Overview, overview
from lacss_tools.annotate.check.record import from_text, to_text
from lacss_tools.annotate.check.sources import NONE, Folders, Sources, load_field
from lacss_tools.annotate.lois.typical import nucleus_diameter
from lacss_tools.annotate.pick.session import IMAGES_FOR_AREA
from lacss_tools.errors import LacssError
from lacss_tools.io.native import read_candidates, read_lois, write_text
from lacss_tools.jobs import batch

SHOWN, COMPARED = 24, 4
"""fields on the contact sheet at most, and fields without a fault beside them"""


@dataclass(frozen=True)
class Check:
    """The outcome."""

    judged: list[JudgedImage]
    facts: Overview
    advice: list[Advice]
    missing: Missing
    failed: dict[str, str]


# ---- measuring ------------------------------------------------------------------------------------------------------


def check(
    folders: Folders,
    sources: Sources,
    limits: Limits,
    workers: int = 1,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Check, batch.Summary]:
    """Measure every field, in `workers` processes, and judge the set. A field that cannot be read is named instead."""
    nucleus = nucleus_diameter(list(sources.dapi.values())) if sources.dapi else None
    area = _typical_area(sources)
    with TemporaryDirectory() as scratch:
        jobs = [
            batch.Job(stem, sources.inputs(stem) or (sources.candidates[stem],), Path(scratch) / f"{stem}.json")
            for stem in sources.stems()
        ]
        work = partial(_measure, folders=folders, nucleus=nucleus, area=area)
        summary = batch.run(jobs, work, workers=workers, overwrite=True, advance=advance)
        fields = [from_text(job.output.read_text(encoding="utf-8")) for job in jobs if job.output.exists()]
    fields = [MeasuredImage(one.stem, one.shape, one.lois, one.mask, sources.source(one.stem)) for one in fields]
    nucleus = nucleus if nucleus is not None else estimate_nucleus(fields)
    judged = judge(fields, nucleus, limits)
    facts, missing = overview(judged, nucleus), sources.missing()
    return Check(judged, facts, advise(judged, facts, missing) if judged else [], missing, summary.failed), summary


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
    loaded = load_field(job.inputs, folders, area)
    shape = next((plane.shape[-2:] for plane in (loaded.image, loaded.mask, loaded.dapi) if plane is not None), None)
    lois = mask = None
    if loaded.points is not None:
        response = loaded.response if loaded.response is not None else np.ones(len(loaded.points))
        lois = measure_lois(loaded.points, response, shape, loaded.dapi, nucleus)
    if loaded.mask is not None:
        mask = measure_mask(loaded.mask, loaded.points, loaded.image)
    write_text(job.output, to_text(MeasuredImage(job.stem, shape, lois, mask, NONE)))


# ---- writing --------------------------------------------------------------------------------------------------------


def write_report(folder: Path, outcome: Check, sources: Sources, folders: Folders) -> Path:
    """Write check.html and check.json and return the page's path."""
    write_text(folder / "check.json", json.dumps(as_json(outcome), indent=1, allow_nan=False) + "\n")
    worst = sorted((one for one in outcome.judged if one.findings), key=lambda one: -one.weight)[:SHOWN]
    lacking = {*outcome.missing.lois, *outcome.missing.masks}
    quiet = [one for one in outcome.judged if not one.findings and one.field.stem not in lacking]
    some = [quiet[k] for k in np.unique(np.linspace(0, len(quiet) - 1, min(COMPARED, len(quiet))).astype(int))]
    area = _typical_area(sources)
    sheets = [[_shown(one, sources, folders, area) for one in ones] for ones in (worst, some)]
    path = folder / "check.html"
    write_text(path, page.report(outcome.judged, outcome.facts, outcome.advice, outcome.failed, *sheets))
    return path


def _shown(one: JudgedImage, sources: Sources, folders: Folders, area: float | None) -> page.Shown:
    loaded = load_field(sources.inputs(one.field.stem), folders, area)
    return page.Shown(one, loaded.image if loaded.image is not None else loaded.dapi, loaded.mask)


def as_json(outcome: Check) -> dict[str, Any]:
    """Return everything but the points, as plain numbers and words without nan."""
    return {
        **asdict(outcome.facts),
        "good": not any(one.findings for one in outcome.judged) and not outcome.failed,
        "advice": [asdict(line) for line in outcome.advice],
        "missing": asdict(outcome.missing),
        "failed": outcome.failed,
        "fields": [_field_json(one) for one in outcome.judged],
    }


def _field_json(one: JudgedImage) -> dict[str, Any]:
    lois, mask = one.field.lois, one.field.mask
    finite = [] if lois is None else lois.nearest[np.isfinite(lois.nearest)]
    return {
        "stem": one.field.stem,
        "n_lois": None if lois is None else len(lois.points),
        "nearest_median": float(np.median(finite)) if len(finite) else None,
        "nearest_min": float(np.min(finite)) if len(finite) else None,
        "doubles": None if lois is None else int(one.doubled.sum()),
        "on_dark": None if lois is None or lois.on_dark is None else int(lois.on_dark.sum()),
        "beyond": None if lois is None else int(lois.beyond.sum()),
        "outside": None if mask is None or mask.outside is None else int(mask.outside.sum()),
        "mask_from": one.field.source,
        "mask_share": None if mask is None else mask.share,
        "mask_without_loi": None if mask is None else mask.lonely,
        "area_per_loi": one.area_per_loi,
        "findings": [{"kind": finding.kind, "text": finding.text} for finding in one.findings],
    }
