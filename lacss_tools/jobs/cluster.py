"""The same work on the workers of an existing Dask cluster (the extra `dask`), which see the same folders."""

import os
import pydoc
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lacss_tools import __version__
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.stems import carried
from lacss_tools.jobs.job import Job, Outcome, Work, attempt, died

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_TO_CONNECT = 8
"""until a scheduler, or its first worker, counts as not there"""
TASKS_PER_THREAD = 3
"""tasks that wait at the scheduler, so that no worker waits for us and 100,000 jobs do not fill its memory"""
JOBS_PER_TASK, STEPS, SECONDS_PER_TASK = 16, 50, 1.0
"""jobs go together in tasks, to spare the scheduler: not more than this, fewer when a thread would have fewer than so
many tasks to do, and what is not begun after so long comes back"""


def results(jobs: list[Job], work: Work, address: str) -> Iterator[tuple[Job, Outcome]]:
    """Yield the jobs as they are done, in any order, with their outcome.

    Raises UsageError for a malformed address or when Dask is missing, InputError when the scheduler does not answer,
    has no workers, or its workers have another version of this package or see other folders, and ConnectionError when
    the scheduler is lost on the way. Closing the iterator takes back what waits at the scheduler; its workers finish
    what is under way. The scheduler gives a job whose worker dies to other workers, a few times; what still fails is
    tried once more after all others, alone, since workers die of their neighbours' memory too.
    """
    with _connected(address) as client:
        _check_workers(client, address, jobs)
        threads = sum(client.nthreads().values())
        size = max(1, min(JOBS_PER_TASK, len(jobs) // (threads * STEPS)))
        lost: list[Job] = []
        for job, outcome in _submit(client, work, jobs, size, TASKS_PER_THREAD * threads):
            if outcome is None:
                lost.append(job)
            else:
                yield job, outcome
        for job, outcome in _submit(client, work, lost, 1, 1):
            yield job, outcome or died(job, f"on the cluster {address}")


def reach(address: str) -> None:
    """Raise what `results` would when the scheduler does not answer."""
    with _connected(address):
        pass


def _submit(
    client: "Client", work: Work, jobs: list[Job], size: int, window: int
) -> Iterator[tuple[Job, Outcome | None]]:
    """Yield each job with its outcome, None when its worker died; at most `window` tasks are submitted at a time."""
    from distributed import as_completed

    waiting = deque(jobs[k : k + size] for k in range(0, len(jobs), size))
    under_way: dict[Future[list[Outcome]], list[Job]] = {}
    completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)
    try:
        while waiting or under_way:
            while waiting and len(under_way) < window:
                task = waiting.popleft()
                future = client.submit(carried(_attempt_some), work, [_absolute(job) for job in task], pure=False)
                under_way[future] = task
                completed.add(future)
            future, result = next(completed)
            task = under_way.pop(future)
            outcomes = _outcomes(future.status, result, task)
            if len(outcomes) < len(task):
                waiting.append(task[len(outcomes) :])
            yield from zip(task, outcomes, strict=False)
    finally:
        client.cancel(list(under_way), force=True)


def _outcomes(status: str, result: Any, task: list[Job]) -> Sequence[Outcome | None]:
    """Return the outcomes of the first jobs of a task, None for a job whose worker died."""
    from distributed import KilledWorker

    if status == "finished":
        outcomes: list[Outcome] = result
        return outcomes
    if status != "error":
        raise ConnectionError("Lost the Dask scheduler")
    error = result[1]
    if isinstance(error, KilledWorker):
        return [None] * len(task)
    return [Outcome(f"{job.inputs[0]}: the cluster could not run it ({type(error).__name__}: {error})") for job in task]


def _attempt_some(work: Work, jobs: list[Job]) -> list[Outcome]:
    """Do jobs, on a worker, as long as the time of a task lasts and at least one."""
    until, outcomes = time.monotonic() + SECONDS_PER_TASK, []
    for job in jobs:
        outcomes.append(attempt(work, job))
        if time.monotonic() > until:
            break
    return outcomes


def _absolute(job: Job) -> Job:
    """Return the job with paths that hold in any current folder."""
    return replace(job, inputs=tuple(path.absolute() for path in job.inputs), output=job.output.absolute())


# ---- before the first job -------------------------------------------------------------------------------------------


@contextmanager
def _connected(address: str) -> Iterator["Client"]:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("`scheduler` needs Dask. Install it: pip install dask distributed") from None
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False, name="lacss")
    except ValueError as error:
        raise UsageError(f"`scheduler` {address} is no address ({error}). Give one like tcp://host:8786.") from None
    except (OSError, TypeError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({error}). Check the address and that dask scheduler runs there."
        ) from None
    with client:
        yield client


def _check_workers(client: "Client", address: str, jobs: list[Job]) -> None:
    """Raise InputError unless there are workers, with this version of the package and sight of the folders.

    Workers only run functions of the standard library here: they may have nothing of ours.
    """
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
    except TimeoutError:
        raise InputError(
            f"The Dask scheduler at {address} has no workers. Start some with dask worker {address}."
        ) from None
    versions = client.run(pydoc.locate, "lacss_tools.__version__", on_error="return")
    for worker, version in versions.items():
        if version != __version__:
            found = f"lacss_tools {version}" if isinstance(version, str) else "no lacss_tools that can be imported"
            raise InputError(f"Worker {worker} has {found}, here it is {__version__}. Install the same on all workers.")
    for worker, folder in _unseen(client, jobs):
        raise InputError(
            f"Worker {worker} does not see {folder}. Give all machines the same folders at the same place."
        )


def _unseen(client: "Client", jobs: list[Job]) -> Iterator[tuple[str, Path]]:
    """Yield workers and the folders of the jobs that they do not see; makes the output folders."""
    outputs = {job.output.parent.absolute() for job in jobs}
    for folder in outputs:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror}). Choose another `output`.") from error
    for folder in sorted(outputs | {path.parent.absolute() for job in jobs for path in job.inputs}):
        for worker, seen in client.run(os.path.isdir, str(folder)).items():
            if not seen:
                yield worker, folder
