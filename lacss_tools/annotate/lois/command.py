"""`lacss annotate-lois`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.annotate import WORKER_MODULES
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.errors import UsageError
from lacss_tools.io.project import Project, check_output, list_images
from lacss_tools.screen.options import (
    HERE,
    ChannelOption,
    OverwriteOption,
    ProjectOption,
    SchedulerOption,
    WorkersOption,
    resolve,
)

LOI = LoiSettings()


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("annotate-lois")(annotate_lois)


def annotate_lois(
    dapi: Annotated[Path, typer.Argument(help="Folder of nucleus images.")] = Path("dapi"),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="lois/")] = None,
    sigma: Annotated[
        tuple[float, float] | None,
        typer.Option(help="The two Gaussians in pixels; 4.2 5.0 is the paper's rule: every maximum, nothing merged."),
    ] = None,
    nucleus_diameter: Annotated[
        str,
        typer.Option(help="Typical diameter of a nucleus in pixels; auto: that of the nuclei found in twelve images."),
    ] = "auto",
    min_response: Annotated[
        float, typer.Option(help="Smallest filter response, where 1 is the contrast of the image.")
    ] = LOI.min_response,
    min_distance: Annotated[
        float, typer.Option(help="Of points closer than this (pixels), the strongest stays.")
    ] = LOI.min_distance,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of cell masks: points outside them are left out.", show_default="none")
    ] = None,
    flag: Annotated[
        bool, typer.Option("--flag", help="With --masks: keep points outside, marked 1 in the column outside.")
    ] = False,
    channel: ChannelOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Find one point per nucleus (LOI) in every DAPI image: lois/STEM.csv with y,x,response.

    By default a nucleus is the roundest piece among the level sets of a blob filter, so that large and small, touching
    and textured nuclei get one point each. --sigma 4.2 5.0 is the paper's rule instead.
    """
    if flag and masks is None:
        raise UsageError("--flag marks points outside the masks and needs --masks. Give the folder of masks.")
    if sigma is not None and nucleus_diameter != "auto":
        raise UsageError("--sigma and --nucleus-diameter say the same thing twice. Give one of them.")
    settings = LoiSettings(sigma, _diameter(nucleus_diameter), min_response, min_distance)
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    from lacss_tools.annotate.lois import steps

    source, folder = project / dapi, resolve(project, output, Project(project).lois)
    check_output(folder, source, *([project / masks] if masks else []))
    files = list_images(source)
    if sigma is not None:
        diameter, how = 0.0, f"sigma {sigma[0]:g} and {sigma[1]:g} px, every maximum"
    else:
        diameter = steps.nucleus_diameter(list(files.values()), settings, workers, channel)
        how = f"nuclei about {diameter:.1f} px across" + ("" if settings.nucleus_diameter else " (estimated)")
    console.say(f"{len(files)} images in {source}; {how}")
    covers = list_images(project / masks) if masks else {}
    if masks:
        console.say(f"{sum(stem in covers for stem in files)} of them have a mask in {project / masks}")
    jobs = [
        batch.Job(stem, (path, *([covers[stem]] if stem in covers else [])), folder / f"{stem}.csv")
        for stem, path in files.items()
    ]
    kept = "flag" if flag else "drop"
    work = partial(steps.find_lois_of_file, settings=settings, diameter=diameter, outside=kept, channel=channel)
    with console.progress("LOIs") as advance:
        done = batch.run(jobs, work, workers=workers, scheduler=scheduler, overwrite=overwrite, advance=advance)
    console.finish(done, str(folder))


def _diameter(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--nucleus-diameter {text} is neither auto nor a number of pixels.") from None
