"""`lacss eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.options import HERE, DeviceOption, JsonOption, ProjectOption, resolve
from lacss_tools.project import Project, check_output

if TYPE_CHECKING:
    from lacss_tools.evaluate.steps import Find


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
        Path | None, typer.Option("--output", "-o", help="Where to write the report.", show_default="MODEL/report")
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

    home, path = Project(project), project / model
    truth = steps.pair_truth(resolve(project, images, home.images), resolve(project, labels, home.labels))
    predictions = path.is_dir() and not (path / "best.safetensors").exists()
    find = steps.from_label_folder(path) if predictions else _finder(path, device)
    beside = home.root / "eval" if predictions else (path if path.is_dir() else path.parent) / "report"
    folder = resolve(project, output, beside)
    check_output(folder, path)
    console.say(f"evaluating {model}: {truth.summary()}")
    with console.progress("eval") as advance:
        comparison = steps.compare(truth, find, score_cut, advance)
    report = steps.write_report(folder, str(model), comparison)
    result = comparison.result
    console.say(
        "  ".join(
            f"{name} {'-' if value is None else format(value, '.3f')}"
            for name, value in (
                ("AP50", result.ap50), ("AP75", result.ap75), ("mAP", result.map),
                ("FNR50", result.fnr50), ("AFNR", result.afnr), ("score cut", result.score_cut),
            )
        )
    )  # fmt: skip
    console.say(f"report: {report}")
    if as_json:
        console.emit_json(result.as_json())


def _finder(path: Path, device: str) -> "Find":
    from lacss_tools.train.predict import load_predictor

    predictor = load_predictor(path, device)
    return lambda stem, image: predictor(image)
