"""What people see in the terminal: text and progress on standard error, results for programs on standard output."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from lacss_tools.errors import InputError, PartialError
from lacss_tools.jobs.batch import Summary
from lacss_tools.screen.flags import in_flags

SECONDS_BETWEEN_LINES = 30.0
"""of progress, in a log file"""


def say(text: str) -> None:
    """Print one line for people, in the flags of the command that is running."""
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
            text = None
            if report.step % 20 == 0:
                text = f"step {report.step}  loss {sum(report.numbers().values()):.3f}"
                text += f"  best mAP {state.best:.3f}" if state.best >= 0 else ""
            bar.update(task, completed=report.progress, description=text)

        yield watch
