"""Settings: fields of frozen dataclasses that also say what they mean, what they may be and how to ask for them.

A dataclass is the one owner of its settings. Command-line options, help texts, the tables of TOML files and the checks
are made from it. Sentences name a setting in backticks; the command line puts its flag there (`screen.flags`).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from difflib import get_close_matches
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lacss_tools.errors import UsageError

T = TypeVar("T")
Values = dict[str, Any]
"""of settings, or of facts beside them, by name: what a table of a TOML file holds"""
ABOUT = "about"
"""key of the metadata of a field under which its `About` is"""
NONE = "none"
"""text for no value, where a setting may have none"""
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""texts for the values of a switch"""

Limit = int | float | None


@dataclass(frozen=True)
class About:
    """What a setting is, beside its name, type and default."""

    help: str
    """one or two sentences with the unit; other settings in backticks"""
    panel: str | None = None
    """panel of `--help`; a setting with one has a flag of its own"""
    flag: str | None = None
    """the flag, where it is not called like the setting"""
    least: Limit = None
    most: Limit = None
    above: Limit = None
    below: Limit = None
    multiple: int = 1
    choices: tuple[str | int, ...] = ()
    absent: str = NONE
    """what may be typed for no value besides none"""
    shown: str | None = None
    """words for the default in `--help`, where the value says too little"""
    read: Callable[[str], Values] | None = None
    """the settings that a text means, where the text is more than the value; its default is then `shown`"""

    def limits(self) -> str:
        """Return in words what values are possible, nothing when all are.

        >>> About("", least=0, below=1).limits()
        'at least 0 and below 1'
        """
        if self.choices:
            return one_of(self.choices)
        if self.least is not None and self.most is not None:
            return f"from {self.least:g} to {self.most:g}"
        ends = {"above": self.above, "at least": self.least, "below": self.below, "at most": self.most}
        words = [f"{word} {end:g}" for word, end in ends.items() if end is not None]
        words += [f"a multiple of {self.multiple}"] if self.multiple > 1 else []
        return " and ".join(words)

    def allows(self, value: int | float | str) -> bool:
        """Return whether a value, or an item of it, is possible."""
        if isinstance(value, str) or self.choices:
            return not self.choices or value in self.choices
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.multiple == 1 or value % self.multiple == 0)
        )


@dataclass(frozen=True)
class Known:
    """A field of a settings dataclass: its name, type without None, default, and what is known about it."""

    name: str
    type: Any
    optional: bool
    default: Any
    about: About

    @property
    def flag(self) -> str:
        """How the command line calls it, if it has a flag."""
        return self.about.flag or "--" + self.name.replace("_", "-")

    def parse(self, text: str) -> Values:
        """Return the settings that a text means, most of the time this one alone; ValueError with words on why not."""
        text = text.strip()
        if self.optional and text.lower() in (NONE, self.about.absent):
            return {self.name: None}
        if self.about.read:
            return self.about.read(text)
        return {self.name: self.accept(_from_text(self.type, text))}

    def read(self, value: Any) -> Values:
        """Return the settings that a value in a file means; ValueError with words on why not."""
        said = isinstance(value, str) and (self.about.read or value == self.about.absent)
        return self.parse(value) if said else {self.name: self.accept(value)}

    def accept(self, value: Any) -> Any:
        """Return a value as the type of the setting (1 is 1.0, a list a tuple); ValueError with words on why not."""
        if value is None and self.optional:
            return None
        ready = _as_type(self.type, value)
        for number in ready if isinstance(ready, tuple) else (ready,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"must be a finite number, not {number}")
            if not self.about.allows(number):
                raise ValueError(f"must be {self.about.limits()}, not {show(value)}{self._example(number)}")
        return ready

    def _example(self, value: Any) -> str:
        """Return a sentence that begins with the number nearest to `value` that would do, where that is not plain."""
        if self.about.multiple == 1:
            return ""
        below = value // self.about.multiple * self.about.multiple
        return f". Give for example {max(below, self.about.least or 0)}"


