"""What was predicted, into the OME-Zarr images themselves: labels/NAME and tables/NAME, from the files of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.formats.names import output_path, pending
from lacss_tools.io.lock import locked, owned
from lacss_tools.io.native import digest_of
from lacss_tools.io.settings import DATA
from lacss_tools.io.zarr_labels import LABELS, TABLES, is_listed, origin, outline, remove, write_features, write_labels
from lacss_tools.jobs.batch import Job, Summary
from lacss_tools.jobs.record import SHA
from lacss_tools.jobs.shard import WHOLE, Shard
from lacss_tools.predict.record import COMMAND, HARMLESS, describe, settings_of
from lacss_tools.predict.steps import Order, sweep
from lacss_tools.settings import Values, to_table

SOURCE = f"file{SHA}"
"""fact that tells which file labels or a table were written from"""
WRITERS = {"labels": (LABELS, write_labels), "csv": (TABLES, write_features)}
"""format -> group of the image, and what writes into it; a table comes after the labels it is of"""


@contextmanager
def reserved(stores: Iterable[Path], several: bool) -> Iterator[None]:
    """Keep other runs out of plates, images and folders of them into which this one writes.

    InputError where one is at work; `several` as of `owned`.
    """
    with ExitStack() as stack:
        for store in stores:
            if store.is_dir():  # anything else is none, as `claim` says
                stack.enter_context(owned(store, "lacss predict", "give other images", several))
        yield


def claim(order: Order, images: Mapping[str, Path], name: str, overwrite: bool) -> None:
    """Make sure that labels and tables `name` are of this run, or not there.

    InputError when an image is no OME-Zarr, and for those of another run; with `overwrite` these are removed.
    """
    made, others = _made(order), []
    for image in images.values():
        outline(image)
        for kind in (TABLES, LABELS):
            before = origin(image, kind, name)
            if before is not None and not made.items() <= before.items():
                others.append((image, kind))
                if not overwrite:
                    raise InputError(
                        f"{image} holds {kind} {name!r} {_by(before)}. Give another `into`, or `overwrite`."
                    )
    for image, kind in others:
        remove(image, kind, name)


def write_all(
    order: Order,
    images: Mapping[str, Path],
    name: str,
    run: Callable[..., Summary],
    *,
    shard: Shard | None,
    overwrite: bool,
    advance: Callable[[int, int], None],
) -> Summary:
    """Write what the files of the predicted images say into these with `run`, which is `batch.run`."""
    forms = [form for form in WRITERS if form in order.formats]
    stems = [stem for stem in (shard or WHOLE).of(images) if pending(order.folder, stem, forms).is_file()]
    jobs = [Job(stem, (images[stem],), images[stem] / LABELS / name) for stem in stems]
    todo = [job for job in jobs if overwrite or not _is_done(job, order, name)]
    done = run(todo, partial(write_one, order=order, name=name, made=_made(order)), overwrite=True, advance=advance)
    todo_stems = {job.stem for job in todo}
    done.skipped += [job.stem for job in jobs if job.stem not in todo_stems]
    return done


def write_one(job: Job, order: Order, name: str, made: Values) -> None:
    """Write labels and table of one image, job.inputs[0]."""
    image = job.inputs[0]
    facts = made | {"model": order.model.name}
    try:
        with locked(image):  # a run on the plate and one on this image may meet
            for form, (kind, write) in WRITERS.items():
                if form in order.formats:
                    sweep(image / kind)
                    source = output_path(order.folder, job.stem, form)
                    write(image, name, source, facts | {SOURCE: digest_of(source)})
    except (OSError, ValueError) as error:  # ValueError: of metadata that is damaged
        raise InputError(
            f"{image} cannot be written into ({error}). Check space, permissions and its labels."
        ) from error


def _is_done(job: Job, order: Order, name: str) -> bool:
    """Return whether an image holds what the files say, listed for readers."""
    image = job.inputs[0]
    return all(
        is_listed(image, kind, name)
        and (origin(image, kind, name) or {}).get(SOURCE) == digest_of(output_path(order.folder, job.stem, form))
        for form, (kind, _) in WRITERS.items()
        if form in order.formats
    )


def _by(before: Values) -> str:
    maker = before.get("model")
    return f"that {maker} made, with other settings or weights than now" if maker else "of another program"


def _made(order: Order) -> Values:
    """Return what the cells depend on, as predict.toml has it."""
    settings = {key: value for key, value in to_table(*settings_of(order)).items() if key not in HARMLESS}
    return {COMMAND: settings, DATA: describe(order).facts}
