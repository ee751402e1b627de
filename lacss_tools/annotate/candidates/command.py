"""`lacss graphcut`."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.annotate import WORKER_MODULES
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.settings import CellSettings
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.project import IMAGE_SUFFIXES, Project, check_output, list_images, list_tables
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


@with_settings(NAME, CutSettings, CellSettings)
def graphcut(
    images: Annotated[Path, typer.Argument(help="Folder of cell images.")] = Path("images"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="candidates/")
    ] = None,
    lois: Annotated[
        Path | None, typer.Option(help="LOI tables: nuclei inside the cut.", show_default="lois/, where it is")
    ] = None,
    nuclei: Annotated[
        Path | None,
        typer.Option(help="Nucleus label images, better than LOIs alone.", show_default="nuclei/, where it is"),
    ] = None,
    given: Given = Given(),
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Cut every image into cells and background at several thresholds: candidates/STEM.tif, loosest first."""
    settings = given.over(CutSettings())
    from lacss_tools.io.lock import owned
    from lacss_tools.io.settings import SettingsRecord
    from lacss_tools.io.stains import cells_of
    from lacss_tools.jobs import batch

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    source, folder = project / images, resolve(project, output, Project(project).candidates)
    known = cells_of(source, resolve(project, lois, Project(project).lois))
    of_image = given.over(CellSettings(scene=known.scene, nuclei_channel=known.without))
    seeds = find_seeds(project, lois, nuclei, settings)
    check_output(folder, source, *seeds.values())
    settings = replace(settings, seeds=bool(seeds))  # so that results without are told from results with
    facts = {name: str(path.absolute()) for name, path in {"images": source, **seeds}.items()}
    record = SettingsRecord(folder, NAME, (settings, of_image), facts)
    run = partial(batch.run, workers=workers, scheduler=scheduler, overwrite=overwrite)
    with owned(folder, f"lacss {NAME}"):
        _cut_all(source, seeds, settings, of_image, record, run)


def find_seeds(project: Path, lois: Path | None, nuclei: Path | None, settings: CutSettings) -> dict[str, Path]:
    """Return the folders that nuclei are taken from, by what they are, in order of increasing precedence.

    Those named, or else those of the project that exist; none where `settings` want none.
    """
    asked = {"lois": lois, "nuclei": nuclei}
    named = {what: project / folder for what, folder in asked.items() if folder is not None}
    if named and (settings.fiji_compat or not settings.seeds):
        raise UsageError("`lois` and `nuclei` are of no use with `fiji_compat` or without `seeds`. Leave one out.")
    for folder in named.values():
        if not folder.is_dir():
            raise InputError(f"{folder} does not exist. Give the folder of LOI tables or nucleus labels.")
    if named or settings.fiji_compat or not settings.seeds:
        return named
    home = Project(project)
    usual = {"lois": (home.lois, (".csv",)), "nuclei": (home.nuclei, IMAGE_SUFFIXES)}
    return {
        what: folder
        for what, (folder, suffixes) in usual.items()
        if any(path.name.lower().endswith(suffixes) for path in folder.glob("[!.]*"))
    }


def _cut_all(
    source: Path,
    seeds: dict[str, Path],
    settings: CutSettings,
    of_image: CellSettings,
    record: "SettingsRecord",
    run: "Run",
) -> None:
    from lacss_tools.annotate.candidates import steps
    from lacss_tools.io.stains import Stain, images_in
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    files = images_in(source, of_image.scene)
    cells = Stain(of_image.channel, of_image.nuclei_channel, of_image.scene)
    prefix = "x" if settings.relative else ""
    console.say(
        f"{len(files)} images in {source}; thresholds {','.join(f'{prefix}{t:g}' for t in settings.thresholds)}"
    )
    for line in steps.channels_remark(next(iter(files.values())), cells):
        console.say(line)
    beside = _beside(files, seeds)
    jobs = [
        batch.Job(stem, (path, *beside.get(stem, ())), record.folder / f"{stem}.tif") for stem, path in files.items()
    ]
    with console.progress("graph cut") as advance:
        work = partial(steps.cut_file, settings=settings, cells=cells)
        done = run(jobs, work, advance=advance, receive=record.receive)
    written = set(done.done)
    for line in (
        *steps.cut_remarks([job.output for job in jobs if job.stem in written]),
        *record.remarks(len(done.skipped)),
    ):
        console.say(line)
    steps.write_nuclei_table(record.folder / "nuclei.csv", [job.output for job in jobs if job.output.exists()])
    console.finish(done, str(record.folder))


def _beside(files: dict[str, Path], seeds: dict[str, Path]) -> dict[str, tuple[Path]]:
    """Return the nuclei of each image that has some: its labels, or else its LOI table."""
    from lacss_tools.screen import console

    found: dict[str, tuple[Path]] = {}
    for what, folder in seeds.items():
        listed = list_tables(folder) if what == "lois" else list_images(folder)
        known = {stem: (path,) for stem, path in listed.items() if stem in files}
        console.say(f"{len(known)} of {len(files)} images have nuclei in {folder}")
        found |= known
    return found