def setting(default: T, help: str, **about: Any) -> T:  # noqa: A002 - as everywhere in the command line
    """Return a field of a settings dataclass; `about` are further fields of `About`."""
    described: T = field(default=default, metadata={ABOUT: About(help, **about)})
    return described


def known(kind: type) -> Mapping[str, Known]:
    """Return all settings of a dataclass by name, in order."""
    hints = get_type_hints(kind)
    return {
        item.name: Known(item.name, *_without_none(hints[item.name]), item.default, item.metadata.get(ABOUT, About("")))
        for item in fields(kind)
        if item.default is not MISSING
    }


def check(settings: Any) -> None:
    """Bring the values of a new settings dataclass to their types; UsageError when one is impossible."""
    for name, entry in known(type(settings)).items():
        try:
            object.__setattr__(settings, name, entry.accept(getattr(settings, name)))
        except ValueError as error:
            raise UsageError(f"`{name}` {error}.") from None


def from_table(kind: type[T], table: Mapping[str, Any]) -> T:
    """Build a settings dataclass from a TOML or JSON table; UsageError for unknown names and wrong values."""
    if unknown := set(table) - set(known(kind)):
        raise UsageError(f"Unknown setting {', '.join(sorted(unknown))} in {kind.__name__}. Remove it.")
    try:
        return kind(**{name: known(kind)[name].accept(value) for name, value in table.items()})
    except ValueError as error:
        raise UsageError(f"A setting of {kind.__name__} {error}.") from error


def to_table(*settings: Any) -> Values:
    """Return settings dataclasses as one table for TOML or JSON; None is left out."""
    return {name: value for part in settings for name, value in asdict(part).items() if value is not None}


def one_of(choices: Iterable[object]) -> str:
    """Return the choices in words.

    >>> one_of(["weak", "full", "mixed"])
    'weak, full or mixed'
    """
    *most, last = map(str, choices)
    return f"{', '.join(most)} or {last}" if most else last


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a sentence that says which name was most likely meant, or all that there are.

    >>> nearest("lerning_rate", ["learning_rate", "seed"])
    'Did you mean learning_rate?'
    """
    names = list(names)
    close = get_close_matches(name, names, n=2)
    return f"Did you mean {one_of(close)}?" if close else f"There are {', '.join(names)}."


def show(value: object) -> str:
    """Return a value as a user would write it.

    >>> show(1e-3), show((4.2, 5.0)), show(True), show(None)
    ('0.001', '4.2,5', 'true', 'none')
    """
    if value is None or isinstance(value, bool):
        return NONE if value is None else str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(show, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- types ----------------------------------------------------------------------------------------------------------

WORDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether None was possible."""
    parts = [part for part in get_args(hint) if part is not type(None)]
    return (parts[0], True) if get_origin(hint) is UnionType else (hint, False)


def _items(kind: Any) -> tuple[Any, int | None]:
    """Return the type of the items of a tuple, and how many there must be if that is fixed."""
    first, *more = get_args(kind)
    return first, None if Ellipsis in more else 1 + len(more)


def _words(kind: Any) -> str:
    if kind in WORDS:
        return WORDS[kind]
    _, number = _items(kind)
    return "numbers with commas between them" if number is None else f"{number} numbers with commas between them"


def _from_text(kind: Any, text: str) -> Any:
    try:
        if kind is bool:
            return TRUTH[text.lower()]
        if kind in (int, float):
            return kind(text)
        return text if kind is str else tuple(_from_text(_items(kind)[0], item) for item in text.split(","))
    except (KeyError, ValueError):
        raise ValueError(f"must be {_words(kind)}, not {text!r}") from None


def _as_type(kind: Any, value: Any) -> Any:
    """Return `value` as an instance of `kind`; ValueError unless it is one, or a whole number for any number."""
    if get_origin(kind) is tuple:
        item, number = _items(kind)
        if not isinstance(value, list | tuple) or (number or len(value)) != len(value):
            raise ValueError(f"must be {_words(kind)}, not {show(value)}")
        return tuple(_as_type(item, one) for one in value)
    wanted = {int: Integral, float: Real}.get(kind, kind)  # numbers of numpy are welcome
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"must be {_words(kind)}, not {show(value)!r}")
    return kind(value)
