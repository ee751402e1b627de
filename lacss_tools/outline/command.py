"""`lacss outline`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.io.names import AUTO_NUCLEI
from lacss_tools.io.project import Project, check_output
from lacss_tools.screen.options import HERE, DeviceOption, PatternOption, ProjectOption, SceneOption, resolve


def mount(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("outline")(outline)


def outline(
    images: Annotated[Path | None, typer.Argument(help="Cell images.", show_default="images/")] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Run folder or .safetensors file of the model that draws the cell at a click; cells: the starter "
            "model.",
            show_default="none, or the one that made --start",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Predictions to begin with (lacss predict, or another tool's): they come in as suggestions, to accept "
            "or to correct.",
            show_default="none",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the labels go.", show_default="labels/")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            help="Which images first: unsure (of whose cells the model is least sure), diverse (each unlike those "
            "before), random, name.",
            show_default="unsure with --start, else name",
        ),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(help="Show the model this channel alone: index or name.", show_default="as in training"),
    ] = None,
    nuclei: Annotated[
        str, typer.Option(help="Folder of nucleus images for a model that knows nuclei; auto: dapi/, or none.")
    ] = AUTO_NUCLEI,
    scene: SceneOption = None,
    diameter: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Typical cell diameter in pixels, where magnification differs from the training images.",
            show_default="as in training, or as for --start",
        ),
    ] = None,
    device: DeviceOption = "auto",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open no browser.")] = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Outline and correct cells in the browser: labels/STEM.tif and, beside it, labels/STEM.csv with who drew what.

    Opens a page on this machine only. A click draws the network's cell there; polygon, lasso, brush, eraser, split and
    merge work without a model too. ? shows all keys. Every action is saved at once and can be undone, also after a
    restart; Enter finishes an image and writes its labels. With --start, cells come in as suggestions and N goes to the
    next one in doubt. Labels that were made elsewhere are opened; before their first change they are copied to
    labels/original/.
    """
    from lacss_tools.outline.order import ORDERS

    if order is not None and order not in ORDERS:
        raise UsageError(f"There is no order {order!r}. Choose from {', '.join(ORDERS)}.")
    from lacss_tools.io.nuclei import Wanted
    from lacss_tools.network.shipped import model_path
    from lacss_tools.outline.page.app import outline_site
    from lacss_tools.outline.steps import Plan, made_with, open_desk, summary
    from lacss_tools.screen import console
    from lacss_tools.web.serve import serve

    home = Project(project)
    begin = None if start is None else project / start
    made = made_with(begin)
    net = model_path(project, model) if model is not None else made.model
    labels = resolve(project, output, home.labels)
    folder = resolve(project, images, home.images)
    check_output(labels, folder, *([begin] if begin else []))
    plan = Plan(
        project,
        folder,
        labels,
        begin,
        net,
        order,
        Wanted(channel, nuclei, None, project, scene),
        device,
        diameter or made.diameter,
    )
    desk = open_desk(plan)
    counts = ", ".join(f"{count} {state}" for state, count in desk.session.counts().items() if count)
    console.say(f"{len(desk.session.images)} images ({counts}); clicks are drawn by {net or 'nobody: no --model'}")
    with desk.network.serving() if desk.network else nullcontext():
        serve(outline_site(desk), port, open_browser=not no_browser, say=console.say)
    desk.session.save()
    for line in summary(desk.session):
        console.say(line)
    for what, line in zip(("Next", "or first measure the model"), desk.closing(), strict=False):
        console.say(f"{what}: {line}")
