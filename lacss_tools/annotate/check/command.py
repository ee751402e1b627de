"""`lacss check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.annotate.pseudo.names import AUTO, BORDERS
from lacss_tools.errors import InputError, PartialError, UsageError
from lacss_tools.io.project import Project, check_output
from lacss_tools.screen.options import (
    HERE,
    CellChannelOption,
    DapiChannelOption,
    JsonOption,
    PatternOption,
    ProjectOption,
    WorkersOption,
    resolve,
)
from lacss_tools.settings import one_of

if TYPE_CHECKING:
    from lacss_tools.jobs.batch import Summary


def mount(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check")(check)


def check(
    images: Annotated[Path | None, typer.Option(help="Cell images.", show_default="images/")] = None,
    dapi: Annotated[Path | None, typer.Option(help="Nucleus images.", show_default="dapi/")] = None,
    channel: CellChannelOption = None,
    dapi_channel: DapiChannelOption = None,
    lois: Annotated[Path | None, typer.Option(help="LOI tables.", show_default="lois/")] = None,
    masks: Annotated[Path | None, typer.Option(help="Picked or own masks.", show_default="masks/")] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            help="Candidates; their automatic choice is checked where no mask is.", show_default="candidates/"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where check.html and check.json go.", show_default="check/")
    ] = None,
    borders: Annotated[
        str,
        typer.Option(
            help=f"What parts touching cells in the pseudo-labels that the page shows: {one_of(BORDERS)}; as in "
            "lacss train."
        ),
    ] = AUTO,
    as_json: JsonOption = False,
    workers: WorkersOption = 1,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Check LOIs and masks before hours of training: a page that shows what is wrong and says what to do.

    Finds doubled, shifted, missing and stray points, masks that are empty, full, inverted, too tight or of another
    image, images unlike the rest, and missing partners. Shows doubtful places close up, with the pseudo-labels that
    training will learn from.
    Works with LOIs alone or masks alone. What it finds does not change the exit code; files that cannot be read do.
    """
    from lacss_tools.annotate.check import steps
    from lacss_tools.annotate.check.findings import Limits
    from lacss_tools.annotate.check.sources import Folders, find_sources
    from lacss_tools.io.lock import owned
    from lacss_tools.io.stains import stains
    from lacss_tools.screen import console

    if borders not in BORDERS:
        raise UsageError(f"`borders` must be {one_of(BORDERS)}, not {borders}.")
    home = Project(project)
    given = {"images": images, "dapi": dapi, "lois": lois, "masks": masks, "candidates": candidates}
    for name, path in given.items():
        if path is not None and not (project / path).is_dir():
            raise InputError(f"{project / path} does not exist. Give the folder, or leave --{name} out.")
    places = {name: resolve(project, path, getattr(home, name)) for name, path in given.items()}
    found = stains(home, places["images"], places["lois"], places["candidates"], project / dapi if dapi else None)
    cells, places["dapi"], nuclei = found
    folders = Folders(**places, cells=cells.named(channel), nuclei=nuclei.named(dapi_channel))
    folder = resolve(project, output, home.check)
    check_output(folder, *(getattr(folders, name) for name in given))
    sources = find_sources(folders)
    console.say(f"checking {sources.sentence()}")
    with console.progress("check") as advance:
        outcome, summary = steps.check(folders, sources, Limits(), workers, advance, borders)
    if outcome.judged:
        with owned(folder, "lacss check"):
            report = steps.write_report(folder, outcome, sources, folders)
        for line in outcome.advice:
            console.say(f"- {line.text}")
        if outcome.borders:
            console.say(outcome.borders.sentence)
        if as_json:
            console.emit_json(steps.as_json(outcome))
        console.say(f"report: {report}")
    _raise_for(summary)


def _raise_for(summary: "Summary") -> None:
    from lacss_tools.screen import console

    for message in summary.failed.values():
        console.say(f"  failed: {message}")
    if summary.failed:
        kind = PartialError if summary.done else InputError
        raise kind(f"{len(summary.failed)} of {len(summary.failed) + len(summary.done)} images cannot be checked.")
