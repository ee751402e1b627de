"""`lacss graphcut`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.annotate.settings import CutSettings, parse_thresholds
from lacss_tools.options import HERE, OverwriteOption, ProjectOption, WorkersOption, resolve
from lacss_tools.project import Project, check_output, list_images

CUT = CutSettings()
CUT_TEXT = ",".join(f"x{t:g}" for t in CUT.thresholds)


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("graphcut")(graphcut)


def graphcut(
    images: Annotated[Path, typer.Argument(help="Folder of cell images.")] = Path("images"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="candidates/")
    ] = None,
    thresholds: Annotated[
        str, typer.Option(help="Values in (0,1) of the normalised log intensity, or xF: multiples of Otsu's centre.")
    ] = CUT_TEXT,
    smoothness: Annotated[
        float, typer.Option(help="Cost of a border per neighbouring pixel pair, in nats; 0 is plain thresholding.")
    ] = CUT.smoothness,
    neighbours: Annotated[int, typer.Option(help="Neighbours of a pixel: 4 or 8.")] = CUT.neighbours,
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Cut every image into cells and background at several thresholds: candidates/STEM.tif, loosest first."""
    settings = CutSettings(*parse_thresholds(thresholds), smoothness, neighbours)
    from lacss_tools import batch, console
    from lacss_tools.annotate import steps

    source, folder = project / images, resolve(project, output, Project(project).candidates)
    check_output(folder, source)
    files = list_images(source)
    console.say(f"{len(files)} images in {source}; thresholds {thresholds}")
    jobs = [batch.Job(stem, (path,), folder / f"{stem}.tif") for stem, path in files.items()]
    with console.progress("graph cut") as advance:
        work = partial(steps.cut_file, settings=settings)
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    console.finish(done, str(folder))
