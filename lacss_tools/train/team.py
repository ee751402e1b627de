"""All cores of one machine: processes that share the crops of every step with this one.

Two threads wait for each other in every layer and hardly train faster than one; two processes meet once a step. The
others, the helpers, read images and weights from shared memory and leave their gradients there; they hold nothing that
a checkpoint would need. Several machines or GPUs work together in another way (`distributed`).
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.errors import LacssError
from lacss_tools.jobs.processes import begin, cores
from lacss_tools.network.device import return_memory, threads, tune
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import ModelSettings
from lacss_tools.train.crops import TrainingImage, draw_batch
from lacss_tools.train.distributed import ALONE, World, copy_into, in_one
from lacss_tools.train.objective import compute_losses
from lacss_tools.train.part import Part
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.shared import Shared, SharedImages, share, share_images
from lacss_tools.train.trainer import RETURN_EVERY, add_gradients

SHORT_STEPS, SHORT_MINUTES = 100, 1.0
"""a shorter training is over before helpers, which take some seconds to start, are worth it"""
WARM, TRIES = 3, 4
"""steps made each way to see which is faster, after some that fill caches and memory"""
MUCH_FASTER = 0.9
"""one process with all threads must take less than this fraction of the time, so that chance seldom decides"""
CPU = torch.device("cpu")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Helper:
    """Another process that computes gradients, and the link to it."""

    process: BaseProcess
    link: Connection

    def send(self, message: tuple[int, float]) -> None:
        """Give it a step to work on."""
        try:
            self.link.send(message)
        except OSError:
            self.mourn()

    def wait(self) -> None:
        """Wait until its last step is done."""
        try:
            self.link.recv()
        except (EOFError, OSError):
            self.mourn()

    def mourn(self) -> None:
        """Raise LacssError, since the process is gone."""
        self.process.join()
        raise LacssError(
            f"A process that shares the training died (exit code {self.process.exitcode}); memory may be short. "
            "Continue from the last checkpoint with `resume` and `processes` 1."
        )


@dataclass(frozen=True, kw_only=True)
class Team(World):
    """This process and its helpers, which have no part in files and decisions."""

    helpers: tuple[Helper, ...]
    weights: Float[Tensor, " weight"]
    """those of the step under way, for the helpers to read"""
    gradients: Float[Tensor, "helper weight"]
    """what each helper found"""
    threads: int
    """of this process while the helpers wait"""

    @property
    def processes(self) -> int:
        """How many share a step."""
        return len(self.helpers) + 1

    @property
    def part(self) -> Part:
        """The first part; the helpers make the others."""
        return Part(0, self.processes)

    def begin(self, model: nn.Module, step: int, progress: float) -> None:
        """Let the helpers begin a step from the weights of `model`."""
        self.weights.copy_(in_one([weight.detach() for weight in model.parameters()]))
        for helper in self.helpers:
            helper.send((step, progress))

    def average_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its mean over all processes, once the helpers are done."""
        for helper in self.helpers:
            helper.wait()
        weights = list(model.parameters())
        everything = (in_one(gradients_of(weights)) + self.gradients.sum(0)) / self.processes
        copy_into(gradients_of(weights), everything)

    def validating(self) -> AbstractContextManager[None]:
        """Return a context in which this process uses the cores of the helpers, which wait."""
        return threads(self.threads)


@dataclass(frozen=True)
class Work:
    """What a helper needs to know."""

    sizes: ModelSettings
    settings: TrainSettings
    threads: int
    images: SharedImages
    exchange: Shared
    """weights to read, and gradients of each helper to write"""


def gradients_of(weights: list[nn.Parameter]) -> list[Tensor]:
    """Return the gradients of the weights, 0 where a loss does not depend on one."""
    return [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]


