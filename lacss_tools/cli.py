"""The `lacss` command: mounts the commands of each stage and turns our errors into one line and an exit code."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lacss_tools import __version__
from lacss_tools.annotate.candidates import command as candidates
from lacss_tools.annotate.check import command as check
from lacss_tools.annotate.lois import command as lois
from lacss_tools.annotate.pick import command as pick
from lacss_tools.demo import command as demo
from lacss_tools.doctor import command as doctor
from lacss_tools.errors import LacssError
from lacss_tools.evaluate import command as evaluate
from lacss_tools.export import command as export
from lacss_tools.formats import command as formats
from lacss_tools.io.stems import own_patterns
from lacss_tools.outline import command as outline
from lacss_tools.picture import command as picture
from lacss_tools.predict import command as predict
from lacss_tools.screen.flags import in_flags, own_flags, speak_of
from lacss_tools.status import command as status
from lacss_tools.table import command as table
from lacss_tools.train import command as train


class LacssGroup(TyperGroup):
    """Catches our errors where both the real process and a test runner pass through."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; LacssError becomes one line on standard error, in its flags, and its exit code."""
        with own_flags(), own_patterns():
            try:
                return super().invoke(ctx)
            except LacssError as error:
                if ctx.params.get("debug"):
                    raise
                typer.echo(f"lacss: {in_flags(str(error))}", err=True)
                raise typer.Exit(error.exit_code) from error
            except KeyboardInterrupt:
                typer.echo("lacss: interrupted; the same command continues.", err=True)
                raise typer.Exit(5) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; from here on sentences are in its flags."""
        name, command, rest = super().resolve_command(ctx, args)
        speak_of(command)
        return name, command, rest


app = typer.Typer(
    cls=LacssGroup,
    no_args_is_help=True,
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


for command in (
    *(lois, candidates, pick, check, train, predict, outline, evaluate),
    *(export, formats, picture, table, status, doctor, demo),
):
    command.mount(app)


def run(words: list[str]) -> None:
    """Run a command line inside of another program.

    LacssError for what would end it in the terminal with a message, KeyboardInterrupt where it was stopped.
    """
    if code := app(["--debug", *words], standalone_mode=False):
        raise KeyboardInterrupt if code == 5 else LacssError(f"lacss {words[0]} ended with exit code {code}.")


def main() -> None:
    """Entry point of the console script."""
    sys.exit(app(prog_name="lacss"))
