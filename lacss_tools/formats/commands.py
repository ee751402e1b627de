"""`lacss convert`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.options import HERE, OverwriteOption, ProjectOption, WorkersOption
from lacss_tools.project import Project, check_output, list_images


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("convert")(convert)


def convert(
    labels: Annotated[Path, typer.Argument(help="Folder of label images (TIFF or PNG; 0 is background).")],
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Turn outlined cells into a project: lois/ (a point in each cell), masks/ (cell area) and labels/.

    Reads label images, such as the masks that Cellpose and StarDist save; no other formats yet.
    """
    from lacss_tools import batch, console
    from lacss_tools.formats import steps

    home = Project(project)
    check_output(home.labels, labels)
    files = list_images(labels)
    jobs = [batch.Job(stem, (path,), home.labels / f"{stem}.tif") for stem, path in files.items()]
    with console.progress("convert") as advance:
        work = partial(steps.convert_labels, lois=home.lois, masks=home.masks)
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    console.finish(done, f"{home.lois}, {home.masks} and {home.labels}")