@contextmanager
def together(model: Lacss, images: list[TrainingImage], settings: TrainSettings, processes: int) -> Iterator[Team]:
    """Yield a team of so many processes, each with its part of the cores and of the crops of a step."""
    usual, each = torch.get_num_threads(), max(1, cores() // processes)
    with TemporaryDirectory(prefix="lacss-train-", ignore_cleanup_errors=True) as folder:
        weights = in_one([weight.detach() for weight in model.parameters()])
        exchange = share(Path(folder) / "exchange", [weights, torch.zeros(processes - 1, len(weights))])
        work = Work(model.settings, settings, each, share_images(Path(folder) / "images", images), exchange)
        with hired(work, processes) as helpers, threads(each):
            read, written = exchange.tensors()
            shutil.rmtree(folder, ignore_errors=True)  # what is mapped stays, and after a kill nothing is left
            yield Team(helpers=helpers, weights=read, gradients=written, threads=usual)


@contextmanager
def hired(work: Work, processes: int) -> Iterator[tuple[Helper, ...]]:
    """Yield the helpers of a team, ready for the first step; they go afterwards."""
    helpers: list[Helper] = []
    try:
        helpers += [Helper(*begin(help_out, work, Part(k, processes))) for k in range(1, processes)]
        for helper in helpers:
            helper.wait()
        yield tuple(helpers)
    finally:
        for helper in helpers:
            helper.link.close()  # it ends at its next message
        for helper in helpers:
            helper.process.join()


def possible(settings: TrainSettings, device: torch.device, world: World) -> int:
    """Return how many processes may share the steps of a training: evenly, each with one core or more."""
    if device.type != "cpu" or world.size > 1:
        return 1
    brief = settings.steps < SHORT_STEPS if settings.minutes is None else settings.minutes < SHORT_MINUTES
    most = settings.processes or (1 if brief else cores())
    return max(number for number in range(1, settings.batch + 1) if settings.batch % number == 0 and number <= most)


@contextmanager
def fastest(
    model: Lacss, images: list[TrainingImage], settings: TrainSettings, processes: int, world: World, say: Say
) -> Iterator[World]:
    """Yield a team of so many processes, or `world` where one process with all its threads turns out much faster."""
    if processes == 1:
        yield world
        return
    with together(model, images, settings, processes) as team:
        if settings.processes or worth_it(model, images, settings, team, say):
            yield team
            return
    yield world


def worth_it(model: Lacss, images: list[TrainingImage], settings: TrainSettings, team: Team, say: Say) -> bool:
    """Return whether one process with all its threads takes no less time than the team, or little less."""
    shared = seconds(model, images, settings, team)
    with team.validating():
        alone = seconds(model, images, settings, ALONE)
    better = shared * MUCH_FASTER <= alone
    chosen = "all share" if better else "one makes"
    say(f"{team.processes} processes: {shared:.2f} s a step, one: {alone:.2f} s; {chosen} the work")
    return better


def seconds(model: Lacss, images: list[TrainingImage], settings: TrainSettings, world: World) -> float:
    """Return how long the gradients of a step take; weights stay as they are."""
    for step in range(WARM + TRIES):
        if step == WARM:
            since = time.perf_counter()
        world.begin(model, step, 0.0)
        compute_gradients(model, images, settings, step, 0.0, world.part)
        world.average_gradients(model)
    model.zero_grad(set_to_none=True)
    return (time.perf_counter() - since) / TRIES


def compute_gradients(
    model: Lacss, images: list[TrainingImage], settings: TrainSettings, step: int, progress: float, part: Part
) -> None:
    """Give the weights the gradients of a part of the crops of a step."""
    batch = draw_batch(images, settings, step, part=part)
    model.zero_grad(set_to_none=True)
    add_gradients(model, batch, partial(compute_losses, model, batch=batch, settings=settings, progress=progress))


# ---- the other side -------------------------------------------------------------------------------------------------


def help_out(work: Work, part: Part, link: Connection) -> None:
    """Compute the gradients of a part of the crops, step after step, until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tune(CPU)
    torch.set_num_threads(work.threads)
    model, images = Lacss(work.sizes).train(), work.images.images()
    parameters, (weights, gradients) = list(model.parameters()), work.exchange.tensors()
    while True:
        try:
            link.send(None)  # the first one says: ready
            step, progress = link.recv()
        except (EOFError, OSError):
            return
        copy_into([weight.detach() for weight in parameters], weights)
        compute_gradients(model, images, work.settings, step, progress, part)
        gradients[part.number - 1] = in_one(gradients_of(parameters))
        if step % RETURN_EVERY == 0:
            return_memory(CPU)
