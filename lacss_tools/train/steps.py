"""Project in, run folder out."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from lacss_tools.errors import InputError, InterruptedRunError
from lacss_tools.io.nuclei import Wanted
from lacss_tools.network.device import choose_device, fast_bfloat16, tune
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import BEST, read_header
from lacss_tools.settings import Values, show, to_table
from lacss_tools.train import checkpoint
from lacss_tools.train.board import Board
from lacss_tools.train.distributed import ALONE, World, join, local_device
from lacss_tools.train.folders import (
    TrainingData,
    TrainingFolders,
    epoch_steps,
    load_training_data,
)
from lacss_tools.train.initial import fit_sizes, initial_model, wanted_sizes
from lacss_tools.train.labelled import LabelledImage, check_channels, read_labelled
from lacss_tools.train.session import Task, TrainSession
from lacss_tools.train.settings import FREE_ON_RESUME, TrainSettings
from lacss_tools.train.team import fastest, possible
from lacss_tools.train.trainer import State, StepReport, start

Say = Callable[[str], None]
Watch = Callable[[StepReport, State], None]


def silent(*ignored: Any) -> None:
    """Ignore everything."""


@dataclass(frozen=True)
class Prepared:
    """What every run on the same data shares."""

    data: TrainingData
    validation: list[LabelledImage]
    sizes: ModelSettings
    device: torch.device
    world: World = ALONE


def train(
    folders: TrainingFolders,
    run: Path,
    settings: TrainSettings,
    *,
    device: str = "auto",
    resume: bool = False,
    init: Path | None = None,
    tensorboard: bool = False,
    say: Say = silent,
    watch: Watch = silent,
) -> Path:
    """Train a model into the folder `run` and return the path of its best weights.

    `say` receives lines for people, `watch` every finished step. Ctrl-C saves and raises InterruptedRunError; with
    `resume` the run continues from its last checkpoint, with identical weights on CPU when the budget is in steps.
    """
    check_run(run, settings, resume)
    sizes = checkpoint.read_config(run)[1] if resume else wanted_sizes(settings, init)
    ready = prepare(folders, settings, sizes, device, say, resume or init is not None, first_scale(run, init, resume))
    return fit(ready, run, settings, resume=resume, init=init, tensorboard=tensorboard, say=say, watch=watch)


def first_scale(run: Path, init: Path | None, resume: bool) -> float | None:
    """Return the working scale of the trained weights that a run starts (once started) from; None for random ones."""
    if resume:
        return checkpoint.stored_scale(run) if checkpoint.stored_origin(run) else None
    return read_header(init).scale if init else None


def check_run(run: Path, settings: TrainSettings, resume: bool) -> None:
    """Raise InputError when the run exists and is not to be resumed, or was trained with other settings."""
    if not resume:
        if (run / checkpoint.LAST).exists():
            raise InputError(f"{run} holds a run already. Continue it with `resume`, or name another `run`.")
        if seeds_in(run):
            raise InputError(
                f"{run} holds runs from several seeds already. Continue them with `resume` and `repeat`, or "
                "name another `run`."
            )
        return
    if seeds_in(run):
        raise InputError(f"{run} holds runs from several seeds. Continue them with `repeat` {len(seeds_in(run))} too.")
    stored, _ = checkpoint.read_config(run)
    for name in (item.name for item in fields(settings) if item.name not in FREE_ON_RESUME):
        old, new = getattr(stored, name), getattr(settings, name)
        if old != new:
            raise InputError(
                f"{run} is trained with `{name}` {show(old)}, now given {show(new)}. Leave it out, or name a new `run`."
            )


def seed_folder(run: Path, seed: int | str) -> Path:
    """Return the folder of the run of one seed, in a run that was repeated."""
    return run / f"seed-{seed}"


def seeds_in(run: Path) -> list[Path]:
    """Return the folders of the seeds of a repeated run that have begun, none of a plain one."""
    return [folder for folder in run.glob(seed_folder(run, "*").name) if (folder / checkpoint.LAST).is_file()]


def prepare(
    folders: TrainingFolders, settings: TrainSettings, sizes: ModelSettings, device: str, say: Say = silent,
    follows: bool = False, scale: float | None = None,
) -> Prepared:  # fmt: skip
    """Choose the device, join the other processes of torchrun, read all data to fit a network of `sizes`.

    `follows` says whether these are those of weights to go on from, so that it is settled whether they know nuclei;
    `scale` is theirs if they were trained before; without validation images parts of outlined ones are held back then.
    """
    chosen = choose_device(local_device(device))
    tune(chosen)
    world = join(chosen)
    wanted = Wanted(settings.channel, settings.nuclei, settings.nuclei_channel, folders.project, settings.scene)
    data = load_training_data(
        folders,
        settings.supervision,
        sizes.cell_diameter,
        wanted=wanted,
        knows_nuclei=sizes.nuclei is not None if follows else None,
        diameter=settings.diameter,
        borders=settings.borders,
        unsure=settings.unsure < 1,
        scale=scale,
        held_back=settings.held_back if scale and folders.val_images is None else 0.0,
    )
    validation, seen = (
        read_labelled(folders.val_images, folders.val_labels, wanted, data.nuclei)
        if folders.val_images and folders.val_labels
        else (list(data.held), "")
    )
    check_channels(validation, data.channels)
    more = [f"validation images: {seen}"] if seen and data.nuclei else []
    for note in [*data.notes, *more, *_where(chosen, world)]:
        say(note)
    if shared := sum(image.path in data.paths for image in validation):
        say(f"{shared} of {len(validation)} validation images are trained on too: their AP is too optimistic")
    return Prepared(data, validation, fit_sizes(sizes, settings, data.channels, data.nuclei), chosen, world)


def _where(device: torch.device, world: World) -> list[str]:
    processes = f", {world.size} processes" if world.size > 1 else ""
    return [f"device {device}, {'bfloat16' if fast_bfloat16(device.type) else 'float32'}{processes}"]


def fit(
    ready: Prepared,
    run: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    init: Path | None = None,
    tensorboard: bool = False,
    say: Say = silent,
    watch: Watch = silent,
) -> Path:
    """Train one run on data in memory; otherwise as `train`."""
    if settings.epochs is not None:
        settings = replace(settings, steps=epoch_steps(ready.data.images, settings, ready.world.size))
    torch.manual_seed(settings.seed)
    model, notes = initial_model(ready.sizes, None if resume else init)
    state = start(model, settings, ready.device, first_scale(run, init, resume) is not None)
    if resume and settings.processes is None:  # as many as before, so that it is exact
        settings = replace(settings, processes=checkpoint.stored_processes(run)[1])
    processes = possible(settings, ready.device, ready.world)
    if settings.processes not in (None, processes):
        say(f"{processes} of {settings.processes} `processes` share a step: on a CPU, without torchrun, evenly")
    session = TrainSession(Task(run, ready.data, ready.validation, settings, ready.device, ready.world), state, say)
    if resume:
        session.resume()
        notes = [f"continuing {run} from step {state.step}"]
    for note in notes:
        say(note)
    came_from = checkpoint.stored_origin(run) if resume else checkpoint.origin(init) if init else {}
    session.board = Board(run, state.step) if tensorboard and ready.world.leads else None
    try:
        _in_parts(session, processes, resume, came_from, watch)
    finally:
        if session.board:
            session.board.close()
    return run / BEST


def _in_parts(session: TrainSession, processes: int, resume: bool, came_from: dict[str, str], watch: Watch) -> None:
    """Train with so many processes or fewer, and go on with images that have changed on the way until all is done."""
    task, state = session.task, session.state
    finished, settings = False, task.settings
    while not finished:
        with fastest(state.model, session.images, settings, processes, task.world, session.say) as world:
            session.work_in(world)
            for note in _other_crops(task.run, world) if resume else []:
                session.say(note)
            if world.leads:
                facts = _describe(session.task, state.model.settings, came_from)
                checkpoint.write_config(task.run, task.settings, **facts)
            finished = _see_through(session, watch)
        processes = min(processes, world.processes)
        settings = replace(settings, processes=processes)  # what is fastest is known


def _other_crops(run: Path, world: World) -> list[str]:
    """Return a note where other processes take part than before, which draw other crops."""
    before, now = max(checkpoint.stored_processes(run)), world.processes
    return [] if before == now else [f"{now} processes take part, {before} did so far: steps have other crops now"]


def _see_through(session: TrainSession, watch: Watch) -> bool:
    """Train, and return whether nothing is left to do; Ctrl-C saves and raises InterruptedRunError."""
    try:
        return session.train(watch)
    except KeyboardInterrupt:
        session.save()
        raise InterruptedRunError(
            f"Interrupted at step {session.state.step}, saved in {session.task.run}. Continue with `resume`."
        ) from None


def _describe(task: Task, sizes: ModelSettings, came_from: dict[str, str]) -> dict[str, Values]:
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    facts = {
        "fingerprint": task.data.fingerprint,
        "images": len(task.data.images),
        "outlined": sum(image.outlined for image in task.data.images),
        "scale": task.data.scale,
        **({"borders": task.data.borders} if task.data.borders else {}),
        "device": str(task.device),
        "processes": task.world.size,
        "shared_by": task.world.processes // task.world.size,
        **came_from,
    }
    return {"model": to_table(sizes), "data": facts, "versions": versions}
