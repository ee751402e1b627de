"""What a batch does with one image, wherever it is done: the files, the attempt, the outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacss_tools.errors import LacssError


@dataclass(frozen=True)
class Job:
    """One image: its input files and the file that says, by existing, that it is done."""

    stem: str
    inputs: tuple[Path, ...]
    output: Path


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: an error in one sentence, or what the work returned (keep it small: it is sent between
    processes)."""

    error: str | None = None
    value: Any = None


Work = Callable[[Job], Any]
"""writes `job.output`; importable, when it is to run in other processes"""


def attempt(work: Work, job: Job) -> Outcome:
    """Do the work; whatever it raises becomes a sentence, so that one bad file does not end a long batch."""
    try:
        return Outcome(value=work(job))
    except LacssError as error:
        return Outcome(str(error))
    except MemoryError:
        return Outcome(f"{job.inputs[0]}: not enough memory. Use fewer `workers`.")
    except Exception as error:
        return Outcome(f"{job.inputs[0]}: unexpected {type(error).__name__}: {error}")


def died(job: Job, how: str) -> Outcome:
    """Return the outcome of a job whose process died more than once."""
    return Outcome(f"{job.inputs[0]}: its process was killed twice ({how}), most likely for lack of memory.")
