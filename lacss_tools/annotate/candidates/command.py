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
from lacss_tools.io.project import Project, check_output, find_images, find_tables, list_images, list_tables, place
from lacss_tools.io.stems import how_to_pair, several_stains
from lacss_tools.jobs.shard import refuse_overwriting, summarise
from lacss_tools.screen.options import (
    HERE,
    OverwriteOption,
    PatternOption,
    ProjectOption,
    SchedulerOption,
    ShardOption,
    WorkersOption,
    resolve,
)
from lacss_tools.screen.settings_options import Given, with_settings

if TYPE_CHECKING:
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
    shard: ShardOption = None,
    overwrite: OverwriteOption = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Cut every image into cells and background at several thresholds: candidates/STEM.tif, loosest first."""
    refuse_overwriting(shard, overwrite)
    settings = given.over(CutSettings())
    from lacss_tools.io.lock import owned
    from lacss_tools.io.stains import cells_of, images_in
    from lacss_tools.jobs import batch
    from lacss_tools.jobs.record import Record, beside

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    source, folder = project / images, resolve(project, output, Project(project).candidates)
    known = cells_of(source, resolve(project, lois, Project(project).lois))
    of_image = given.over(CellSettings(scene=known.scene, nuclei_channel=known.without))
    seeds = find_seeds(project, lois, nuclei, settings)
    check_output(folder, source, *seeds.values())
    settings = replace(settings, seeds=bool(seeds))  # so that results without are told from results with
    facts = {name: beside(path, folder) for name, path in {"images": source, **seeds}.items()}
    record = Record(folder, NAME, (settings, of_image), facts)
    run = partial(batch.run, workers=workers, scheduler=scheduler, overwrite=overwrite, shard=shard)
    files = images_in(source, of_image.scene)
    with owned(folder, f"lacss {NAME}", several=shard is not None):
        record.claim({stem: [path] for stem, path in find_images(folder).items()}, files, overwrite)
        _cut_all(source, files, seeds, settings, of_image, folder, run)


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
    found = {"lois": find_tables(home.lois), "nuclei": find_images(home.nuclei)}
    return {what: folder for what, folder in (("lois", home.lois), ("nuclei", home.nuclei)) if found[what]}


def _cut_all(
    source: Path,
    files: dict[str, Path],
    seeds: dict[str, Path],
    settings: CutSettings,
    of_image: CellSettings,
    folder: Path,
    run: "Run",
) -> None:
    from lacss_tools.annotate.candidates import steps
    from lacss_tools.io.stains import Stain
    from lacss_tools.jobs import batch
    from lacss_tools.jobs.failures import keep_failures
    from lacss_tools.screen import console

    cells = Stain(of_image.channel, of_image.nuclei_channel, of_image.scene)
    prefix = "x" if settings.relative else ""
    console.say(
        f"{len(files)} images in {source}; thresholds {','.join(f'{prefix}{t:g}' for t in settings.thresholds)}"
    )
    for line in [*several_stains(files), *steps.channels_remark(next(iter(files.values())), cells)]:
        console.say(line)
    beside, results = _beside(files, seeds), place(folder, ".tif")
    jobs = [batch.Job(stem, (path, *beside.get(stem, ())), results.file(stem)) for stem, path in files.items()]
    with console.progress("graph cut") as advance:
        work = partial(steps.cut_file, settings=settings, cells=cells)
        done = run(jobs, work, advance=advance)
    written, earlier = set(done.done), set(done.skipped)
    for line in [
        *steps.cut_remarks([job.output for job in jobs if job.stem in written]),
        *steps.stale_remark([job for job in jobs if job.stem in earlier]),
    ]:
        console.say(line)
    summarise([job.output for job in jobs], partial(steps.write_nuclei_table, folder / "nuclei.csv"))
    keep_failures(folder, done)
    console.finish(done, str(folder))


def _beside(files: dict[str, Path], seeds: dict[str, Path]) -> dict[str, tuple[Path]]:
    """Return the nuclei of each image that has some: its labels, or else its LOI table."""
    from lacss_tools.screen import console

    found: dict[str, tuple[Path]] = {}
    for what, folder in seeds.items():
        listed = list_tables(folder) if what == "lois" else list_images(folder)
        known = {stem: (path,) for stem, path in listed.items() if stem in files}
        way_out = "" if known else f". {how_to_pair(files, listed)}"
        console.say(f"{len(known)} of {len(files)} images have nuclei in {folder}{way_out}")
        found |= known
    return found
