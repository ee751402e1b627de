"""`lacss annotate-lois`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.annotate import NETWORK_MODULES, WORKER_MODULES
from lacss_tools.annotate.lois.settings import MIN_RESPONSE, MIN_SCORE, PAPER_SIGMA, LoiSettings
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
    method: Annotated[
        str,
        typer.Option(
            help="network: nuclei of any size, by a network that comes along; pieces: the roundest pieces of a blob "
            "filter; dog: the paper's rule."
        ),
    ] = LOI.method,
    sigma: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="The two Gaussians of the paper's rule in pixels (which this chooses): every maximum, nothing merged.",
            show_default="4.2 5.0",
        ),
    ] = None,
    nucleus_diameter: Annotated[
        str,
        typer.Option(help="Typical diameter of a nucleus in pixels; auto: the network measures it in each image."),
    ] = "auto",
    min_response: Annotated[
        float | None,
        typer.Option(
            help="Smallest score of a nucleus (network, 0 to 1), or smallest filter response, where 1 is the contrast "
            "of the image.",
            show_default=f"{MIN_SCORE:g} or {MIN_RESPONSE:g}",
        ),
    ] = LOI.min_response,
    smallest: Annotated[
        float,
        typer.Option(help="Leave out nuclei under this fraction of the typical diameter as debris (network)."),
    ] = LOI.smallest,
    min_distance: Annotated[
        float, typer.Option(help="Of points closer than this (pixels), the strongest stays.")
    ] = LOI.min_distance,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of cell masks: points outside them are left out.", show_default="none")
    ] = None,
    flag: Annotated[
        bool, typer.Option("--flag", help="With --masks: keep points outside, marked 1 in the column outside.")
    ] = False,
    nuclei_labels: Annotated[
        Path | None,
        typer.Option(help="Write the outlines of the nuclei too, as label images, into this folder (network)."),
    ] = None,
    channel: ChannelOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Find one point per nucleus (LOI) in every DAPI image: lois/STEM.csv with y,x,response.

    By default a small network finds the nuclei, of any size and in each image by itself; nothing is downloaded.
    --method dog is the paper's rule instead.
    """
    if flag and masks is None:
        raise UsageError("--flag marks points outside the masks and needs --masks. Give the folder of masks.")
    if sigma is not None and nucleus_diameter != "auto":
        raise UsageError("--sigma and --nucleus-diameter say the same thing twice. Give one of them.")
    settings = LoiSettings(method, sigma, _diameter(nucleus_diameter), min_response, smallest, min_distance)
    if nuclei_labels is not None and settings.rule != "network":
        raise UsageError("--nuclei-labels needs --method network. Other methods find points alone.")
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    batch.warm_up(workers, scheduler, (*WORKER_MODULES, *(NETWORK_MODULES if settings.rule == "network" else ())))
    from lacss_tools.annotate.lois import steps

    source, folder = project / dapi, resolve(project, output, Project(project).lois)
    outlines = None if nuclei_labels is None else project / nuclei_labels
    for written in (folder, *([outlines] if outlines else [])):
        check_output(written, source, *([project / masks] if masks else []))
    files = list_images(source)
    diameter = _typical_diameter(files, settings, workers, channel)
    console.say(f"{len(files)} images in {source}; {_how(settings, diameter)}")
    covers = list_images(project / masks) if masks else {}
    if masks:
        console.say(f"{sum(stem in covers for stem in files)} of them have a mask in {project / masks}")
    jobs = [
        batch.Job(
            stem,
            (path, *([covers[stem]] if stem in covers else [])),
            outlines / f"{stem}.tif" if outlines else folder / f"{stem}.csv",
        )
        for stem, path in files.items()
    ]
    wanted = steps.Wanted(settings, diameter, "flag" if flag else "drop", channel, folder, overwrite)
    work = partial(steps.find_nuclei_of_file if outlines else steps.find_lois_of_file, wanted=wanted)
    with console.progress("LOIs") as advance:
        done = batch.run(jobs, work, workers=workers, scheduler=scheduler, overwrite=overwrite, advance=advance)
    console.finish(done, str(folder))


def _typical_diameter(files: dict[str, Path], settings: LoiSettings, workers: int, channel: str | None) -> float | None:
    """Return the diameter that is given, or, where the method needs one, that of a dozen images."""
    if settings.nucleus_diameter is not None or settings.rule != "pieces":
        return settings.nucleus_diameter
    from lacss_tools.annotate.lois.typical import nucleus_diameter

    return nucleus_diameter(list(files.values()), workers, channel)


def _how(settings: LoiSettings, diameter: float | None) -> str:
    if settings.rule == "dog":
        narrow, wide = settings.sigma or PAPER_SIGMA
        return f"sigma {narrow:g} and {wide:g} px, every maximum"
    estimated = "" if settings.nucleus_diameter else " (estimated)"
    size = "nuclei of any size" if diameter is None else f"nuclei about {diameter:.1f} px across{estimated}"
    return f"{size}, by {settings.rule}"


def _diameter(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--nucleus-diameter {text} is neither auto nor a number of pixels.") from None
