"""Take Ctrl-C between two training steps, never within one, so that the saved state is whole."""

import signal
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def whole_steps(steps: Iterator[T]) -> Generator[T]:
    """Yield from `steps`; Ctrl-C during a step raises KeyboardInterrupt when the step is done.

    Between steps it is raised at once. Nothing is changed where Ctrl-C does not raise KeyboardInterrupt anyway: outside
    of the main thread, and where somebody else handles it.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield from steps
        return
    within = asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        if not within:
            raise KeyboardInterrupt
        asked = True

    signal.signal(signal.SIGINT, note)
    try:
        while True:
            within = True
            try:
                step = next(steps)
            except StopIteration:
                return
            finally:
                within = False
            if asked:
                raise KeyboardInterrupt
            yield step
    finally:
        signal.signal(signal.SIGINT, before)
