"""`lacss convert`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.options import HERE, OverwriteOption, ProjectOption, WorkersOption
from lacss_tools.project import Project


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

    Reads label images, such as the masks that Cellpose and StarDist save, from anywhere or from the project's own
    labels/; no other formats yet. LOIs and masks that exist are kept unless --overwrite.
    """
    from lacss_tools import batch, console
    from lacss_tools.formats import steps

    home = Project(project)
    jobs = steps.conversion_jobs(project / labels, home)
    with console.progress("convert") as advance:
        work = partial(steps.convert_labels, home=home, overwrite=overwrite)
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    console.finish(done, f"{home.lois}, {home.masks} and {home.labels}")
