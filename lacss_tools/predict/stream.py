"""Many files in one process: reading ahead, the network on several images at once, and writing, at the same time."""

from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lacss_tools.jobs.job import Job, Outcome, attempt

A = TypeVar("A")
B = TypeVar("B")

READERS, WRITERS = 2, 2
"""threads that read and write files while the network works"""
AHEAD = 2
"""batches that are read, and that wait to be written, at a time: what memory holds"""


@dataclass(frozen=True)
class Stages(Generic[A, B]):
    """What is done with each job, stage by stage; what any of them raises is the fate of its job alone."""

    read: Callable[[Job], A]
    kind: Callable[[A], Hashable]
    """only neighbours of one kind are computed together; None: this one alone"""
    compute: Callable[[list[A]], list[B]]
    write: Callable[[Job, A, B], Any]
    """its result becomes the value of the job"""


def stream(jobs: Iterable[Job], stages: Stages[A, B], batch: int) -> Generator[tuple[Job, Outcome], None, None]:
    """Yield each job with its outcome, in order of the batches; at most `batch` are computed together."""
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
        writing: deque[tuple[Job, Future[Outcome]]] = deque()
        try:
            for group in _groups(_read_ahead(jobs, stages, readers, AHEAD * batch), stages, batch):
                for job, done in _compute(group, stages, writers):
                    writing.append((job, done))
                while len(writing) > AHEAD * batch:
                    job, done = writing.popleft()
                    yield job, done.result()
            while writing:
                job, done = writing.popleft()
                yield job, done.result()
        finally:
            readers.shutdown(cancel_futures=True)


def _read_ahead(
    jobs: Iterable[Job], stages: Stages[A, B], readers: ThreadPoolExecutor, ahead: int
) -> Iterator[tuple[Job, Outcome]]:
    waiting: deque[tuple[Job, Future[Outcome]]] = deque()
    for job in jobs:
        waiting.append((job, readers.submit(attempt, stages.read, job)))
        if len(waiting) > ahead:
            first, read = waiting.popleft()
            yield first, read.result()
    for job, read in waiting:
        yield job, read.result()


def _groups(
    read: Iterator[tuple[Job, Outcome]], stages: Stages[A, B], batch: int
) -> Iterator[list[tuple[Job, Outcome]]]:
    """Yield neighbours of one kind together, up to `batch`; what could not be read comes alone."""
    group: list[tuple[Job, Outcome]] = []
    kind: Hashable = None
    for job, outcome in read:
        own = None if outcome.error else stages.kind(outcome.value)
        if group and (own is None or own != kind or len(group) == batch):
            yield group
            group = []
        group.append((job, outcome))
        kind = own
    if group:
        yield group


def _compute(
    group: list[tuple[Job, Outcome]], stages: Stages[A, B], writers: ThreadPoolExecutor
) -> Iterator[tuple[Job, "Future[Outcome]"]]:
    """Yield each job of a group with what will become of it; a group that fails is tried one by one."""
    values = [outcome.value for _, outcome in group]
    together = None
    if len(group) > 1:
        together = attempt(lambda _: stages.compute(values), group[0][0])
    for k, (job, outcome) in enumerate(group):
        if outcome.error is None and together is not None and together.error is None:
            outcome = Outcome(value=(outcome.value, together.value[k]))
        elif outcome.error is None:
            outcome = attempt(lambda _, value=outcome.value: (value, stages.compute([value])[0]), job)  # type: ignore[misc]
        yield job, writers.submit(_write, job, outcome, stages)


def _write(job: Job, outcome: Outcome, stages: Stages[A, B]) -> Outcome:
    return outcome if outcome.error else attempt(lambda job: stages.write(job, *outcome.value), job)
