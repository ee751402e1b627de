"""Files in, predictions out: one by one in worker processes and on clusters, or streamed in this process."""

import gc
import time
from collections.abc import Generator, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.formats.names import output_path
from lacss_tools.formats.nuclei import NucleusLabels, whole
from lacss_tools.io.names import NO_NUCLEI
from lacss_tools.io.native import read_labels
from lacss_tools.io.project import find_images, place
from lacss_tools.io.source import ImageSource, Nuclei, OpenImage, open_image
from lacss_tools.jobs.job import Job, Outcome
from lacss_tools.predict.counts import Tally, tally, tally_of_table
from lacss_tools.predict.found import Found
from lacss_tools.predict.outputs import write_found
from lacss_tools.predict.predictor import Predictor, load_predictor
from lacss_tools.predict.settings import PredictSettings, TileSettings
from lacss_tools.predict.stream import Stages, stream

PIXELS_AT_ONCE = {"cpu": 2**18}
PIXELS_AT_ONCE_ELSEWHERE = 2**24
"""working pixels of a batch: larger ones are no faster"""
MOST_AT_ONCE = 64
"""images of a batch, however small they are"""
ABANDONED_SECONDS = 3600.0
"""a temporary file that has not changed for so long is left over from a killed run"""


@dataclass(frozen=True)
class Order:
    """What to do with each image: which model to use, what to write and where."""

    model: Path
    folder: Path
    formats: tuple[str, ...]
    channel: str | None = None
    nuclei: str = NO_NUCLEI
    """a folder, or AUTO_NUCLEI for a channel of the images"""
    nuclei_channel: str | None = None
    lois: Path | None = None
    nuclei_labels: Path | None = None
    """folder of nucleus labels, STEM.tif, which the tables then measure"""
    diameter: float | None = None
    device: str = "auto"
    settings: PredictSettings = field(default_factory=PredictSettings)
    tiling: TileSettings = field(default_factory=TileSettings)
    scene: str | None = None
    """of files with several images"""


def inputs_of(order: Order, images: Mapping[str, Path], nuclei: Mapping[Path, Nuclei]) -> dict[str, tuple[Path, ...]]:
    """Return the files to read by stem: the image, that of its nuclei, and a table of LOIs, at which cells are."""
    tables = place(order.lois, ".csv") if order.lois else None
    return {
        stem: (path, *([nuclei[path].path] if path in nuclei else []), *([tables.file(stem)] if tables else []))
        for stem, path in images.items()
    }


def predict_file(job: Job, order: Order) -> Tally:
    """Write the cells of one image (job.inputs[0]) and count them; the model is loaded once per process.

    Its other inputs are as `inputs_of` lists them.
    """
    predictor = _loaded(order, _version(order.model))
    with _open_inputs(job, order) as image:
        found = _find(predictor, image)
        write_found(order.folder, job.stem, image, found, order.formats, _nuclei_of(job, order, image))
    return _tally(found, image)


def predict_together(
    jobs: list[Job], order: Order, batch: int | None, predictor: Predictor | None = None
) -> Generator[tuple[Job, Outcome], None, None]:
    """Yield each job with its outcome, as `predict_file` leaves it; small images of one size go in batches.

    `batch` None chooses by device and by the size of the first image; without a `predictor` the model is loaded, once
    per process.
    """
    if not jobs:
        return
    predictor = predictor or _loaded(order, _version(order.model))

    def kind(opened: Opened) -> Hashable:
        shape = opened.image.seen.shape
        if opened.image.lois is not None or not opened.image.in_memory:
            return None
        return shape if predictor.is_small(predictor.frame(shape)) else None

    def compute(opened: list[Opened]) -> list[Found]:
        if len(opened) == 1:
            with _closed_on_error(opened[0].stack):
                return [_find(predictor, opened[0].image)]
        return predictor.find_together([_seen(predictor, one.image) for one in opened])

    def write(job: Job, opened: Opened, found: Found) -> Tally:
        with opened.stack:
            nuclei = _nuclei_of(job, order, opened.image)
            write_found(order.folder, job.stem, opened.image, found, order.formats, nuclei)
        return _tally(found, opened.image)

    stages = Stages(lambda job: _open(job, order), kind, compute, write)
    yield from stream(jobs, stages, batch or _usual_batch(jobs, order, predictor))


