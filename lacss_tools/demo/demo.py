"""The demo: the very commands that a user types, on shipped data, then a page that shows each step."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lacss_tools.demo import DATA
from lacss_tools.demo.page import Story, write_page
from lacss_tools.errors import InputError
from lacss_tools.screen import console

MARKER = ".lacss-demo"
RUN = "demo"


def run_demo(
    output: Path, minutes: float, seed: int, device: str, overwrite: bool, run: Callable[[list[str]], object]
) -> Path:
    """Make a project folder from the shipped data, run every command on it, and return the path of the page.

    `run` executes a command line of lacss. An existing folder is only replaced when `overwrite` is set and an earlier
    demo made it.
    """
    _prepare(output, overwrite)
    began = time.monotonic()
    lines = list(commands(minutes, seed, device))
    for line in lines:
        console.say(f"\n$ lacss {' '.join(line)}")
        run([*line, "--project", str(output)])
    spent = time.monotonic() - began
    page = write_page(Story(output, output / "runs" / RUN, ["lacss " + " ".join(line) for line in lines], spent, seed))
    console.say(f"\nDone in {spent / 60:.1f} minutes. Open this page: {page.resolve().as_uri()}")
    return page


def commands(minutes: float, seed: int, device: str) -> Iterator[list[str]]:
    """Yield the command lines, as typed inside the project folder."""
    yield ["annotate-lois", "dapi"]
    yield ["graphcut", "images"]
    yield ["pick", "--auto"]
    validation = ["--val-images", "validation/images", "--val-labels", "validation/labels"]
    yield ["train", *validation, "--run", RUN, "--minutes", f"{minutes:g}", "--seed", str(seed), "--device", device]
    yield ["eval", f"runs/{RUN}", "--images", "validation/images", "--labels", "validation/labels", "--device", device]
    yield ["predict", f"runs/{RUN}", "validation/images", "--device", device]


def _prepare(output: Path, overwrite: bool) -> None:
    if output.exists() and any(output.iterdir() if output.is_dir() else [output]):
        if not (output / MARKER).exists():
            raise InputError(f"{output} exists and was not made by the demo. Choose another `output`.")
        if not overwrite:
            raise InputError(f"{output} holds a demo already. Redo it with `overwrite`, or choose another `output`.")
        shutil.rmtree(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / MARKER).write_text("made by lacss demo; --overwrite replaces this folder\n")
        shutil.copytree(DATA / "train", output, dirs_exist_ok=True)
        shutil.copytree(DATA / "validation", output / "validation")
        shutil.copy(DATA / "ATTRIBUTION.md", output)
    except OSError as error:
        raise InputError(f"{output} cannot be written ({error.strerror}). Choose another `output`.") from error
