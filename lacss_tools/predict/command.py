"""`lacss predict`."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lacss_tools.errors import InputError, UsageError
from lacss_tools.formats.names import DEFAULT_FORMATS, FORMATS
from lacss_tools.io.project import Project
from lacss_tools.jobs.shard import refuse_overwriting, summarise
from lacss_tools.predict.settings import MEMORY, ImageSettings, PredictSettings, TileSettings
from lacss_tools.screen.options import (
    HERE,
    DeviceOption,
    OverwriteOption,
    PatternOption,
    ProjectOption,
    SchedulerOption,
    ShardOption,
    resolve,
)
from lacss_tools.screen.settings_options import Given, with_settings

if TYPE_CHECKING:
    from lacss_tools.jobs.batch import Summary
    from lacss_tools.predict.counts import Tally
    from lacss_tools.predict.predictor import Predictor
    from lacss_tools.predict.steps import Order

IMAGES_PER_WORKER = 8
"""fewer do not pay for starting a process"""
IMAGES_PER_GPU_WORKER = 200
"""the same where each process has to find its way to the GPU"""
MOST_ON_A_GPU = 8
"""processes, which wait for the same card"""
GPU_MEMORY_PER_WORKER = 3 * 2**30
"""bytes"""
WORKER_MODULES = ("torch", "scipy.spatial", "skimage.measure", "lacss_tools.predict.steps")


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict")(predict)


@with_settings("predict", PredictSettings, ImageSettings, TileSettings)
def predict(
    model: Annotated[Path, typer.Argument(help="Run folder, .safetensors file, or cells: the starter model.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, OME-Zarr images and plates, or folders of them.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write.", show_default="predictions/")
    ] = None,
    formats: Annotated[
        str,
        typer.Option("--format", help=f"What to write, comma-separated: {', '.join(FORMATS)}."),
    ] = DEFAULT_FORMATS,
    into: Annotated[
        str | None,
        typer.Option(
            help="Also write labels and tables into the images, all of them OME-Zarr, as labels/NAME and tables/NAME.",
            metavar="NAME",
            show_default="none",
        ),
    ] = None,
    lois: Annotated[
        Path | None,
        typer.Option(
            help="Folder of LOIs, STEM.csv: segment the cells at these points, such as the nuclei, in place of those "
            "that the network finds; --min-score does not count then.",
            show_default="none",
        ),
    ] = None,
    nuclei_labels: Annotated[
        Path | None,
        typer.Option(
            help="Folder of nucleus labels, STEM.tif, as lacss annotate-lois writes them: the tables then have the "
            "area of the nucleus, its ratio to the cytoplasm, and the intensity in both.",
            show_default="none",
        ),
    ] = None,
    given: Given = Given(),
    device: DeviceOption = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that work on images at the same time, of one thread each; 0: one per core.",
            show_default=f"one per core with {IMAGES_PER_WORKER} images or more for each, on a GPU up to "
            f"{MOST_ON_A_GPU} with {IMAGES_PER_GPU_WORKER} or more",
        ),
    ] = None,
    scheduler: SchedulerOption = None,
    batch_size: Annotated[
        str,
        typer.Option(
            rich_help_panel=MEMORY,
            help="Images of one size that the network sees at once, with one worker or on a GPU; auto: by device.",
        ),
    ] = "auto",
    shard: ShardOption = None,
    overwrite: OverwriteOption = False,
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Segment images: for each one a label TIFF, a CSV with a row per cell, and what else --format names.

    labels: TIFF of 16 or 32 bit with the image's pixel size. coco: run lengths and scores, one json per image and
    coco.json of all. roi: a zip for ImageJ's ROI Manager. geojson: drag onto the image in QuPath. csv: area (and
    over that of the image's median cell), shape, intensity per channel, centroid, score, in micrometres too when the
    pixel size is known; of nuclei with --nuclei-labels. contours: PNG for looking.
    A model that was trained with nuclei sees those in dapi/ too where all images have one, and works without.
    --into NAME writes labels and table into OME-Zarr images too.
    Every cell is one piece without holes. In labels, csv and contours a pixel belongs to one cell; in the others
    cells may overlap. Images of any size: large
    TIFF and OME-Zarr files are read, segmented and written part by part, and no cell is cut where parts meet.
    """
    refuse_overwriting(shard, overwrite)
    from lacss_tools.formats.names import parse_formats
    from lacss_tools.io.lock import owned
    from lacss_tools.io.nuclei import Wanted, find_nuclei
    from lacss_tools.io.zarr_labels import check_name
    from lacss_tools.jobs import batch
    from lacss_tools.screen import console

    wanted, at_once = parse_formats(formats), _batch_size(batch_size)
    if into is not None:
        check_name(into, wanted)
    folder = resolve(project, output, Project(project).predictions)
    own, tiling, of_images = given.over(PredictSettings()), given.over(TileSettings()), given.over(ImageSettings())
    files = _collect(project, images, folder, of_images.scene)
    points, measured = _loi_folder(project, lois, files), _nuclei_folder(project, nuclei_labels)
    batch.warm_up(_workers(workers, len(files), device), scheduler, WORKER_MODULES)
    from lacss_tools.network.shipped import model_path
    from lacss_tools.predict import record, steps, stores
    from lacss_tools.predict.counts import summary
    from lacss_tools.predict.predictor import load_predictor

    path = model_path(project, model)
    predictor = load_predictor(path, device, own, tiling, of_images.diameter)
    crew = 1 if scheduler else _workers(workers, len(files), str(predictor.device))
    asked = Wanted(of_images.channel, of_images.nuclei, of_images.nuclei_channel, project, of_images.scene)
    see = asked.for_model(*predictor.trained_on)
    nuclei = find_nuclei(files, see, *(project / given for given in images))
    console.say(f"{len(files)} images {nuclei.sentence()}, {_where(str(predictor.device), crew, scheduler)}")
    _describe_first(files)
    _describe_model(path, predictor, of_images.diameter)
    place = path.absolute(), folder.absolute()
    light = nuclei.source, nuclei.channel
    size, scene = of_images.diameter, of_images.scene
    order = steps.Order(*place, wanted, see.channel, *light, points, measured, size, device, own, tiling, scene)
    together = partial(steps.predict_together, order=order, batch=at_once, predictor=predictor if crew == 1 else None)
    group = 1 if predictor.device.type == "cpu" else steps.MOST_AT_ONCE
    run = partial(batch.run, workers=crew, scheduler=scheduler)
    segment = partial(run, together=together, group=group, overwrite=overwrite, shard=shard)
    write_back = partial(stores.write_all, order, files, into, run, shard=shard, overwrite=overwrite) if into else None
    targets = [project / path for path in images] if into else []
    with owned(folder, "lacss predict", several=shard is not None), stores.reserved(targets, shard is not None):
        if into:
            stores.claim(order, files, into, overwrite)
        record.claim(order, files, overwrite)
        steps.sweep(folder)
        inputs = steps.inputs_of(order, files, nuclei.of)
        tell = partial(summary, diameter=predictor.cell_diameter, probable=predictor.probable)
        _predict_all(inputs, folder, order, segment, tell, write_back)


