"""`lacss annotate-lois`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.annotate.settings import LoiSettings
from lacss_tools.errors import UsageError
from lacss_tools.options import HERE, OverwriteOption, ProjectOption, WorkersOption, resolve
from lacss_tools.project import Project, check_output, list_images

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
        typer.Option(help="Typical diameter of a nucleus in pixels; auto: from the area of compact bright pieces."),
    ] = "auto",
    min_response: Annotated[
        float, typer.Option(help="Smallest filter response, where 1 is the contrast of the image.")
    ] = LOI.min_response,
    min_distance: Annotated[
        float | None,
        typer.Option(help="Points closer than this (pixels) are one.", show_default="0.3 nucleus diameters"),
    ] = None,
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Find one point per nucleus (LOI) in every DAPI image: lois/STEM.csv with y,x,response."""
    if sigma is not None and nucleus_diameter != "auto":
        raise UsageError("--sigma and --nucleus-diameter say the same thing twice. Give one of them.")
    settings = LoiSettings(sigma, _diameter(nucleus_diameter), min_response, min_distance)
    from lacss_tools import batch, console
    from lacss_tools.annotate import steps

    source, folder = project / dapi, resolve(project, output, Project(project).lois)
    check_output(folder, source)
    files = list_images(source)
    diameter = steps.nucleus_diameter(list(files.values()), settings)
    narrow, wide = settings.sigmas(diameter)
    how = "as given" if sigma or settings.nucleus_diameter else f"nuclei about {diameter:.1f} px across"
    console.say(f"{len(files)} images in {source}; sigma {narrow:.2f} and {wide:.2f} px ({how})")
    jobs = [batch.Job(stem, (path,), folder / f"{stem}.csv") for stem, path in files.items()]
    work = partial(steps.find_lois_of_file, settings=settings, diameter=diameter)
    with console.progress("LOIs") as advance:
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    console.finish(done, str(folder))


def _diameter(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--nucleus-diameter {text} is neither auto nor a number of pixels.") from None
