"""Options of a command made from its settings dataclasses: a flag for some, --set and --config for all.

    @with_settings("graphcut", CutSettings)
    def graphcut(images: ..., given: Given = Given(), project: ProjectOption = HERE) -> None:
        settings = given.over(CutSettings())

In place of `given` the command line has the flags of the settings that belong to a panel, --set and --config.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from lacss_tools.errors import UsageError
from lacss_tools.screen.flags import with_flags
from lacss_tools.settings import Known, Values, known, nearest, show

T = TypeVar("T")
Names = Mapping[str, Known]
OBVIOUS = "at least 0"
"""of most numbers, so that their help does not say it"""
SETTINGS = "Settings"
"""panel of --set and --config"""


@dataclass(frozen=True)
class Given:
    """What the user says of settings, by name: with their flags, with --set, in the file of --config."""

    flags: Values = field(default_factory=dict)
    assigned: Values = field(default_factory=dict)
    stored: Values = field(default_factory=dict)

    @property
    def typed(self) -> Values:
        """What the command line says: a flag counts before --set."""
        return self.assigned | self.flags

    @property
    def all(self) -> Values:
        """Everything said: the command line counts before the file."""
        return self.stored | self.typed

    def over(self, settings: T) -> T:
        """Return the settings with all that the user says of them."""
        return replace(settings, **{name: self.all[name] for name in known(type(settings)) if name in self.all})  # type: ignore[type-var]


def with_settings(command: str, *kinds: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of its settings dataclasses in place of its parameter `given`.

    `command` is also the name of its table in a file of settings.
    """
    names = {name: entry for kind in kinds for name, entry in known(kind).items()}
    assert len(names) == sum(len(known(kind)) for kind in kinds), "two settings of one name"

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(context: Any, **values: Any) -> None:
            flags = {name: values.pop(name) for name, entry in names.items() if entry.about.panel}
            typed = {name: value for name, value in flags.items() if _is_typed(context, name)}
            assignments, config = values.pop("set"), values.pop("config")
            stored = _read(values["project"] / config, command, names) if config else {}
            given = Given(_from_flags(typed, names), _from_assignments(assignments or [], names), stored)
            function(given=given, **values)

        signature = inspect.signature(function, eval_str=True)
        parameters = list(signature.parameters.values())
        place = list(signature.parameters).index("given")
        spoken = _flags_of(parameters, names)
        options = [_option(entry, spoken) for entry in names.values() if entry.about.panel]
        parameters[place : place + 1] = [*options, *_for_all(command, names, spoken)]
        parameters.insert(0, inspect.Parameter("context", KEYWORD, annotation=typer.Context))
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.settings = names  # type: ignore[attr-defined]  # for screen.flags
        return run

    return decorate


# ---- what the user says ---------------------------------------------------------------------------------------------


def _is_typed(context: Any, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _read(path: Path, command: str, names: Names) -> Values:
    from lacss_tools.io.settings import read_settings

    return read_settings(path, command, dict(names))


def _from_flags(typed: Values, names: Names) -> Values:
    found: Values = {}
    for name, value in typed.items():
        entry = names[name]
        try:
            found |= entry.parse(value) if isinstance(value, str) else {name: entry.accept(value)}
        except ValueError as error:
            raise UsageError(f"`{name}` {error}.") from None
    return found


def _from_assignments(assignments: list[str], names: Names) -> Values:
    found: Values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set {assignment} sets nothing. Write name=value, without spaces.")
        if name not in names:
            raise UsageError(f"--set {assignment}: unknown setting {name}. {nearest(name, names)}")
        try:
            found |= names[name].parse(text)
        except ValueError as error:
            raise UsageError(f"--set {name} {error}.") from None
    return found


# ---- what the command line shows ------------------------------------------------------------------------------------

KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _flags_of(parameters: list[inspect.Parameter], names: Names) -> dict[str, str]:
    """Return how help texts call parameters: by their flags, and settings that have none by name."""
    own = {one.name: "--" + one.name.replace("_", "-") for one in parameters}
    return own | {name: entry.flag if entry.about.panel else name for name, entry in names.items()}


def _option(entry: Known, spoken: Mapping[str, str]) -> inspect.Parameter:
    about, default, kind = entry.about, entry.default, entry.type
    if about.read or about.absent != "none":  # text that means more than its value
        kind, default = str, about.shown if about.read else about.absent
    flag = f"{entry.flag}/--no-{entry.flag[2:]}" if kind is bool else entry.flag
    shown = with_flags(about.shown, spoken) if about.shown and not about.read else default is not None
    option = typer.Option(flag, rich_help_panel=about.panel, show_default=shown, help=_help(entry, spoken))
    annotation = Annotated[kind if default is not None else kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(entry.name, KEYWORD, default=default, annotation=annotation)


def _help(entry: Known, spoken: Mapping[str, str]) -> str:
    """Return the help text of a setting with what is possible, unless it is obvious, after its first sentence."""
    limits = "" if entry.about.read else entry.about.limits()
    limits = "" if limits == OBVIOUS else limits
    first, point, rest = entry.about.help.partition(". ")
    limited = f"{first.removesuffix('.')} ({limits}).{' ' if point else ''}{rest}" if limits else entry.about.help
    return with_flags(limited, spoken)


def _for_all(command: str, names: Names, spoken: Mapping[str, str]) -> list[inspect.Parameter]:
    """Return --set, whose help lists the settings without a flag, and --config."""
    lines = [
        f"\n* **{name}={entry.about.shown or show(entry.default)}** {_help(entry, spoken)}"
        for name, entry in names.items()
        if not entry.about.panel
    ]
    text = "Set any setting by its name; can be repeated." + (" Those without a flag of their own:\n" if lines else "")
    assign = typer.Option("--set", metavar="NAME=VALUE", rich_help_panel=SETTINGS, help=text + "".join(lines))
    file = typer.Option(
        "--config",
        rich_help_panel=SETTINGS,
        help=f"TOML file of settings: the one that an earlier {command} wrote beside its results, or your own with a "
        f"table [{command}]. Flags and --set take precedence.",
    )
    return [
        inspect.Parameter("set", KEYWORD, default=None, annotation=Annotated[list[str] | None, assign]),
        inspect.Parameter("config", KEYWORD, default=None, annotation=Annotated[Path | None, file]),
    ]
