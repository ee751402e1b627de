"""`lacss pick`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.annotate import WORKER_MODULES
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.project import Project, check_output
from lacss_tools.jobs.shard import Shard, refuse_overwriting
from lacss_tools.screen.options import (
    HERE,
    CellChannelOption,
    DapiChannelOption,
    OverwriteOption,
    PatternOption,
    ProjectOption,
    SchedulerOption,
    ShardOption,
    WorkersOption,
    resolve,
)

if TYPE_CHECKING:
    from lacss_tools.annotate.pick.session import PickSession
    from lacss_tools.jobs.batch import Summary


def mount(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("pick")(pick)


def pick(
    images: Annotated[Path | None, typer.Option(help="Cell images.", show_default="images/")] = None,
    candidates: Annotated[
        Path | None, typer.Option(help="Candidates of lacss graphcut.", show_default="candidates/")
    ] = None,
    lois: Annotated[Path | None, typer.Option(help="LOI tables, for the suggestion.", show_default="lois/")] = None,
    dapi: Annotated[Path | None, typer.Option(help="Nucleus images, to look at.", show_default="dapi/")] = None,
    channel: CellChannelOption = None,
    dapi_channel: DapiChannelOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where masks and picks.csv go.", show_default="masks/")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Choose by agreement with the LOIs, without a person; a person's picks stay.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open no browser.")] = False,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    shard: ShardOption = None,
    overwrite: OverwriteOption = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Pick the best of the candidates of each image: masks/STEM.tif and masks/picks.csv.

    Opens a page on this machine only: keys 1 to 5 choose and go on, Enter takes the suggestion, R rejects the image,
    U undoes, E repairs the mask or the points, ? shows all keys. Every choice is saved at once; starting again
    continues. Repaired points go to the LOI table, whose first state stays in lois/original/. With --auto, --overwrite
    redoes automatic picks.
    """
    refuse_overwriting(shard, overwrite)
    if overwrite and not auto:
        raise UsageError("--overwrite redoes automatic picks and needs --auto. On the page, go back and choose again.")
    if (workers != 1 or scheduler is not None or shard is not None) and not auto:
        raise UsageError("--workers, --scheduler and --shard choose without a person and need --auto.")
    from lacss_tools.io.stains import stains
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    batch.warm_up(workers, scheduler, WORKER_MODULES)
    from lacss_tools.annotate.pick.session import open_session

    home = Project(project)
    folders = [resolve(project, images, home.images), resolve(project, candidates, home.candidates)]
    points, masks = resolve(project, lois, home.lois), resolve(project, output, home.masks)
    check_output(masks, *folders, points)
    if lois is not None and not points.is_dir():
        raise InputError(f"{points} does not exist. Give the folder of LOI tables, or leave --lois out.")
    cells, nuclei, light = stains(home, folders[0], points, folders[1], project / dapi if dapi else None)
    cells, light = cells.named(channel), light.named(dapi_channel)
    session = open_session(folders[0], folders[1], points, masks, nuclei, cells, light)
    console.say(f"{session.note}; {len(session.undecided())} to pick")
    if auto:
        run = partial(batch.run, workers=workers, scheduler=scheduler)
        _pick_automatically(session, overwrite, run, shard)
        return
    from lacss_tools.annotate.pick.page.app import picker_site
    from lacss_tools.web.serve import serve

    serve(picker_site(session), port, open_browser=not no_browser, say=console.say)
    left = len(session.undecided())
    console.say(f"{left} left; lacss pick continues." if left else "All picked. Next: lacss train")


def _pick_automatically(
    session: "PickSession", overwrite: bool, run: "Callable[..., Summary]", shard: Shard | None
) -> None:
    """Pick without a person, and say what one should look at."""
    from lacss_tools.annotate.pick.auto import pick_automatically
    from lacss_tools.jobs.failures import keep_failures
    from lacss_tools.screen import console

    with console.progress("pick") as advance:
        summary, doubts = pick_automatically(session, overwrite, partial(run, advance=advance), shard)
    badly, unstained, replaced = (", ".join(stems) for stems in (doubts.badly, doubts.unstained, doubts.replaced))
    if badly:
        console.say(f"{len(doubts.badly)} agree badly with their LOIs, look at them: {badly} (lacss pick)")
    if unstained:
        console.say(
            f"{len(doubts.unstained)} with many LOIs in unstained areas, other tissue or debris: {unstained} "
            "(lacss check tells whether the files belong together)"
        )
    if replaced:
        console.say(
            f"{len(doubts.replaced)} picked by a person from other candidates than now; their masks stay: {replaced} "
            "(lacss pick)"
        )
    keep_failures(session.masks, summary)
    console.finish(summary, str(session.masks))
