"""`lacss graphcut`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.annotate import WORKER_MODULES
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.settings import ChannelSettings
from lacss_tools.io.project import Project, check_output, list_images
from lacss_tools.screen.options import (
    HERE,
    OverwriteOption,
    ProjectOption,
    SchedulerOption,
    WorkersOption,
    resolve,
)
from lacss_tools.screen.settings_options import Given, with_settings

if TYPE_CHECKING:
    from lacss_tools.io.settings import SettingsRecord
    from lacss_tools.jobs.batch import Summary

    Run = Callable[..., Summary]

NAME = "graphcut"


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(NAME)(graphcut)


@with_settings(NAME, CutSettings, ChannelSettings)
def graphcut(
    images: Annotated[Path, typer.Argument(help="Folder of cell images.")] = Path("images"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="candidates/")
    ] = None,
    given: Given = Given(),
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Cut every image into cells and background at several thresholds: candidates/STEM.tif, loosest first."""
    settings, of_image = given.over(CutSettings()), given.over(ChannelSettings())
    from lacss_tools.io.settings import SettingsRecord
    from lacss_tools.jobs import batch

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    source, folder = project / images, resolve(project, output, Project(project).candidates)
    check_output(folder, source)
    record = SettingsRecord(folder, NAME, (settings, of_image), {"images": str(source.absolute())})
    run = partial(batch.run, workers=workers, scheduler=scheduler, overwrite=overwrite)
    _cut_all(source, settings, of_image, record, run)


def _cut_all(
    source: Path, settings: CutSettings, of_image: ChannelSettings, record: "SettingsRecord", run: "Run"
) -> None:
    from lacss_tools.annotate.candidates import steps
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    files = list_images(source)
    prefix = "x" if settings.relative else ""
    console.say(
        f"{len(files)} images in {source}; thresholds {','.join(f'{prefix}{t:g}' for t in settings.thresholds)}"
    )
    jobs = [batch.Job(stem, (path,), record.folder / f"{stem}.tif") for stem, path in files.items()]
    with console.progress("graph cut") as advance:
        work = partial(steps.cut_file, settings=settings, channel=of_image.channel)
        done = run(jobs, work, advance=advance, receive=record.receive)
    written = set(done.done)
    for line in (
        *steps.cut_remarks([job.output for job in jobs if job.stem in written]),
        *record.remarks(len(done.skipped)),
    ):
        console.say(line)
    console.finish(done, str(record.folder))
