"""`lacss eval`."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lacss_tools.errors import UsageError
from lacss_tools.io.names import AUTO_NUCLEI, NO_NUCLEI
from lacss_tools.io.project import Project, check_output
from lacss_tools.predict.settings import ImageSettings
from lacss_tools.screen.options import (
    HERE,
    CategoryOption,
    DeviceOption,
    JsonOption,
    PatternOption,
    ProjectOption,
    SuffixOption,
    resolve,
)
from lacss_tools.settings import known

if TYPE_CHECKING:
    from lacss_tools.evaluate.report import EvaluatedModel
    from lacss_tools.evaluate.steps import Find, Limits, Truth
    from lacss_tools.formats.sources import Segmentations
    from lacss_tools.io.nuclei import FoundNuclei, Wanted
    from lacss_tools.network.weights import Header


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval")(evaluate)


def _of_images(name: str) -> Any:
    about = known(ImageSettings)[name].about
    return typer.Option(min=about.least, help=about.help, show_default=about.shown or False)


def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Run folders, .safetensors files, cells (the starter model), or any tool's predictions: a folder of "
            "label images, Cellpose files, ImageJ ROI zips or GeoJSON, plate.zarr/labels/NAME, or a COCO json. Several "
            "are compared side by side.",
        ),
    ],
    images: Annotated[Path | None, typer.Option(help="Folder of images.", show_default="images/")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Truth: a folder of label images, Cellpose files, ImageJ ROI zips or GeoJSON, plate.zarr/labels/NAME, "
            "or a COCO json.",
            show_default="labels/",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to write the report.", show_default="MODEL/report; eval for predictions"
        ),
    ] = None,
    ambiguous: Annotated[
        Path | None,
        typer.Option(
            help="JSON of ambiguous outlines, image name to numbers of cells, such as joined neighbours: a second "
            "result leaves them and detections on them out. Negative labels and COCO's iscrowd are ambiguous too."
        ),
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(help="Where cells are outlined: masks, ROIs or GeoJSON by image name. Others do not count."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Only some cells are outlined: detections that touch none do not count.")
    ] = False,
    suffix: SuffixOption = None,
    category: CategoryOption = None,
    score_cut: Annotated[
        float | None,
        typer.Option(help="Count detections from this score on.", show_default="the best F1 at IoU 0.5, for each"),
    ] = None,
    channel: Annotated[str | None, _of_images("channel")] = None,
    nuclei: Annotated[str, _of_images("nuclei")] = AUTO_NUCLEI,
    nuclei_channel: Annotated[str | None, _of_images("nuclei_channel")] = None,
    diameter: Annotated[float | None, _of_images("diameter")] = None,
    scene: Annotated[str | None, _of_images("scene")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Numbers per group too: a regular expression whose bracket finds the group in file names.",
            show_default="the wells of a plate",
        ),
    ] = None,
    group_table: Annotated[
        Path | None, typer.Option(help="Numbers per group too: a CSV with a column image and a column of groups.")
    ] = None,
    group_column: Annotated[str, typer.Option(help="The column of groups in --group-table.")] = "group",
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Compare models, or any tool's segmentation, with outlined cells.

    Writes report.html (curves, errors by size, worst and best images), evaluation.json, images.csv and cells.csv.
    AP is the paper's (pooled, no interpolation); COCO's AP and TP / (TP + FP + FN) are given beside it by name.
    Pixels that several cells share count for each: masks are compared, not a flattened image, where the format keeps
    overlaps (COCO json, ROI zips, models).
    """
    from lacss_tools.evaluate import steps
    from lacss_tools.formats.layout import Clues
    from lacss_tools.formats.sources import is_source
    from lacss_tools.io.groups import groups_of
    from lacss_tools.io.lock import owned
    from lacss_tools.io.nuclei import Wanted
    from lacss_tools.screen import console

    if score_cut is not None and not math.isfinite(score_cut):
        raise UsageError(f"--score-cut {score_cut} is not a number. Give a score such as 0.5.")
    ImageSettings(diameter=diameter)
    home, paths = Project(project), [_located(project, model) for model in models]
    networks = [path for path in paths if not is_source(path)]  # the others are predictions
    folder = resolve(project, output, _default_output(paths, networks, home))
    truth_path = resolve(project, labels, home.labels)
    image_folder = _image_folder(resolve(project, images, home.images), images is not None or bool(networks))
    check_output(folder, *paths, truth_path, *([image_folder] if image_folder else []))
    limits = _limits(project / ambiguous if ambiguous else None, project / region if region else None, partial)
    told = _told(networks)
    see = _for_models(told, Wanted(channel, nuclei, nuclei_channel, project, scene))
    truth, found = steps.open_truth(image_folder, truth_path, see, limits, Clues((), suffix, category))
    console.say(f"truth: {truth.source.kind}, {truth.pairing.summary()}")
    steps.check_ambiguous(truth)
    console.say(steps.describe_first(truth))
    groups = groups_of(truth.stems, group, project / group_table if group_table else None, group_column)
    predicted = {path: _predictions(path, truth, category) for path in paths if path not in told}
    evaluated = []
    for name, path in zip(_names(models), paths, strict=True):
        own = predicted.get(path)
        find = steps.from_source(own) if own else _network(path, told[path], found, device, diameter)
        with console.progress(f"eval {name}") as advance:
            evaluated += steps.evaluate_model(name, truth, find, score_cut, groups, advance)
    for remark in [remark for source in (truth.source, *predicted.values()) for remark in source.remarks()]:
        console.say(remark)
    with owned(folder, "lacss eval"):
        report = steps.write_report(folder, ", ".join(_names(models)), evaluated, truth)
    console.table(["", *(model.name for model in evaluated)], _table(evaluated))
    if not (partial or region) and (alone := steps.alone(evaluated[0])):
        console.say(
            f"{alone} of {evaluated[0].result.n_detections} detections touch no outlined cell. If only some cells are "
            "outlined, give --partial, or the outlined area with --region."
        )
    console.say(f"report: {report}")
    if as_json:
        console.emit_json(steps.as_json(evaluated))


