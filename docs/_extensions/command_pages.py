"""commands.md: every command and option with its default and help text, read from the Typer application.

The page is written anew by every build, so that it cannot differ from `lacss COMMAND --help`.
"""

import re
from pathlib import Path
from typing import Any

PAGE = "commands.md"
INTRODUCTION = """\
# Commands

Every command and option, as `lacss COMMAND --help` explains them. Paths are relative to the project folder, which is
the current folder unless `--project` names another one. Lengths are in pixels of the original images unless it says
otherwise. All commands share these [exit codes](troubleshooting.md#exit-codes).
"""
OPTION = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*[a-z])")
VALUES = {"path": "PATH", "int": "N", "integer": "N", "float": "X", "tuple": "X X"}


def page(program: Any) -> str:
    """Return the whole page in Markdown for a Typer application."""
    import typer.main

    root = typer.main.get_command(program)
    commands: dict[str, Any] = root.commands  # type: ignore[attr-defined]
    rows = [
        f"| [`lacss {name}`](#lacss-{name}) | {_first_sentence(command.help)} |" for name, command in commands.items()
    ]
    overview = ["| command | |", "|---|---|", *rows]
    general = ["## Options of `lacss` itself", "", *_table(root.params)]
    sections = [_section(name, command) for name, command in commands.items()]
    return "\n".join([INTRODUCTION, *overview, "", *sections, *general, ""])


def _section(name: str, command: Any) -> str:
    """Return one command: how it is called, what it does, its arguments, its options by panel."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    panels: dict[str | None, list[Any]] = {}
    for option in (p for p in command.params if p.param_type_name == "option" and not p.hidden):
        panels.setdefault(option.rich_help_panel, []).append(option)
    words = " ".join([f"lacss {name}", *(_argument(a) for a in arguments), "[OPTIONS]"])
    lines = [f"## lacss {name}", "", "```console", f"$ {words}", "```", "", _prose(command.help), ""]
    if arguments:
        lines += ["{.options}", "| argument | meaning | default |", "|---|---|---|"]
        lines += [f"| `{_argument(a).strip('[]')}` | {_cell(a.help)} | {_default(a)} |" for a in arguments]
        lines.append("")
    for panel, options in panels.items():
        lines += [f"### {name}: {panel}", ""] if panel else []
        lines += [*_table(options), ""]
    return "\n".join(lines)


def _table(options: list[Any]) -> list[str]:
    rows = [f"| {_names(option)} | {_cell(option.help)} | {_default(option)} |" for option in options]
    return ["{.options}", "| option | meaning | default |", "|---|---|---|", *rows]


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).rstrip(".") + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _names(option: Any) -> str:
    """Return the names of an option, and what it takes, such as `--output PATH`, `-o PATH`."""
    takes = "" if option.is_flag else f" {_value(option)}"
    return "<br>".join(f"`{name}{takes}`" for name in (*option.opts, *option.secondary_opts))


def _value(option: Any) -> str:
    kind = getattr(getattr(option, "type_descriptor", None), "annotation", None)  # Typer's own click
    name = getattr(kind, "__name__", "") or str(getattr(getattr(option, "type", None), "name", "text"))
    return VALUES.get(name.lower().removesuffix(" range"), "TEXT")


def _default(parameter: Any) -> str:
    """Return the default as `--help` shows it; nothing for what is off, or must be given, or has none."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return _cell(parameter.show_default)
    value = parameter.default
    if not parameter.show_default or value is None or isinstance(value, bool) or callable(value):
        return ""
    return f"`{value}`"


def _first_sentence(text: str) -> str:
    return _cell(re.split(r"(?<=[^.])\.\s|: ", text, maxsplit=1)[0].rstrip("."))


def _prose(text: str) -> str:
    """Return help text as Markdown, its options as code."""
    return OPTION.sub(r"`\1`", text.replace("*", r"\*").replace("<", r"\<"))


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", r"\|")


def _write(app: Any) -> None:
    from lacss_tools.cli import app as program

    path = Path(app.srcdir) / PAGE
    content = page(program)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Write the page before Sphinx looks for pages."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