def _predict_all(
    inputs: dict[str, tuple[Path, ...]],
    folder: Path,
    order: "Order",
    run: Callable[..., "Summary"],
    tell: Callable[[dict[str, "Tally"]], list[str]],
    write_back: Callable[..., "Summary"] | None,
) -> None:
    """Write the cells of all images with `run`, which is `batch.run`, and tell how many there are.

    `write_back` then writes them into the images too.
    """
    from lacss_tools.formats.names import COCO_OF_ALL, output_path, pending
    from lacss_tools.formats.outputs import merge_coco
    from lacss_tools.jobs.failures import attempt_last, keep_failures
    from lacss_tools.jobs.job import Job
    from lacss_tools.predict import steps
    from lacss_tools.predict.counts import Tally
    from lacss_tools.screen import console

    jobs = [Job(stem, paths, pending(folder, stem, order.formats)) for stem, paths in inputs.items()]
    counts: dict[str, Tally] = {}
    with console.progress("predict") as advance:
        work = partial(steps.predict_file, order=order)
        done = run(jobs, work, advance=advance, receive=lambda job, found: counts.update({job.stem: found}))
    for line in tell(counts | steps.counted(folder, done.skipped)):
        console.say(line)
    if write_back:
        with console.progress("write into images") as advance:
            done.follow(write_back(advance=advance))
    keep_failures(folder, done)
    if "coco" in order.formats:
        merged = [output_path(folder, stem, "coco") for stem in inputs]
        attempt_last(done, COCO_OF_ALL, lambda: summarise(merged, lambda _: merge_coco(folder, inputs)))
    console.finish(done, str(folder))