def _limits(ambiguous: Path | None, region: Path | None, partial: bool) -> "Limits":
    from lacss_tools.evaluate.steps import Limits
    from lacss_tools.formats.ambiguous import read_ambiguous
    from lacss_tools.formats.sources import open_source

    return Limits(read_ambiguous(ambiguous) if ambiguous else {}, open_source(region) if region else None, partial)


def _table(models: "list[EvaluatedModel]") -> list[list[str]]:
    """Return a row per number and a column per model: many models are rarer than many numbers."""
    from lacss_tools.evaluate.report import LINES, show_interval

    rows = []
    for name, key, value in LINES:
        numbers = [(value(model.result), model.intervals.get(key)) for model in models]
        rows.append([name, *("-" if n is None else f"{n:.3f}{show_interval(ends)}" for n, ends in numbers)])
    rows.append(["true cells", *(str(model.result.n_truth) for model in models)])
    rows.append(["detections", *(str(model.result.n_detections) for model in models)])
    return rows


def _names(models: list[Path]) -> list[str]:
    """Return the last part of each path, or whole paths when those are not distinct."""
    short = [model.name or str(model) for model in models]
    names = short if len(set(short)) == len(short) else [str(model) for model in models]
    if len(set(names)) < len(names):
        raise UsageError(f"{max(names, key=names.count)} is given twice. Name each model once.")
    return names


def _located(project: Path, given: Path) -> Path:
    """Return where predictions or a model lie; what there is under this name wins over a model of the package."""
    if (project / given).exists():
        return project / given
    from lacss_tools.network.shipped import model_path

    return model_path(project, given)


def _default_output(paths: list[Path], networks: list[Path], home: Project) -> Path:
    if len(paths) > 1 or not networks:
        return home.root / "eval"
    from lacss_tools.network.shipped import introduction

    if introduction(networks[0]):
        return home.root / "eval"
    return (paths[0] if paths[0].is_dir() else paths[0].parent) / "report"


def _image_folder(folder: Path, needed: bool) -> Path | None:
    """Return None when predictions are evaluated without images to draw them on."""
    return folder if needed or folder.is_dir() else None


def _told(networks: list[Path]) -> "dict[Path, Header]":
    """Return what each model says of itself."""
    if not networks:  # nor torch, then
        return {}
    from lacss_tools.network.weights import read_header

    return {path: read_header(path) for path in networks}


def _for_models(told: "dict[Path, Header]", wanted: "Wanted") -> "Wanted":
    """Return what is asked of the images with the channels that all models were trained on."""
    if not told:
        return replace(wanted, nuclei=NO_NUCLEI, nuclei_channel=None)
    channels = {path: header.channel for path, header in told.items()}
    if len(set(channels.values())) > 1:
        each = " and ".join(f"{path} on channel {channel or '(all)'}" for path, channel in channels.items())
        raise UsageError(f"{each} were trained on different channels. Evaluate them apart.")
    own = {header.nuclei_channel for header in told.values() if header.model.nuclei is not None}
    return wanted.for_model(bool(own), next(iter(channels.values())), own.pop() if len(own) == 1 else None)


def _predictions(path: Path, truth: "Truth", category: str | None) -> "Segmentations":
    from lacss_tools.evaluate import steps
    from lacss_tools.formats.layout import Clues
    from lacss_tools.formats.sources import open_source
    from lacss_tools.screen import console

    source = open_source(path, Clues(truth.stems, category=category), truth.source.path if truth.source.coco else None)
    console.say(f"{path.name}: {source.kind}, {steps.pair_predictions(source, truth).summary()}")
    return source


def _network(path: Path, told: "Header", nuclei: "FoundNuclei", device: str, diameter: float | None) -> "Find":
    """Return how a model finds cells, and say whether with nuclei: the last channel of images that have some."""
    from lacss_tools.evaluate import steps
    from lacss_tools.predict.predictor import load_predictor
    from lacss_tools.screen import console

    predictor = load_predictor(path, device, diameter=diameter).for_ap()
    knows = told.model.nuclei is not None
    console.say(f"{path.name}: {nuclei.sentence() if knows else 'trained without nuclei'}")
    return steps.from_model(predictor, drop_nuclei=bool(nuclei.of) and not knows)
