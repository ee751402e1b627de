"""`lacss picture`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.names import AUTO_NUCLEI
from lacss_tools.io.project import Project, check_output
from lacss_tools.picture.settings import FORMATS, PictureSettings
from lacss_tools.screen.options import HERE, PatternOption, ProjectOption, SceneOption, WorkersOption, resolve
from lacss_tools.screen.settings_options import Given, with_settings


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("picture")(picture)


@with_settings("picture", PictureSettings)
def picture(
    cells: Annotated[
        Path | None,
        typer.Argument(help="Segmented cells in any format that lacss reads.", show_default="predictions/"),
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Their images.", show_default="images/")] = None,
    nuclei: Annotated[
        str, typer.Option(help="Folder of nucleus images, shown in blue; auto: dapi/ beside the images; none.")
    ] = AUTO_NUCLEI,
    channel: Annotated[
        str | None, typer.Option(help="Show this channel of the images: its index or name.", show_default="all")
    ] = None,
    scene: SceneOption = None,
    to: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)} (comma-separated).")] = FORMATS[0],
    sheet: Annotated[
        bool, typer.Option("--sheet", help="Write sheet.png too, with all pictures side by side.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="pictures/")
    ] = None,
    given: Given = Given(),
    workers: WorkersOption = 1,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Make pictures for slides and papers: images with their cells as lines or tinted, nuclei in blue, a scale bar.

    In svg and pdf lines and text stay sharp and can be changed. Pictures that exist are made again.
    """
    forms = _forms(to, sheet)
    from lacss_tools.formats.layout import Clues
    from lacss_tools.formats.sources import open_source
    from lacss_tools.io.lock import owned
    from lacss_tools.io.nuclei import Wanted, find_nuclei
    from lacss_tools.io.stains import images_in
    from lacss_tools.jobs import batch
    from lacss_tools.picture import steps
    from lacss_tools.picture.figure import colours
    from lacss_tools.screen import console

    home, settings = Project(project), given.over(PictureSettings())
    colours(1, settings.colour)  # known before anything is made
    path, folder = resolve(project, cells, home.predictions), resolve(project, output, home.root / "pictures")
    origin = resolve(project, images, home.images)
    files = images_in(origin, scene)
    source = open_source(path, Clues(tuple(files)))
    check_output(folder, path if path.is_dir() else path.parent, origin)
    shown = {stem: file for stem, file in files.items() if stem in source.files}
    if not shown:
        raise InputError(
            f"{path} holds cells of none of the images. Give both the same file names, or name the `scene`."
        )
    light = find_nuclei(shown, Wanted(channel, nuclei, None, project, scene), origin)
    console.say(f"{len(shown)} images {light.sentence()}")
    pictures = steps.Pictures(source, shown, light, channel, folder, forms, settings)
    with owned(folder, "lacss picture"), console.progress("picture") as advance:
        work = partial(steps.make, pictures=pictures)
        done = batch.run(pictures.jobs(), work, workers=workers, overwrite=True, advance=advance)
        sheets = [steps.write_sheet(folder, sorted(done.done))] if sheet and done.done else []
    for path in sheets:
        console.say(f"all together: {path}")
    console.finish(done, str(folder))


def _forms(text: str, sheet: bool) -> tuple[str, ...]:
    forms = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for form in forms:
        if form not in FORMATS:
            raise UsageError(f"`to` {form} is not possible. Choose from {', '.join(FORMATS)}.")
    if sheet and "png" not in forms:
        raise UsageError("`sheet` is made of pictures as png. Add png to `to`.")
    return forms
