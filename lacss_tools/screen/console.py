"""What people see in the terminal: text and progress on standard error, results for programs on standard output.

A program that shows it elsewhere takes lines and progress with `heard_by`.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from lacss_tools.errors import InputError, PartialError
from lacss_tools.jobs.batch import Summary
from lacss_tools.screen.flags import in_flags

SECONDS_BETWEEN_LINES = 30.0
"""of progress, in a log file"""
STEPS_BETWEEN_LINES = 20
"""of training; the bar moves at each"""


@dataclass(frozen=True)
class Audience:
    """Who hears what commands say, in place of the terminal."""

    say: Callable[[str], None]
    """takes each line"""
    advance: Callable[[str, float], None]
    """takes what is going on and how much of it is done, 0 to 1"""


_AUDIENCE: ContextVar[Audience | None] = ContextVar("audience", default=None)


@contextmanager
def heard_by(audience: Audience) -> Iterator[None]:
    """Let an audience hear what is said in this block."""
    token = _AUDIENCE.set(audience)
    try:
        yield
    finally:
        _AUDIENCE.reset(token)


def say(text: str) -> None:
    """Print one line for people, in the flags of the command that is running."""
    if (audience := _AUDIENCE.get()) is not None:
        audience.say(in_flags(text))
        return
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(in_flags(text), markup=False)


def table(header: list[str], rows: list[list[str]]) -> None:
    """Print a small table for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*header, box=box.SIMPLE_HEAD)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console(stderr=True, highlight=False).print(grid)


def emit_json(value: dict[str, Any]) -> None:
    """Print one JSON object on standard output; a nan in it is our own mistake and raises ValueError."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with time left, or now and then a line when the text goes to a file; yields `advance(done, total)`."""
    if (audience := _AUDIENCE.get()) is not None:
        yield lambda done, total: audience.advance(title, done / total if total else 1.0)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title)
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(title: str) -> Callable[[int, int], None]:
    start = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            left = timedelta(seconds=round((now - start) / done * (total - done)))
            say(f"{title}: {done} of {total}, about {left} left")

    return advance


def finish(summary: Summary, output: str) -> None:
    """Say what a batch did; InputError when nothing could be done, PartialError when some files failed."""
    say(f"{summary.sentence()}: {output}")
    if not summary.failed:
        return
    for message in summary.failed.values():
        say(f"  failed: {message}")
    kind = PartialError if summary.done or summary.skipped else InputError
    raise kind(f"{len(summary.failed)} of {len(summary.failed) + len(summary.done)} files failed (named above).")


@contextmanager
def training_progress() -> Iterator[Callable[[Any, Any], None]]:
    """Show a training run: bar over the budget with time left, step, loss; yields `watch(report, state)`."""
    if (audience := _AUDIENCE.get()) is not None:
        yield partial(_tell_of_training, audience)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("train"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=1.0)

        def watch(report: Any, state: Any) -> None:
            bar.update(task, completed=report.progress, description=_now_and_then(report, state))

        yield watch


def _tell_of_training(audience: Audience, report: Any, state: Any) -> None:
    audience.advance("train", report.progress)
    if text := _now_and_then(report, state):
        audience.say(text)


def _now_and_then(report: Any, state: Any) -> str | None:
    """Return a line on a step of training, None after most of them: reading losses waits for the device."""
    if report.step % STEPS_BETWEEN_LINES:
        return None
    text = f"step {report.step}  loss {sum(report.numbers().values()):.3f}"
    return text + (f"  best mAP {state.best:.3f}" if state.best >= 0 else "")
