"""`lacss train` and `lacss predict`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import InputError, UsageError
from lacss_tools.options import HERE, DeviceOption, OverwriteOption, ProjectOption, resolve
from lacss_tools.project import Project
from lacss_tools.train.settings import PRESETS, PredictSettings, TrainSettings

DEFAULT = TrainSettings()
PREDICT = PredictSettings()


def mount(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("train")(train)
    app.command("predict")(predict)


def train(
    images: Annotated[Path | None, typer.Option(help="Cell images.", show_default="images/")] = None,
    lois: Annotated[Path | None, typer.Option(help="LOI tables (weak).", show_default="lois/")] = None,
    masks: Annotated[Path | None, typer.Option(help="Picked masks (weak).", show_default="masks/")] = None,
    labels: Annotated[Path | None, typer.Option(help="Instance labels (full).", show_default="labels/")] = None,
    val_images: Annotated[Path | None, typer.Option(help="Images to validate on while training.")] = None,
    val_labels: Annotated[Path | None, typer.Option(help="Their instance labels; never trained on.")] = None,
    run: Annotated[str, typer.Option(help="Name of the run; it is written to runs/NAME.")] = "first",
    supervision: Annotated[str, typer.Option(help="weak (LOIs and masks) or full (labels).")] = DEFAULT.supervision,
    auxnet: Annotated[bool, typer.Option(help="Train with the border network (weak supervision).")] = DEFAULT.auxnet,
    preset: Annotated[str, typer.Option(help=f"Size of the network: {', '.join(PRESETS)}.")] = DEFAULT.preset,
    init: Annotated[Path | None, typer.Option(help="Start from these weights (run folder or .safetensors).")] = None,
    steps: Annotated[int, typer.Option(help="Training steps (ignored when --minutes is given).")] = DEFAULT.steps,
    minutes: Annotated[float | None, typer.Option(help="Train for this long instead of a number of steps.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Crops per step.")] = DEFAULT.batch,
    crop: Annotated[int, typer.Option(min=64, help="Side of a crop in working pixels; 32 divides it.")] = DEFAULT.crop,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = DEFAULT.learning_rate,
    device: DeviceOption = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = DEFAULT.seed,
    resume: Annotated[bool, typer.Option("--resume", help="Continue this run from its last checkpoint.")] = False,
    project: ProjectOption = HERE,
) -> None:
    """Train a network on LOIs and masks alone (or on labels with --supervision full).

    Give --val-images and --val-labels to watch the AP on a few outlined fields while it trains; the best weights are
    kept in runs/NAME/best.safetensors. Killed or interrupted, the same command with --resume continues.
    """
    if crop % 32:
        raise UsageError(f"--crop {crop} is not a multiple of 32. Give for example {max(64, crop // 32 * 32)}.")
    if (val_images is None) != (val_labels is None):
        raise UsageError("--val-images and --val-labels belong together. Give both or none.")
    from lacss_tools import console
    from lacss_tools.train import steps as work

    settings = replace(
        DEFAULT, preset=preset, supervision=supervision, auxnet=auxnet, steps=steps, minutes=minutes, seed=seed,
        batch=batch, crop=crop, learning_rate=learning_rate,
    )  # fmt: skip
    home = Project(project)
    folders = work.TrainingFolders(
        images=resolve(project, images, home.images),
        lois=resolve(project, lois, home.lois),
        masks=resolve(project, masks, home.masks),
        labels=resolve(project, labels, home.labels),
        val_images=project / val_images if val_images else None,
        val_labels=project / val_labels if val_labels else None,
    )
    with console.training_progress() as watch:
        best = work.train(
            folders, home.runs / run, settings, device=device, resume=resume,
            init=project / init if init else None, say=console.say, watch=watch,
        )  # fmt: skip
    console.say(f"best weights: {best}. Next: lacss predict {best.parent} IMAGES, or lacss eval.")


def predict(
    model: Annotated[Path, typer.Argument(help="Run folder or .safetensors file.")],
    images: Annotated[list[Path], typer.Argument(help="Image files or folders of images.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="predictions/")
    ] = None,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Drop cells that the network is less sure of than this (0 to 1).")
    ] = PREDICT.min_score,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Segment images: for each one a label TIFF and a CSV with a row per cell."""
    from functools import partial

    from lacss_tools import batch, console
    from lacss_tools.project import check_output, list_images, stem_of
    from lacss_tools.train import steps as work
    from lacss_tools.train.predict import load_predictor

    folder = resolve(project, output, Project(project).predictions)
    files: dict[str, Path] = {}
    for path in (project / given for given in images):
        check_output(folder, path if path.is_dir() else path.parent)
        found = list_images(path) if path.is_dir() else {stem_of(path): path}
        if double := set(found) & set(files):
            raise InputError(f"Several images are called {min(double)!r}. Predict them into different folders with -o.")
        files |= found
    predictor = load_predictor(project / model, device, replace(PREDICT, min_score=min_score))
    console.say(f"{len(files)} images, device {predictor.device}")
    jobs = [batch.Job(stem, (path,), folder / f"{stem}.tif") for stem, path in files.items()]
    with console.progress("predict") as advance:
        done = batch.run(jobs, partial(work.predict_file, predictor=predictor), overwrite=overwrite, advance=advance)
    console.finish(done, str(folder))
