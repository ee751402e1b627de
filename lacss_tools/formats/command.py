"""`lacss convert`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.formats.names import FORMATS
from lacss_tools.io.project import Project, check_output
from lacss_tools.screen.options import HERE, OverwriteOption, PatternOption, ProjectOption, WorkersOption, resolve

if TYPE_CHECKING:
    from lacss_tools.formats.lacss_json import LacssImage

PROJECT = "project"


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("convert")(convert)


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of label images, Cellpose _cp_masks or _seg.npy, ImageJ ROI zips or GeoJSON; a COCO json; or "
            "the train.json of the paper's authors."
        ),
    ],
    to: Annotated[
        str,
        typer.Option(help=f"project (LOIs, masks and labels), or formats: {', '.join(FORMATS)} (comma-separated)."),
    ] = PROJECT,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of images: for sizes, intensities and contours.", show_default="images/"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where --to FORMATS writes.", show_default="converted/")
    ] = None,
    workers: WorkersOption = 1,
    overwrite: OverwriteOption = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Turn outlined cells into a project: lois/ (a point in each cell), masks/ (cell area) and labels/.

    Of two outlines that share an IoU of 0.8 one is dropped; where cells overlap, the smaller is on top in labels/. LOIs
    and masks that exist are kept unless --overwrite. With --to FORMATS the cells are written in other formats instead;
    no model is needed.
    """
    from lacss_tools.formats import steps

    path, home = project / source, Project(project)
    if to == PROJECT and output is not None:
        raise UsageError("-o goes with --to FORMATS; a project is written to --project. Leave one out.")
    entries = steps.lacss_images(path)
    if entries is not None:
        if to != PROJECT:
            raise UsageError(f"{source} holds points and masks, no cells to write as {to}. Leave --to out.")
        _from_lacss(entries, home, workers, overwrite)
        return
    files = steps.image_files(resolve(project, images, home.images), required=images is not None)
    if to == PROJECT:
        _to_project(path, files, home, workers, overwrite)
    else:
        folder = resolve(project, output, home.root / "converted")
        check_output(folder, path if path.is_dir() else path.parent)
        _to_formats(path, files, folder, to, workers, overwrite)


def _to_project(path: Path, images: dict[str, Path], home: Project, workers: int, overwrite: bool) -> None:
    from lacss_tools.formats import steps
    from lacss_tools.formats.sources import open_source
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    source = open_source(path)
    console.say(f"{source.kind}: cells of {len(source.files)} images")
    jobs = steps.conversion_jobs(source, home)
    work = partial(steps.convert_image, source=source, images=images, home=home, overwrite=overwrite)
    with console.progress("convert") as advance:
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    if dropped := steps.dropped_duplicates(source, home):
        console.say(f"{dropped} outlines are duplicates of others and were dropped")
    console.finish(done, f"{home.lois}, {home.masks} and {home.labels}")


def _to_formats(path: Path, images: dict[str, Path], folder: Path, to: str, workers: int, overwrite: bool) -> None:
    from lacss_tools.formats import steps
    from lacss_tools.formats.names import parse_formats
    from lacss_tools.formats.outputs import merge_coco
    from lacss_tools.formats.sources import open_source
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    formats = parse_formats(to)
    source = open_source(path)
    known = sum(stem in images for stem in source.files)
    console.say(f"{source.kind}: cells of {len(source.files)} images, {known} with an image")
    jobs = steps.export_jobs(source, folder, formats)
    work = partial(steps.export_image, source=source, images=images, folder=folder, formats=formats)
    with console.progress("convert") as advance:
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    if "coco" in formats:
        merge_coco(folder, source.files)
    console.finish(done, str(folder))


def _from_lacss(entries: "dict[str, LacssImage]", home: Project, workers: int, overwrite: bool) -> None:
    from lacss_tools.formats import steps
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    console.say(f"train.json: {len(entries)} images")
    inverted = steps.inverted_masks(entries)
    if inverted:
        console.say(f"{len(inverted)} masks are white on background and are inverted, first {inverted[0]}")
    work = partial(steps.convert_lacss_image, entries=entries, home=home, overwrite=overwrite)
    with console.progress("convert") as advance:
        jobs = steps.lacss_jobs(entries, home)
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance)
    console.finish(done, f"{home.lois}, {home.masks} and {home.images}")
