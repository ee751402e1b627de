"""The TOML file of settings that is written beside every result, and can be given to the next."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w

from lacss_tools import __version__
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import write_text
from lacss_tools.settings import Known, Values, nearest, one_of, to_table

COMMANDS = ("annotate-lois", "graphcut", "train", "predict")
"""commands with settings: one file may have a table for each"""
DATA = "data"
"""table of what the results depend on besides settings"""
FACTS = (DATA, "model", "versions")
"""tables of a file beside a result that tell how it came about, and set nothing"""


def write_settings(path: Path, command: str, settings: Iterable[Any], **facts: Values) -> None:
    """Write a TOML file with the resolved settings of a command and tables of facts, which `read_settings` skips."""
    tables = {command: to_table(*settings), **facts}
    tables["versions"] = {"lacss_tools": __version__, **facts.get("versions", {})}
    write_text(path, tomli_w.dumps(tables))


def read_toml(path: Path) -> Values:
    """Read a TOML file; InputError when it is missing or damaged."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give a TOML file of settings.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML ({error}). Correct it.") from error


def read_settings(path: Path, command: str, names: dict[str, Known]) -> Values:
    """Return the settings that a TOML file has for a command: at its top, and in the table of the command's name.

    Tables of other commands and facts are skipped, so that one file can serve a project and a file beside an earlier
    result is one of settings. UsageError for names and values that are none.
    """
    content = read_toml(path)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    for name in tables:
        if name not in (*COMMANDS, *FACTS):
            raise UsageError(f"{path}: nothing has settings in a table {name}. {nearest(name, COMMANDS)}")
    given = {name: value for name, value in content.items() if name not in tables} | tables.get(command, {})
    if not given:
        has = one_of(tables) if tables else "nothing"
        raise UsageError(f"{path} has settings of {has}, none of {command}. Give the file of a {command}.")
    found: Values = {}
    for name, value in given.items():
        if name not in names:
            raise UsageError(f"{path}: unknown setting {name}. {nearest(name, names)}")
        try:
            found |= names[name].read(value)
        except ValueError as error:
            raise UsageError(f"{path}: {name} {error}.") from None
    return found


def settings_file(folder: Path, command: str) -> Path:
    """Return the file of settings beside the results of a command. (That of a training is `checkpoint.CONFIG`.)"""
    return folder / f"{command}.toml"
