"""Commands in a process of their own, so that the window stays free: `python -m lacss_tools.napari.worker LINES`.

LINES is a JSON list of command lines. What they say comes as events, a JSON object per line of standard output. When
standard input ends, which it also does when the window dies, the command stops as by Ctrl-C: training saves its state.
`jobs.processes` will not do: its processes have one thread, and may have no processes of their own.
"""

import _thread
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from lacss_tools.errors import LacssError

STOPPED = "Stopped. What is finished is kept, and the same button continues."
DIED = "The process of the command ended ({}), most likely for lack of memory. The same button continues."
NO_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""on Windows a console window would open"""


@dataclass(frozen=True)
class Event:
    """What commands say: a line, how much is done of what is going on, or why they ended without being done."""

    text: str
    done: float | None = None
    """fraction; None for a line"""
    failed: bool = False


# ---- this side ------------------------------------------------------------------------------------------------------


class Work:
    """Command lines under way on a project folder, one after the other until one fails."""

    def __init__(self, project: Path, lines: list[list[str]]):
        given = json.dumps([[*line, "--project", str(project)] for line in lines])
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, given],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", creationflags=NO_CONSOLE,
        )  # fmt: skip
        self._stopped = False

    def events(self) -> Iterator[Event]:
        """Yield what the commands say until they are done; the last event has `failed` when they are not."""
        failed = False
        assert self._process.stdout
        with self._process:
            for line in self._process.stdout:
                event = Event(**json.loads(line))
                failed = event.failed
                yield event
            if (code := self._process.wait()) and not failed:
                yield Event(STOPPED if self._stopped else DIED.format(code), failed=True)

    def stop(self) -> None:
        """End it as Ctrl-C does, at the second time at once."""
        assert self._process.stdin
        if self._stopped:
            self._process.kill()
        self._stopped = True
        self._process.stdin.close()


# ---- the other side -------------------------------------------------------------------------------------------------


def main() -> int:
    """Run the command lines; return the exit code."""
    events = _own_stdout()

    def tell(event: Event) -> None:
        events.write(json.dumps(asdict(event)) + "\n")
        events.flush()

    try:
        threading.Thread(target=_obey, daemon=True).start()
        from lacss_tools.cli import run
        from lacss_tools.screen.console import Audience, heard_by

        with heard_by(Audience(lambda text: tell(Event(text)), lambda text, done: tell(Event(text, done)))):
            for line in json.loads(sys.argv[1]):
                run(line)
            return 0
    except LacssError as error:
        tell(Event(str(error), failed=True))
        return error.exit_code
    except KeyboardInterrupt:
        tell(Event(STOPPED, failed=True))
        return 5
    except Exception as error:
        tell(Event(f"Unexpected {type(error).__name__}: {error}. The terminal may say more.", failed=True))
        raise


def _own_stdout() -> TextIO:
    """Return standard output for events alone: whatever else is printed goes to standard error."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return events


def _obey() -> None:
    """Wait for the end of standard input, not through `sys.stdin`, whose lock Python wants when it ends."""
    os.read(0, 1)
    _thread.interrupt_main()


if __name__ == "__main__":
    sys.exit(main())
