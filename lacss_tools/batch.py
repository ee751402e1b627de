"""One function over many files: skip what is done, go on past a bad file, stop cleanly, count."""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from lacss_tools.errors import InterruptedRunError, LacssError


@dataclass(frozen=True)
class Job:
    """One field: its input files and the file that says, by existing, that it is done."""

    stem: str
    inputs: tuple[Path, ...]
    output: Path


@dataclass
class Summary:
    """What happened to each field."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """Return the counts as one line."""
        parts = [f"{len(self.done)} written"]
        if self.skipped:
            parts.append(f"{len(self.skipped)} were done already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return ", ".join(parts)


def run(
    jobs: Iterable[Job],
    work: Callable[[Job], None],
    *,
    workers: int = 1,
    overwrite: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Call `work` on every job whose output does not exist yet; `advance(done, total)` is called after each.

    With `workers` > 1 the jobs run in that many processes (`work` must then be picklable). A job that raises is
    recorded and the rest go on. Ctrl-C ends the jobs under way and raises InterruptedRunError.
    """
    jobs = list(jobs)
    todo = [job for job in jobs if overwrite or not job.output.exists()]
    summary = Summary(skipped=[job.stem for job in jobs if job not in todo])
    advance(0, len(todo))
    try:
        for number, (job, error) in enumerate(_results(todo, work, min(workers, len(todo))), start=1):
            if error is None:
                summary.done.append(job.stem)
            else:
                summary.failed[job.stem] = error
            advance(number, len(todo))
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted: {summary.sentence()}, every file is whole. The same command continues."
        ) from None
    return summary


def _results(jobs: list[Job], work: Callable[[Job], None], workers: int) -> Iterator[tuple[Job, str | None]]:
    if workers <= 1:
        for job in jobs:
            yield job, _attempt(work, job)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupt)
    try:
        futures = {pool.submit(_attempt, work, job): job for job in jobs}
        for future in as_completed(futures):
            failure = future.exception()
            yield futures[future], str(failure) if failure else future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(work: Callable[[Job], None], job: Job) -> str | None:
    try:
        work(job)
    except LacssError as error:
        return str(error)
    except Exception as error:  # one odd file must not end a night's work
        return f"{job.inputs[0]}: unexpected {type(error).__name__}: {error}"
    return None


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
