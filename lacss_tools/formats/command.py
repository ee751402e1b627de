"""`lacss convert`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.formats.names import FORMATS, parse_formats
from lacss_tools.io.project import Project, check_output
from lacss_tools.screen.options import (
    HERE,
    CategoryOption,
    OverwriteOption,
    PatternOption,
    ProjectOption,
    SceneOption,
    SuffixOption,
    WorkersOption,
    resolve,
)

if TYPE_CHECKING:
    from lacss_tools.formats.lacss_json import LacssImage
    from lacss_tools.formats.sources import Segmentations
    from lacss_tools.jobs.batch import Job, Summary
    from lacss_tools.jobs.job import Work

PROJECT = "project"


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("convert")(convert)


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of label images, Cellpose _cp_masks or _seg.npy, ImageJ ROI zips or GeoJSON; labels of an "
            "OME-Zarr plate, as plate.zarr/labels/NAME; a COCO json; or the train.json of the paper's authors."
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
    suffix: SuffixOption = None,
    category: CategoryOption = None,
    scene: SceneOption = None,
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
    from lacss_tools.formats.layout import Clues
    from lacss_tools.formats.sources import open_source

    path, home = project / source, Project(project)
    if to == PROJECT and output is not None:
        raise UsageError("-o goes with --to FORMATS; a project is written to --project. Leave one out.")
    entries = steps.lacss_images(path)
    if entries is not None:
        if to != PROJECT:
            raise UsageError(f"{source} holds points and masks, no cells to write as {to}. Leave --to out.")
        _from_lacss(entries, home, workers, overwrite)
        return
    files = steps.image_files(resolve(project, images, home.images), images is not None, scene)
    formats = () if to == PROJECT else parse_formats(to)
    folder = resolve(project, output, home.root / "converted")
    if formats:
        check_output(folder, path if path.is_dir() else path.parent)
    cells = open_source(path, Clues(tuple(files), suffix, category))
    if formats:
        _to_formats(cells, files, folder, formats, workers, overwrite)
    else:
        _to_project(cells, files, home, workers, overwrite)


def _to_project(source: "Segmentations", images: dict[str, Path], home: Project, workers: int, overwrite: bool) -> None:
    from lacss_tools.formats import steps
    from lacss_tools.screen import console

    console.say(f"{source.kind}: cells of {len(source.files)} images")
    work = partial(steps.convert_image, source=source, images=images, home=home, overwrite=overwrite)
    done = _run(steps.conversion_jobs(source, home), work, source, workers, overwrite)
    if others := steps.misnamed_labels(source, home):
        console.say(others)
    console.finish(done, f"{home.lois}, {home.masks} and {home.labels}")


def _to_formats(
    source: "Segmentations",
    images: dict[str, Path],
    folder: Path,
    formats: tuple[str, ...],
    workers: int,
    overwrite: bool,
) -> None:
    from lacss_tools.formats import steps
    from lacss_tools.formats.names import COCO_OF_ALL
    from lacss_tools.formats.outputs import merge_coco
    from lacss_tools.io.lock import owned
    from lacss_tools.jobs.failures import attempt_last
    from lacss_tools.screen import console

    known = sum(stem in images for stem in source.files)
    console.say(f"{source.kind}: cells of {len(source.files)} images, {known} with an image")
    work = partial(steps.export_image, source=source, images=images, folder=folder, formats=formats)
    with owned(folder, "lacss convert"):
        done = _run(steps.export_jobs(source, folder, formats), work, source, workers, overwrite)
        if "coco" in formats:
            attempt_last(done, COCO_OF_ALL, lambda: merge_coco(folder, source.files))
    console.finish(done, str(folder))


def _run(jobs: "list[Job]", work: "Work", source: "Segmentations", workers: int, overwrite: bool) -> "Summary":
    """Do the jobs and say what of the source did not become a cell."""
    from lacss_tools.formats.steps import AllLeftOut
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    left = AllLeftOut(source.passed_over)
    with console.progress("convert") as advance:
        done = batch.run(jobs, work, workers=workers, overwrite=overwrite, advance=advance, receive=left.receive)
    for remark in left.remarks():
        console.say(remark)
    return done


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
