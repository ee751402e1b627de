"""Why files of a folder could not be done, kept until they are: a sentence each in a hidden folder beside results."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.native import write_text
from lacss_tools.jobs.batch import Summary

FOLDER, SUFFIX = ".failed", ".txt"


def attempt_last(summary: Summary, name: str, write: Callable[[], Any]) -> None:
    """Write what sums up a batch; that it fails is one more failure of the batch, beside those of its files."""
    try:
        write()
    except LacssError as error:
        summary.failed[name] = str(error)


def keep_failures(folder: Path, summary: Summary) -> None:
    """Write down what failed of a batch whose results go to `folder`, and forget what is done now."""
    for stem, sentence in summary.failed.items():
        with suppress(InputError):  # on a full disk the failures themselves are what is said
            write_text(folder / FOLDER / f"{stem}{SUFFIX}", sentence + "\n")
    if (folder / FOLDER).is_dir():
        for stem in summary.done:
            (folder / FOLDER / f"{stem}{SUFFIX}").unlink(missing_ok=True)


def known_failures(folder: Path) -> dict[str, str]:
    """Return stem -> sentence of what failed when it was last tried."""
    files = sorted((folder / FOLDER).glob(f"*{SUFFIX}"))
    return {path.name.removesuffix(SUFFIX): path.read_text(encoding="utf-8").strip() for path in files}
