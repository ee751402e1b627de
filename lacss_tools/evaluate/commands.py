"""`lacss eval`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.options import HERE, DeviceOption, JsonOption, ProjectOption, resolve
from lacss_tools.project import Project, check_output

if TYPE_CHECKING:
    from lacss_tools.evaluate.steps import Find


HEADER = ["AP50", "AP75", "mAP", "FNR50", "AFNR", "score cut", "cells", "detections"]


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval")(evaluate)


def evaluate(
    model: Annotated[
        Path, typer.Argument(help="Run folder, .safetensors file, or a folder of predicted label images.")
    ],
    images: Annotated[Path | None, typer.Option(help="Folder of images.", show_default="images/")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of true label images.", show_default="labels/")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to write the report.", show_default="MODEL/report; eval for label images"
        ),
    ] = None,
    score_cut: Annotated[
        float | None, typer.Option(help="Count detections from this score on.", show_default="the best F1 at IoU 0.5")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    project: ProjectOption = HERE,
) -> None:
    """Compare a model, or any tool's label images, with outlined cells: AP50..95, mAP, FNR, AFNR and a report page."""
    from lacss_tools import console
    from lacss_tools.evaluate import steps

    if score_cut is not None and not math.isfinite(score_cut):
        raise UsageError(f"--score-cut {score_cut} is not a number. Give a score such as 0.5.")
    home, path = Project(project), project / model
    inputs = resolve(project, images, home.images), resolve(project, labels, home.labels)
    predicted = steps.holds_predictions(path)
    beside = home.root / "eval" if predicted else (path if path.is_dir() else path.parent) / "report"
    folder = resolve(project, output, beside)
    check_output(folder, path, *inputs)
    truth = steps.pair_truth(*inputs)
    console.say(f"evaluating {model}: {truth.summary()}")
    if predicted:
        predictions = steps.pair_predictions(path, truth)
        console.say(f"predictions: {predictions.summary()}")
    find = steps.from_label_folder(predictions) if predicted else _finder(path, device)
    with console.progress("eval") as advance:
        comparison = steps.compare(truth, find, score_cut, advance)
    report = steps.write_report(folder, str(model), comparison)
    result = comparison.result
    numbers = [result.ap50, result.ap75, result.map, result.fnr50, result.afnr, result.score_cut]
    counts = [str(result.n_truth), str(result.n_detections)]
    console.table(HEADER, [["-" if number is None else f"{number:.3f}" for number in numbers] + counts])
    console.say(f"report: {report}")
    if as_json:
        console.emit_json(result.as_json())


def _finder(path: Path, device: str) -> "Find":
    from lacss_tools.train.predict import load_predictor

    predictor = load_predictor(path, device)
    return lambda stem, image: predictor(image)
