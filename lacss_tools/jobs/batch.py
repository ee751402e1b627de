"""One function over many files: skip finished files, continue after a bad one, stop cleanly, count."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lacss_tools.errors import InterruptedRunError
from lacss_tools.jobs import processes
from lacss_tools.jobs.job import Job as Job  # callers say batch.Job
from lacss_tools.jobs.job import Outcome, Work, attempt, died
from lacss_tools.jobs.shard import WHOLE, Shard

Together = Callable[[list[Job]], Generator[tuple[Job, Outcome], None, None]]
"""does jobs in its own way, several at once, and yields each when it is done"""


@dataclass
class Summary:
    """What happened to each image."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def follow(self, later: "Summary") -> None:
        """Take in a later step over the same images: failed in either, else written in either, else skipped."""
        self.failed |= later.failed
        self.done = [stem for stem in dict.fromkeys(self.done + later.done) if stem not in self.failed]
        known = self.failed.keys() | set(self.done)
        self.skipped = [stem for stem in self.skipped if stem not in known]

    def sentence(self) -> str:
        """Return the counts as one line."""
        parts = [f"{len(self.done)} written"]
        if self.skipped:
            parts.append(f"{len(self.skipped)} were done already")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return ", ".join(parts)


def warm_up(workers: int, scheduler: str | None, modules: tuple[str, ...]) -> None:
    """Start importing what worker processes need, if there will be any, while the command lists its files.

    A scheduler must answer, errors as of `cluster.results`, before anything is written.
    """
    if scheduler is not None:
        from lacss_tools.jobs import cluster

        cluster.reach(scheduler)
    elif workers != 1:
        processes.warm_up(*modules)


def run(
    jobs: Iterable[Job],
    work: Work,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    together: Together | None = None,
    group: int = 1,
    overwrite: bool = False,
    shard: Shard | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
    receive: Callable[[Job, Any], None] = lambda job, value: None,
) -> Summary:
    """Call `work` on every job whose output does not exist yet; `advance(done, total)` is called after each.

    Of a `shard` only its share of the jobs counts; the others are those of other processes.

    With `workers` > 1 the jobs run in that many processes (0: one per core), with `scheduler` on the workers of the
    Dask cluster at that address; `work` must then be importable there. When they stay in this process, `together` may
    do them instead; with a `group` of more than one also in processes, so many at a time. A job that raises is recorded
    and the rest go on. `receive(job, value)` is called in this process, one at a time in any order, with what `work`
    returned. Ctrl-C waits for the jobs under way and raises InterruptedRunError, as does a scheduler that is lost.
    """
    summary, todo = Summary(), []
    for job in (shard or WHOLE).of(jobs):
        if overwrite or not job.output.exists():
            todo.append(job)
        else:
            summary.skipped.append(job.stem)
    advance(0, len(todo))
    try:
        with closing(_results(todo, work, workers, scheduler, together, group)) as results:
            for number, (job, outcome) in enumerate(results, start=1):
                if outcome.error is None:
                    receive(job, outcome.value)
                    summary.done.append(job.stem)
                else:
                    summary.failed[job.stem] = outcome.error
                advance(number, len(todo))
    except (KeyboardInterrupt, ConnectionError) as reason:
        what = str(reason) or "Interrupted"
        raise InterruptedRunError(
            f"{what}: {summary.sentence()}, every file is whole. The same command continues."
        ) from None
    return summary


def _results(
    jobs: list[Job], work: Work, workers: int, scheduler: str | None, together: Together | None, group: int
) -> Generator[tuple[Job, Outcome], None, None]:
    """Yield each job when it is done: here, in processes or on a cluster."""
    workers = processes.count(workers, len(jobs))
    if scheduler is not None and jobs:
        from lacss_tools.jobs import cluster

        yield from cluster.results(jobs, work, scheduler)
    elif workers > 1 and together is not None and group > 1:
        yield from _grouped(jobs, work, workers, together, min(group, -(-len(jobs) // workers)))
    elif workers > 1:
        yield from _singly(jobs, work, workers)
    elif together is not None:
        yield from together(jobs)
    else:
        for job in jobs:
            yield job, attempt(work, job)


def _singly(jobs: list[Job], work: Work, workers: int) -> Iterator[tuple[Job, Outcome]]:
    for job, result in processes.spread(partial(attempt, work), jobs, workers):
        yield job, died(job, f"exit code {result.code}") if isinstance(result, processes.Died) else result


def _grouped(
    jobs: list[Job], work: Work, workers: int, together: Together, group: int
) -> Iterator[tuple[Job, Outcome]]:
    """Yield each job, done by `together` in a process; those of a group that its process died of go one by one."""
    groups = [jobs[k : k + group] for k in range(0, len(jobs), group)]
    lost: list[Job] = []
    for own, results in processes.spread(partial(_all, together), groups, workers):
        if isinstance(results, processes.Died):
            lost += own
        else:
            yield from results
    yield from _singly(lost, work, 1)


def _all(together: Together, jobs: list[Job]) -> list[tuple[Job, Outcome]]:
    return list(together(jobs))