@dataclass(frozen=True)
class Opened:
    """An image and what closes its file."""

    image: OpenImage
    stack: ExitStack


@contextmanager
def _closed_on_error(stack: ExitStack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stack.close()
        raise


def _open(job: Job, order: Order) -> Opened:
    stack = ExitStack()
    return Opened(stack.enter_context(_open_inputs(job, order)), stack)


def _open_inputs(job: Job, order: Order) -> AbstractContextManager[OpenImage]:
    image, *others = job.inputs
    nuclei = None if order.nuclei == NO_NUCLEI else Nuclei(others[0], order.nuclei_channel)
    return open_image(image, order.channel, others[-1] if order.lois else None, nuclei)


def _find(predictor: Predictor, image: OpenImage) -> Found:
    try:
        return predictor.find(_seen(predictor, image), image.lois)
    except InputError as error:
        path = str(image.path)
        raise error if path in str(error) else InputError(f"{path}: {error}") from error


def _seen(predictor: Predictor, image: OpenImage) -> ImageSource:
    """Return what the network sees; InputError where it would take a channel for nuclei that nobody called so."""
    given = image.seen.shape[0]
    if predictor.knows_nuclei and image.nuclei is None and given == predictor.model.settings.channels:
        raise InputError(
            f"The image has {given} channels, and the model sees nuclei as the last one. Name the `nuclei_channel`, or "
            "the `channel` of the cells."
        )
    return image.seen


def _nuclei_of(job: Job, order: Order, image: OpenImage) -> NucleusLabels | None:
    """Return the nuclei to measure; InputError when there are none for this image, or those of another size."""
    if order.nuclei_labels is None or "csv" not in order.formats:
        return None
    path = find_images(order.nuclei_labels).get(job.stem)
    if path is None:
        missing = order.nuclei_labels / f"{job.stem}.tif"
        raise InputError(f"{image.path} has no nuclei: {missing} does not exist. Run lacss annotate-lois.")
    labels = read_labels(path)
    if labels.shape != image.source.shape[1:]:
        raise InputError(f"{path} is {labels.shape} pixels and {image.path} {image.source.shape[1:]}. Give its own.")
    return whole(labels)


def _tally(found: Found, image: OpenImage) -> Tally:
    return tally(found, None if image.lois is None else len(image.lois))


def _usual_batch(jobs: list[Job], order: Order, predictor: Predictor) -> int:
    for job in jobs:
        try:
            with open_image(job.inputs[0], order.channel) as image:
                size = predictor.frame(image.source.shape).size
        except InputError:
            continue  # named when its turn comes
        most = PIXELS_AT_ONCE.get(predictor.device.type, PIXELS_AT_ONCE_ELSEWHERE)
        return max(1, min(MOST_AT_ONCE, most // (size[0] * size[1])))
    return 1


@lru_cache(maxsize=1)
def _loaded(order: Order, version: tuple[float, int]) -> Predictor:
    gc.collect()  # of a model that was overwritten since
    return load_predictor(order.model, order.device, order.settings, order.tiling, order.diameter)


def _version(model: Path) -> tuple[float, int]:
    """Return a stamp that changes when weights are overwritten."""
    from lacss_tools.network.weights import weights_file

    path = weights_file(model)
    if not path.is_file():
        return 0.0, 0
    status = path.stat()
    return status.st_mtime, status.st_size


def sweep(folder: Path) -> None:
    """Remove what killed runs left half-written in an output folder, unless another run may be at it."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                part.unlink()


def counted(folder: Path, stems: list[str]) -> dict[str, Tally]:
    """Return what was found in images that were done before, where a table tells."""
    tables = {stem: output_path(folder, stem, "csv") for stem in stems}
    return {stem: tally_of_table(path) for stem, path in tables.items() if path.is_file()}
