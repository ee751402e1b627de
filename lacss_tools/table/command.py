"""`lacss table`."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.io.project import Project, check_output
from lacss_tools.screen.options import HERE, PatternOption, ProjectOption, resolve


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("table")(table)


def table(
    predictions: Annotated[
        Path | None, typer.Argument(help="Folder that lacss predict wrote.", show_default="predictions/")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Regular expression that finds the group (well, plate, ...) in an image's name: '^([A-H]\\d+)'.",
            show_default="the wells of a plate",
        ),
    ] = None,
    group_table: Annotated[
        Path | None, typer.Option(help="Or a CSV with a column image and a column of groups.")
    ] = None,
    group_column: Annotated[str, typer.Option(help="The column of groups in --group-table.")] = "group",
    pixel_size: Annotated[
        float | None,
        typer.Option(
            min=1e-6, help="Micrometres per pixel, for images that do not say.", show_default="from the files"
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Names of the channels, comma-separated: actin,DAPI.", show_default="as in the files"),
    ] = None,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write the table of cells as cells.parquet too (needs pyarrow).")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="tables/")
    ] = None,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Join the tables of all images: cells.csv has a row per cell, images.csv and groups.csv counts and medians.

    A group is whatever you compare: a well, a plate, a treatment. Columns are those of predictions/STEM.csv, in
    micrometres too where the size of a pixel is known or given, and plate, well, field and time where names tell them,
    as those of an OME-Zarr plate and of a --pattern do.
    """
    from lacss_tools.io.lock import owned
    from lacss_tools.screen import console
    from lacss_tools.table import steps

    home = Project(project)
    path, folder = resolve(project, predictions, home.predictions), resolve(project, output, home.root / "tables")
    check_output(folder, path)
    names = tuple(name.strip() for name in channels.split(",")) if channels else ()
    wishes = steps.Wishes(
        group, project / group_table if group_table else None, group_column, pixel_size, names, parquet
    )
    with owned(folder, "lacss table"):
        count, written = steps.write_tables(path, folder, wishes)
    console.say(f"{count} cells: {', '.join(str(file) for file in written)}")