def _collect(project: Path, images: list[Path], folder: Path, scene: str | None) -> dict[str, Path]:
    """Return stem -> image of all files and folders given; InputError when two have one stem."""
    from lacss_tools.io.image import scene_names
    from lacss_tools.io.plates import is_store
    from lacss_tools.io.project import check_output, list_images
    from lacss_tools.io.scenes import with_scene
    from lacss_tools.io.stems import stem_of

    files: dict[str, Path] = {}
    for path in (project / given for given in images):
        check_output(folder, path if path.is_dir() and not is_store(path) else path.parent)
        found = list_images(path) if path.is_dir() else {stem_of(path): path}
        if double := set(found) & set(files):
            raise InputError(
                f"Several images are called {min(double)!r}. Predict them into different folders with `output`."
            )
        files |= found
    return with_scene(files, scene, scene_names)


def _loi_folder(project: Path, lois: Path | None, images: dict[str, Path]) -> Path | None:
    from lacss_tools.io.project import list_tables, pair

    if lois is None:
        return None
    pair((next(iter(images.values())).parent, images), (project / lois, list_tables(project / lois)))
    return (project / lois).absolute()


def _nuclei_folder(project: Path, nuclei: Path | None) -> Path | None:
    from lacss_tools.io.project import list_images

    if nuclei is None:
        return None
    list_images(project / nuclei)  # an error that names it if it is missing or empty
    return (project / nuclei).absolute()


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not int(text):
        raise UsageError(f"`batch_size` {text} is neither auto nor a number of images. Give auto, 1, 2, ...")
    return int(text)


def _workers(given: int | None, images: int, device: str) -> int:
    from lacss_tools.jobs.processes import cores

    if given is not None:
        return min(given or cores(), images)
    if device in ("auto", "cpu"):
        return max(1, min(cores(), images // IMAGES_PER_WORKER))
    return max(1, min(_room_on_gpu(device), cores(), images // IMAGES_PER_GPU_WORKER))


def _room_on_gpu(device: str) -> int:
    """Return for how many processes a GPU has memory."""
    import torch

    if not device.startswith("cuda"):
        return 1
    return min(MOST_ON_A_GPU, torch.cuda.mem_get_info(device)[0] // GPU_MEMORY_PER_WORKER)


def _where(device: str, workers: int, scheduler: str | None) -> str:
    if scheduler:
        return f"on the cluster {scheduler}"
    return f"device {device}" + (f", {workers} processes" if workers > 1 else "")


def _describe_first(files: dict[str, Path]) -> None:
    from lacss_tools.io.source import open_image
    from lacss_tools.io.stems import called
    from lacss_tools.screen import console

    stem, first = next(iter(files.items()))
    with suppress(InputError), open_image(first) as image:  # a bad file is named when its turn comes
        console.say(f"{called(stem, first)}: {image.note.describe()}")


def _describe_model(path: Path, predictor: "Predictor", told: float | None) -> None:
    """Say what a model of the package is, and which size of cells it takes for granted where none is told."""
    from lacss_tools.network.shipped import introduction
    from lacss_tools.screen import console

    for line in introduction(path):
        assumed = "" if told else f". It takes cells to be {predictor.cell_diameter:.0f} px across: set `diameter`"
        console.say(line + assumed)
