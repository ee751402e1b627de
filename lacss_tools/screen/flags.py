"""Sentences name settings and parameters in backticks; the command line puts the flags of its command there."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_FLAGS: ContextVar[Mapping[str, str]] = ContextVar("flags", default=MappingProxyType({}))
_NAME = re.compile(r"`(\w+)`")


def with_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Return a sentence with flags in place of the names in backticks that have one.

    >>> with_flags("`learning_rate` must be above 0, not -1.", {"learning_rate": "--learning-rate"})
    '--learning-rate must be above 0, not -1.'
    """
    return _NAME.sub(lambda found: flags.get(found[1], found[0]), sentence)


def in_flags(sentence: str) -> str:
    """Return a sentence in the flags of the command that is running, as it is where none is."""
    return with_flags(sentence, _FLAGS.get())


@contextmanager
def own_flags() -> Iterator[None]:
    """Let `speak_of` hold for this block; commands may run within commands."""
    token = _FLAGS.set({})
    try:
        yield
    finally:
        _FLAGS.reset(token)


def speak_of(command: Any) -> None:
    """From now on use the flags of a command of typer, and --set NAME for settings of it that have none."""
    flags = {name: f"--set {name}" for name in getattr(command.callback, "settings", {})}
    for option in command.params:
        flags[option.name] = max(option.opts, key=len) if option.opts[0].startswith("-") else option.name
    _FLAGS.set(flags)
