"""`lacss graphcut`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.annotate import WORKER_MODULES
from lacss_tools.annotate.candidates.settings import FIJI_SMOOTHNESS, SMOOTHNESS, CutSettings, parse_thresholds
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

if TYPE_CHECKING:
    from lacss_tools.jobs.batch import Summary

CUT = CutSettings()
CUT_TEXT = ",".join(f"x{t:g}" for t in CUT.thresholds)
SMOOTHNESS_TEXT = f"{SMOOTHNESS:g}; with --fiji-compat {FIJI_SMOOTHNESS:g}"


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("graphcut")(graphcut)


def graphcut(
    images: Annotated[Path, typer.Argument(help="Folder of cell images.")] = Path("images"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="candidates/")
    ] = None,
    thresholds: Annotated[
        str, typer.Option(help="Values in (0,1) of the normalised intensity, or xF: multiples of the automatic centre.")
    ] = CUT_TEXT,
    smoothness: Annotated[
        float | None,
        typer.Option(
            help="Cost of a border per pair of neighbouring pixels, in nats; 0 is plain thresholding.",
            show_default=SMOOTHNESS_TEXT,
        ),
    ] = CUT.smoothness,
    neighbours: Annotated[int, typer.Option(help="Neighbours of a pixel: 4 or 8.")] = CUT.neighbours,
    contrast: Annotated[
        bool, typer.Option("--contrast", help="Make borders cheaper where the intensity changes, and along diagonals.")
    ] = CUT.contrast,
    center: Annotated[
        str, typer.Option(help="Rule for the centre of xF thresholds: otsu, li or triangle.")
    ] = CUT.center,
    intensity: Annotated[
        str, typer.Option(help="log (dim and bright cells alike) or linear, between the percentiles 2 and 99.8.")
    ] = CUT.intensity,
    log_strength: Annotated[
        float | None,
        typer.Option(
            help="How strong the log is: R of ln(1+R*n), n from 0 to 1; 10 for 8-bit pictures, 100 for camera values.",
            show_default="chosen per image",
        ),
    ] = CUT.log_strength,
    membrane: Annotated[
        float,
        typer.Option(
            help="For stains of the membrane (bright outline, dark inside): largest cell diameter to fill, px."
        ),
    ] = CUT.membrane,
    polarity: Annotated[
        str, typer.Option(help="Cells are bright or dark on their background; auto inverts only plainly dark ones.")
    ] = CUT.polarity,
    fiji_compat: Annotated[
        bool,
        typer.Option("--fiji-compat", help="Energy of Fiji's Graph_Cut, for old masks: its foreground bias is 1-t."),
    ] = CUT.fiji_compat,
    tile: Annotated[
        int, typer.Option(help="Images of more than TILE*TILE pixels are cut in overlapping tiles of this side, px.")
    ] = CUT.tile,
    overlap: Annotated[int, typer.Option(help="Pixels that neighbouring tiles share.")] = CUT.overlap,
    channel: ChannelOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Cut every image into cells and background at several thresholds: candidates/STEM.tif, loosest first."""
    values, relative = parse_thresholds(thresholds)
    settings = CutSettings(
        thresholds=values,
        relative=relative,
        smoothness=smoothness,
        neighbours=neighbours,
        contrast=contrast,
        center=center,
        intensity=intensity,
        log_strength=log_strength,
        membrane=membrane,
        polarity=polarity,
        fiji_compat=fiji_compat,
        tile=tile,
        overlap=overlap,
    )
    from lacss_tools.jobs import batch

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    source, folder = project / images, resolve(project, output, Project(project).candidates)
    run = partial(batch.run, workers=workers, scheduler=scheduler, overwrite=overwrite)
    _cut_all(source, folder, settings, channel, run)


def _cut_all(
    source: Path, folder: Path, settings: CutSettings, channel: str | None, run: Callable[..., "Summary"]
) -> None:
    from lacss_tools.annotate.candidates import steps
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    check_output(folder, source)
    files = list_images(source)
    prefix = "x" if settings.relative else ""
    console.say(
        f"{len(files)} images in {source}; thresholds {','.join(f'{prefix}{t:g}' for t in settings.thresholds)}"
    )
    jobs = [batch.Job(stem, (path,), folder / f"{stem}.tif") for stem, path in files.items()]
    with console.progress("graph cut") as advance:
        work = partial(steps.cut_file, settings=settings, channel=channel)
        done = run(jobs, work, advance=advance)
    written = set(done.done)
    for line in steps.cut_remarks([job.output for job in jobs if job.stem in written]):
        console.say(line)
    console.finish(done, str(folder))
