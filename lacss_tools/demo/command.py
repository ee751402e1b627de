"""`lacss demo`."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.screen.options import DeviceOption, OverwriteOption
from lacss_tools.train.settings import TrainSettings

MINUTES = 4.0
"""of training, which with the other steps makes about five"""
FOLDER = Path("lacss-demo")


def mount(app: typer.Typer) -> None:
    """Add the command to the application, whose other commands it runs."""

    @app.command("demo")
    def demo(
        output: Annotated[Path, typer.Option("--output", "-o", help="Project folder to make.")] = FOLDER,
        minutes: Annotated[float, typer.Option(help="Time for training.")] = MINUTES,
        seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
        device: DeviceOption = "auto",
        overwrite: OverwriteOption = False,
    ) -> None:
        """Run the whole pipeline on real cells that ship with the package, offline, and end with a page to look at."""
        TrainSettings(minutes=minutes)  # before all that comes before the training
        from lacss_tools.demo.demo import run_demo

        def run(line: list[str]) -> None:
            if code := app(line, standalone_mode=False):  # which has said why
                raise typer.Exit(code)

        run_demo(output, minutes, seed, device, overwrite, run)
