"""A function over many items in several processes. A process that dies loses at most the item it was working on.

Each process has one connection and one item at a time, so it is always known who works on what, and a killed process
(out of memory, most of the time) takes nothing with it. What a process does in ten milliseconds is not slowed down by
more than a hundredth: handing over an item takes a tenth of a millisecond.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, TypeVar

from lacss_tools.errors import LacssError
from lacss_tools.io.stems import carried

T = TypeVar("T")
R = TypeVar("R")

# processes forked from a server without threads start in milliseconds once the server has imported what they need
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver") if FORKS else multiprocessing.get_context("spawn")
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TIFFFILE_NUM_THREADS",
)
"""set to 1 in every process, unless the user has set them: many processes with many threads each stand in line"""


@dataclass(frozen=True)
class Died:
    """In place of a result: the process that worked on this item ended, and so did one that had nothing else to do."""

    code: int | None
    """exit code; -9 is a kill, most of the time for lack of memory"""


@dataclass
class _Worker:
    process: BaseProcess
    ready: bool = False
    item: Any = None


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm_up(*modules: str) -> None:
    """Begin to import `modules` in the background, so that worker processes start at once.

    Only the first call in a program has an effect, and none where processes cannot be forked safely.
    """
    if FORKS:
        with _environment():
            CONTEXT.set_forkserver_preload(list(modules))
            forkserver.ensure_running()


def spread(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, R | Died]]:
    """Yield each item with `function(item)` as they are done; `function` must be importable in another process.

    Items are taken one by one as they are needed. When a process dies, its item is tried once more after all others,
    alone, since what killed it may have been the memory that others used. Raises LacssError when processes do not
    even start. Closing the iterator waits for the items under way and leaves the others undone.
    """
    lost: list[T] = []
    function = carried(function)
    for item, result in _work(function, items, workers):
        if isinstance(result, Died):
            lost.append(item)
        else:
            yield item, result
    for item in lost:
        yield from _work(function, [item], 1)


def begin(function: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start a process that calls `function(*arguments, link)`, and return it with the other end of the link.

    `function` must be importable. The process goes when this one does.
    """
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=function, args=(*arguments, there), daemon=True)
    with _environment():
        process.start()
    there.close()  # else the end of the process would not be seen
    return process, here


def count(workers: int, items: int) -> int:
    """Return how many processes to use when `workers` are asked for (0: one per core)."""
    return min(workers or cores(), items)


def in_order(function: Callable[[T], R], items: list[T], workers: int) -> list[R]:
    """Return `function` of each item, in `count` processes; LacssError when a process dies of one twice."""
    workers = count(workers, len(items))
    if workers <= 1:
        return [function(item) for item in items]
    results: dict[int, R] = {}
    for (number, _), result in spread(partial(_keep_number, function), enumerate(items), workers):
        if isinstance(result, Died):
            raise LacssError(f"A worker process died (exit code {result.code}). Use fewer `workers`: memory is short.")
        results[number] = result
    return [results[number] for number in sorted(results)]


def _keep_number(function: Callable[[T], R], numbered: tuple[int, T]) -> R:
    return function(numbered[1])


# ---- this side ------------------------------------------------------------------------------------------------------


def _work(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, R | Died]]:
    waiting = iter(items)
    crew: dict[Connection, _Worker] = {}
    try:
        for _ in range(workers):
            _hire(crew, function)
        while crew:
            ready = wait(list(crew))
            for link in [link for link in crew if link in ready]:
                yield from _listen(crew, link, function, waiting)
    finally:
        for link in crew:
            link.close()  # its process ends at its next message
        for worker in crew.values():
            worker.process.join()


def _listen(
    crew: dict[Connection, _Worker], link: Connection, function: Callable[[T], R], waiting: Iterator[T]
) -> Iterator[tuple[T, R | Died]]:
    """Take what one process says, give it the next item, and yield what became of the last one."""
    worker = crew[link]
    done: list[tuple[T, R | Died]] = []
    try:
        message = link.recv()
        if worker.ready:
            done.append((worker.item, message))
        worker.ready = True
        for item in waiting:
            worker.item = item
            link.send(item)
            break
        else:
            _dismiss(crew, link)
    except (EOFError, OSError):
        code = _dismiss(crew, link)
        if not worker.ready:
            raise LacssError(f"Worker processes do not start (exit code {code}). Set `workers` to 1.") from None
        done.append((worker.item, Died(code)))
        _hire(crew, function)
    yield from done


def _hire(crew: dict[Connection, _Worker], function: Callable[[T], Any]) -> None:
    process, link = begin(_serve, function)
    crew[link] = _Worker(process)


def _dismiss(crew: dict[Connection, _Worker], link: Connection) -> int | None:
    link.close()
    process = crew.pop(link).process
    process.join()
    return process.exitcode


@contextmanager
def _environment() -> Iterator[None]:
    """Start processes so that Ctrl-C does not reach them and their numerical libraries take one thread.

    Nor do they run the user's script again, as they do where it has no `if __name__ == "__main__"`: what they need is
    in this package.
    """
    missing = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name in missing:
            del os.environ[name]


# ---- the other side -------------------------------------------------------------------------------------------------


def _serve(function: Callable[[T], R], link: Connection) -> None:
    """Work until the other side is gone; a SIGTERM ends like an exception, so that temporary files go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result: R | None = None
    while True:
        try:
            link.send(result)  # the first one says: ready
            item = link.recv()
        except (EOFError, OSError):
            return
        result = function(item)
