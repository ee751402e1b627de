"""The `lacss` command: mounts the commands of each stage and turns our errors into one line and an exit code."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lacss_tools import __version__
from lacss_tools.errors import LacssError


class LacssGroup(TyperGroup):
    """Catches our errors where both the real process and a test runner pass through."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; LacssError becomes one line on standard error and its exit code."""
        try:
            return super().invoke(ctx)
        except LacssError as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(f"lacss: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            typer.echo("lacss: interrupted; the same command continues.", err=True)
            raise typer.Exit(5) from None


app = typer.Typer(
    cls=LacssGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Cell segmentation without outlining cells: points from nuclei, masks by graph cut, one network (LACSS).",
)


def _tell_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Options of every command."""


def _mount() -> None:
    from lacss_tools.annotate import commands as annotate

    annotate.mount(app)
    from lacss_tools.train import commands as train

    train.mount(app)
    from lacss_tools.evaluate import commands as evaluate

    evaluate.mount(app)
    from lacss_tools.export import commands as export

    export.mount(app)
    from lacss_tools.formats import commands as formats

    formats.mount(app)
    from lacss_tools.demo import commands as demo

    demo.mount(app)


_mount()


def main() -> None:
    """Entry point of the console script."""
    sys.exit(app(prog_name="lacss"))
