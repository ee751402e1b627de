"""`lacss pick`."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.options import HERE, OverwriteOption, ProjectOption, resolve
from lacss_tools.project import Project, check_output


def pick(
    images: Annotated[Path | None, typer.Option(help="Cell images.", show_default="images/")] = None,
    candidates: Annotated[
        Path | None, typer.Option(help="Candidates of lacss graphcut.", show_default="candidates/")
    ] = None,
    lois: Annotated[Path | None, typer.Option(help="LOI tables, for the suggestion.", show_default="lois/")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where masks and picks.csv go.", show_default="masks/")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Choose by agreement with the LOIs, without a person; a person's picks stay.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open no browser.")] = False,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Pick the best of the candidates of each image: masks/STEM.tif and masks/picks.csv.

    Opens a page on this machine only: keys 1 to 5 choose and go on, Enter takes the suggestion, 0 rejects the image,
    U undoes. Every choice is saved at once; starting again continues.
    """
    from lacss_tools import console
    from lacss_tools.annotate import pick_steps as work

    home = Project(project)
    folder = resolve(project, output, home.masks)
    sources = [resolve(project, images, home.images), resolve(project, candidates, home.candidates)]
    check_output(folder, *sources)
    session = work.open_session(sources[0], sources[1], resolve(project, lois, home.lois), folder)
    console.say(f"{session.note}; {len(session.undecided())} to pick")
    if auto:
        with console.progress("pick") as advance:
            count, doubtful = work.pick_automatically(session, overwrite, advance)
        console.say(f"{count} picked by agreement with the LOIs: {folder}")
        if doubtful:
            console.say(f"look at these, they agree badly with their LOIs: {', '.join(doubtful)} (lacss pick)")
        return
    from lacss_tools.annotate.picker.serve import serve

    serve(session, port, open_browser=not no_browser, say=console.say)
    left = len(session.undecided())
    console.say(f"{left} left; lacss pick continues." if left else "All picked. Next: lacss train")
