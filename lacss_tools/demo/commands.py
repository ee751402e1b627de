"""`lacss demo`."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.options import DeviceOption, OverwriteOption

MINUTES = 6.0


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to make; a project folder like your own.")
    ] = Path("lacss-demo"),
    minutes: Annotated[float, typer.Option(help="Time for training.")] = MINUTES,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
) -> None:
    """Run the whole pipeline on real cells that ship with the package, offline, and end with a page to look at."""
    if minutes <= 0:
        raise UsageError(f"--minutes {minutes:g} is no time. Give a positive number.")
    from lacss_tools.demo.demo import run_demo

    lacss = context.find_root().command
    run_demo(output, minutes, seed, device, overwrite, lambda line: lacss.main(line, "lacss", standalone_mode=False))
