"""`lacss annotate-lois`."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.annotate import NETWORK_MODULES, WORKER_MODULES
from lacss_tools.annotate.lois.settings import DOG, NETWORK, LoiSettings
from lacss_tools.annotate.settings import ChannelSettings
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.project import Project, check_output, find_tables, list_images, place
from lacss_tools.io.stems import how_to_pair, several_stains
from lacss_tools.jobs.shard import refuse_overwriting
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
from lacss_tools.settings import Values

NAME = "annotate-lois"
DAPI = Path("dapi")


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(NAME)(annotate_lois)


@with_settings(NAME, LoiSettings, ChannelSettings)
def annotate_lois(
    dapi: Annotated[Path, typer.Argument(help="Folder of nucleus images.")] = DAPI,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="lois/")] = None,
    given: Given = Given(),
    masks: Annotated[
        Path | None, typer.Option(help="Folder of cell masks: points outside them are left out.", show_default="none")
    ] = None,
    flag: Annotated[
        bool, typer.Option("--flag", help="With --masks: keep points outside, marked 1 in the column outside.")
    ] = False,
    nuclei_labels: Annotated[
        Path | None,
        typer.Option(
            help="With --method network: write the nuclei too, as a label image STEM.tif each, into this folder. "
            "lacss predict measures them.",
            show_default="none",
        ),
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    shard: ShardOption = None,
    overwrite: OverwriteOption = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Find one point per nucleus (LOI) in every DAPI image: lois/STEM.csv with y,x,response.

    By default a small network that comes along finds nuclei of any size, in each image by itself; nothing is
    downloaded. --method pieces needs no network: a nucleus is the roundest piece among the level sets of a blob filter.
    --method dog, or --sigma 4.2 5.0, is the paper's rule.
    """
    refuse_overwriting(shard, overwrite)
    if flag and masks is None:
        raise UsageError("`flag` marks points outside the masks and needs `masks`. Give the folder of masks.")
    settings, of_image = given.over(LoiSettings()), given.over(ChannelSettings())
    if nuclei_labels is not None and settings.rule != NETWORK:
        raise UsageError("`nuclei_labels` needs `method` network. The other methods find points alone.")
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    batch.warm_up(workers, scheduler, WORKER_MODULES + (NETWORK_MODULES if settings.rule == NETWORK else ()))
    from lacss_tools.annotate.lois import steps
    from lacss_tools.io.lock import owned
    from lacss_tools.io.stains import Stain, images_in
    from lacss_tools.jobs.failures import keep_failures
    from lacss_tools.jobs.record import Record, beside

    source, folder = project / dapi, resolve(project, output, Project(project).lois)
    nuclei = None if nuclei_labels is None else project / nuclei_labels
    for written in (folder, *([nuclei] if nuclei else [])):
        check_output(written, source, *([project / masks] if masks else []))
    if not source.is_dir() and dapi == DAPI and (images := Project(project).images).is_dir():
        raise InputError(
            f"{source} does not exist. If {images} shows the nuclei too, give that folder and the `channel`."
        )
    files = images_in(source, of_image.scene)
    diameter, how = _look_for(list(files.values()), settings, workers, of_image.channel)
    for line in [f"{len(files)} images in {source}; {how}", *several_stains(files)]:
        console.say(line)
    cells = Stain(scene=of_image.scene).found(Project(project).images)
    if cells and not cells.keys() & files.keys():
        console.say(f"None of them is called like an image of {Project(project).images}. {how_to_pair(files, cells)}")
    outside = steps.FLAG if flag else steps.DROP
    places = place(folder, ".csv"), place(nuclei, ".tif") if nuclei else None
    wanted = steps.Wanted(settings, *places, diameter, outside, of_image.channel, overwrite)
    jobs = [batch.Job(stem, inputs, wanted.pending(stem)) for stem, inputs in _inputs(files, project, masks)]
    facts: Values = {"dapi": beside(source, folder)}
    facts |= {"masks": beside(project / masks, folder), "outside": outside} if masks else {}
    notes: Values = {} if diameter is None else {"nucleus_diameter": round(diameter, 2)}
    record = Record(folder, NAME, (settings, of_image), facts, notes)
    work = partial(steps.annotate_file, wanted=wanted)
    run = partial(batch.run, workers=workers, scheduler=scheduler, overwrite=overwrite, shard=shard)
    with ExitStack() as stack:
        for owner in (folder, *([nuclei] if nuclei else [])):
            stack.enter_context(owned(owner, f"lacss {NAME}", several=shard is not None))
        tables = find_tables(folder)
        if overwrite:
            _keep_corrected([path for stem, path in tables.items() if stem in files], folder)
        record.claim({stem: [path] for stem, path in tables.items()}, files, overwrite)
        advance = stack.enter_context(console.progress("LOIs"))
        faults: dict[str, str | None] = {}
        done = run(jobs, work, advance=advance, receive=lambda job, fault: faults.update({job.stem: fault}))
        steps.note_written(folder, map(wanted.table, done.done))
    for line in steps.fault_remarks(faults):
        console.say(line)
    keep_failures(folder, done)
    console.finish(done, str(folder))


def _keep_corrected(tables: list[Path], folder: Path) -> None:
    from lacss_tools.annotate.lois import steps
    from lacss_tools.screen import console

    corrected, kept = steps.keep_corrected(folder, tables) if tables else ([], folder)
    if corrected:
        console.say(
            f"{len(corrected)} tables that are not as {NAME} wrote them, corrected by hand maybe, are in {kept}"
        )


def _inputs(files: dict[str, Path], project: Path, masks: Path | None) -> list[tuple[str, tuple[Path, ...]]]:
    """Return each stem with its image and its mask, where there is one."""
    from lacss_tools.screen import console

    if masks is None:
        return [(stem, (path,)) for stem, path in files.items()]
    covers = list_images(project / masks)
    console.say(f"{sum(stem in covers for stem in files)} of them have a mask in {project / masks}")
    return [(stem, (path, *([covers[stem]] if stem in covers else []))) for stem, path in files.items()]


def _look_for(files: list[Path], settings: LoiSettings, workers: int, channel: str | None) -> tuple[float | None, str]:
    """Return the diameter of nuclei to look for, None where the method needs none, and words on what is looked for."""
    if settings.rule == DOG:
        return None, "sigma {:g} and {:g} px, every maximum".format(*settings.gaussians)
    from lacss_tools.annotate.lois.typical import look_for

    diameter = look_for(files, settings, workers, channel)
    if diameter is None:
        return None, "nuclei of any size"
    return diameter, f"nuclei about {diameter:.1f} px across" + ("" if settings.nucleus_diameter else " (estimated)")
