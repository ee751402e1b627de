"""The commands of the network: `lacss train` (in its own file) and `lacss predict`."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import InputError
from lacss_tools.formats.names import DEFAULT_FORMATS, FORMATS
from lacss_tools.options import HERE, DeviceOption, OverwriteOption, ProjectOption, resolve
from lacss_tools.project import Project
from lacss_tools.train.settings import PredictSettings

PREDICT = PredictSettings()


def mount(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from lacss_tools.train import train_command

    train_command.mount(app)
    app.command("predict")(predict)


def predict(
    model: Annotated[Path, typer.Argument(help="Run folder or .safetensors file.")],
    images: Annotated[list[Path], typer.Argument(help="Image files or folders of images.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="predictions/")
    ] = None,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Drop cells that the network is less sure of than this (0 to 1).")
    ] = PREDICT.min_score,
    formats: Annotated[
        str,
        typer.Option("--format", help=f"What to write, comma-separated: {', '.join(FORMATS)}."),
    ] = DEFAULT_FORMATS,
    channel: Annotated[
        str | None, typer.Option(help="Use this channel alone: its 0-based index or its name.", show_default="all")
    ] = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Segment images: for each one a label TIFF, a CSV with a row per cell, and what else --format names.

    labels: TIFF of 16 or 32 bit with the image's pixel size. coco: run lengths and scores, one json per image and
    coco.json of all. roi: a zip for ImageJ's ROI Manager. geojson: drag onto the image in QuPath. csv: area, shape,
    intensity per channel, centroid, score, in micrometres too when the pixel size is known. contours: PNG for looking.
    In labels, csv and contours a pixel belongs to one cell; in the others cells may overlap.
    """
    from functools import partial

    from lacss_tools import batch, console
    from lacss_tools.formats.names import parse_formats, pending
    from lacss_tools.formats.outputs import merge_coco
    from lacss_tools.imagefile import load
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
    wanted = parse_formats(formats)
    predictor = load_predictor(project / model, device, replace(PREDICT, min_score=min_score))
    console.say(f"{len(files)} images, device {predictor.device}")
    first = next(iter(files.values()))
    with suppress(InputError):  # a bad file is named when its turn comes
        console.say(f"{first.name}: {load(first).describe()}")
    jobs = [batch.Job(stem, (path,), pending(folder, stem, wanted)) for stem, path in files.items()]
    run_one = partial(work.predict_file, predictor=predictor, folder=folder, formats=wanted, channel=channel)
    with console.progress("predict") as advance:
        done = batch.run(jobs, run_one, overwrite=overwrite, advance=advance)
    if "coco" in wanted:
        merge_coco(folder, files)
    console.finish(done, str(folder))
