"""Work that is done ahead while nobody asks for anything: in the background, in small steps, given up at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Thread

DONE = object()


@dataclass
class Ahead:
    """One piece of work at a time, in steps; between two of them it waits until every question is answered."""

    steps: Iterator[None] = field(default_factory=lambda: iter(()))
    asked: int = 0
    """questions that are being answered"""
    calm: Condition = field(default_factory=Condition)
    thread: Thread | None = None
    """None: nothing to do"""

    def turn_to(self, steps: Iterator[None]) -> None:
        """Go on with this work; what was done before is left after the step that it is in."""
        with self.calm:
            self.steps = steps
            if self.thread is None:
                self.thread = Thread(target=self._work)
                self.thread.start()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Begin no step meanwhile."""
        with self.calm:
            self.asked += 1
        try:
            yield
        finally:
            with self.calm:
                self.asked -= 1
                self.calm.notify_all()

    def _work(self) -> None:
        while True:
            with self.calm:
                self.calm.wait_for(lambda: not self.asked)
                steps = self.steps
            try:
                done = next(steps, DONE) is DONE
            except BaseException:
                with self.calm:
                    self.thread = None  # the next view has one of its own
                raise
            with self.calm:
                if done and steps is self.steps:
                    self.thread = None
                    return
