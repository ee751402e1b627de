"""How names of files are composed: which plate, well, field, time, plane and channel they tell. Names only.

The naming rules of the presets are those of the instruments' own exports.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lacss_tools.errors import UsageError

STEM = "stem"
_ROW, _COLUMN = "0*(?:[1-9]|[12][0-9]|3[0-2])", "0*[1-9][0-9]?"
"""counted from 1; the largest plates have 32 rows, A to AF"""
FIELDS = {
    STEM: "[^/]+",
    "plate": "[^/]+?",
    "well": r"(?:[Aa][A-Fa-f]|[A-Pa-p])(?!00?(?!\d))\d{1,2}",
    "row": _ROW,
    "column": _COLUMN,
    "field": r"\d+",
    "time": r"[Tt]?\d[^/]*?",
    "plane": r"\d+",
    "channel": r"[^/\s_.=|{}-]+?",
}
"""what may stand between braces in a pattern -> the text that it may be, as a regular expression"""
_WELL = r"(?P<well>(?:A[A-F]|[A-P])(?!00?(?!\d))\d{1,2})"
_PLATE = "(?:(?P<plate>[^/]+)_)?"
_FOLDER = "(?:(?P<folder>(?!TimePoint_|ZStep_|Images/)[^/]+)/)?"
"""a plate's own: its name is the plate's, before what file names call that"""
_GUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TIME_POINT = _FOLDER + r"(?:TimePoint_(?P<time>\d+)/)?"
_METAXPRESS = rf"{_PLATE}{_WELL}(?:_s(?P<field>\d+))?(?:_(?P<channel>w\d+?))?(?:{_GUID})?"
PRESETS = {
    "metaxpress": {
        "[Plate/][TimePoint_1/][ZStep_1/][Plate_]A01[_s1][_w1][GUID]": (
            rf"{_TIME_POINT}(?:ZStep_(?P<plane>\d+)/)?{_METAXPRESS}"
        ),
        "[Plate/][TimePoint_1/][Plate_]A01[_s1][_w1][GUID]_z1": rf"{_TIME_POINT}{_METAXPRESS}_z(?P<plane>\d+)",
    },
    "operetta": {  # earlier versions write f01p01rc1
        "[Plate/][Images/]r01c01f01p01-ch1sk1fk1fl1": (
            rf"{_FOLDER}(?:Images/)?r(?P<row>{_ROW})c(?P<column>{_COLUMN})f(?P<field>\d+)p(?P<plane>\d+)(?:rc\d+)?"
            r"-(?P<channel>ch\d+)sk(?P<time>\d+)fk\d+fl\d+"
        ),
    },
    "cellvoyager": {
        "[Folder/]Plate_A01_T0001F001L01A01Z01C01": (
            rf"{_FOLDER}{_PLATE}{_WELL}_T(?P<time>\d+)F(?P<field>\d+)L\d+A\d+Z(?P<plane>\d+)(?P<channel>C\d+)"
        ),
    },
    "incucyte": {  # or ..._00d08h00m; the second in an archive
        "[Folder/]Experiment_A1_1_2024y01m31d_08h00m": (
            rf"{_FOLDER}{_PLATE}{_WELL}_(?P<field>\d+)"
            r"_(?P<time>\d{4}y\d\dm\d\dd_\d\dh\d\dm|\d+d\d\dh\d\dm)"
        ),
        "2401/31/0800/700/A1-1-Ph": (
            r"(?:(?P<time>\d{4}/\d\d/\d{4})/(?P<folder>\d+)/)?"
            rf"{_WELL}-(?P<field>\d+)-(?P<channel>Ph?|C\d+)"
        ),
    },
}
"""name -> how names look, with the folders that they may lie in and without their endings -> the form of them"""
IGNORED = re.compile(rf".*_thumb(?:{_GUID})?|(?:DC|SC)_.*")
"""what instruments put among the images that is none: thumbnails, images for correction"""
NONE = "none"
"""in place of a value that a name lacks"""
_POSITION = re.compile(rf"(?:(?P<plate>.+)_)?{_WELL}(?:_(?P<field>\d+))?(?:_t(?P<time>\d[^_]*))?")


@dataclass(frozen=True)
class Position:
    """Where and when an image was taken; empty where nobody knows."""

    plate: str = ""
    well: str = ""
    field: str = ""
    time: str = ""

    @property
    def stem(self) -> str:
        """The stem of an image that is called so: PLATE_A01_1_t1, without what is not known."""
        return "_".join(filter(None, (self.plate, self.well, self.field, self.time and f"t{self.time}")))


def position_of(stem: str) -> Position | None:
    """Return the position that a stem tells, as those of an OME-Zarr plate and of patterns do, if it tells a well.

    >>> position_of("p_1_A01_2_t3"), position_of("scan1")
    (Position(plate='p_1', well='A01', field='2', time='3'), None)
    """
    found = _POSITION.fullmatch(stem)
    return Position(**{name: text or "" for name, text in found.groupdict().items()}) if found else None


@dataclass(frozen=True)
class Named:
    """What the name of a file tells."""

    stem: str
    told: Mapping[str, str]
    """field -> value, NONE where it tells none"""
    wanted: bool
    """whether it is among the planes, channels, ... that were asked for"""


@dataclass(frozen=True)
class Form:
    """One form of names."""

    text: str
    """as somebody wrote it, with what is asked for"""
    finder: re.Pattern[str]
    depth: int
    """how many folders deep the files may lie"""
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """of these fields, the values that are asked for"""

    @property
    def tells(self) -> frozenset[str]:
        """The fields in it, with those that follow from them."""
        told = {"plate" if name == "folder" else name for name in self.finder.groupindex}
        return frozenset(told | ({"well"} if told >= {"row", "column"} else set()))

    def read(self, name: str) -> Named | None:
        """Return what a name without its ending tells, None where it has another form."""
        found = self.finder.fullmatch(name)
        if found is None:
            return None
        told = {key: _plain(key, text) for key, text in found.groupdict().items() if text is not None}
        if "row" in told:
            told["well"] = _plain("well", _letters(int(told["row"])) + told["column"])
        if folders := dict.fromkeys(told[key] for key in ("folder", "plate") if key in told):
            told["plate"] = "_".join(folders)
        position = Position(*(told.get(key, "") for key in ("plate", "well", "field", "time")))
        told = {key: told.get(key, NONE) for key in FIELDS}
        wanted = all(told[key] in values for key, values in self.kept.items())
        return Named(found.groupdict().get(STEM) or position.stem, told, wanted)

    def choosing(self, key: str, *values: str) -> str:
        """Return it as one writes it who asks for these values of a field."""
        name, *choices = self.text.split(":")
        others = (choice for choice in choices if not choice.startswith(f"{key}="))
        return ":".join((name, *others, f"{key}={'+'.join(values)}"))


def parse(pattern: str) -> tuple[Form, ...]:
    """Return the forms of a pattern: presets or texts with {fields} and *, separated by commas; UsageError without any.

    Behind each may stand which values are asked for: metaxpress:plane=2, operetta:channel=ch1+ch2:time=1.
    """
    return tuple(form for part in pattern.split(",") for form in _parse_one(part.strip(), pattern))


def _parse_one(part: str, pattern: str) -> list[Form]:
    text, *choices = part.split(":")
    finders = PRESETS.get(text.lower()) or {text: _finder(text, pattern)}
    forms = [Form(part, re.compile(finder), layout.count("/")) for layout, finder in finders.items()]
    kept = {}
    for choice in choices:
        key, _, values = choice.partition("=")
        asked = values.split("+")
        if not any(key in form.tells for form in forms) or not all(_may_be(key, value) for value in asked):
            raise UsageError(f"`pattern` {pattern!r} asks for {choice!r}, which is none of its fields. Correct it.")
        kept[key] = tuple(value if value == NONE else _plain(key, value) for value in asked)
    return [replace(form, kept=kept) for form in forms]


def _may_be(name: str, value: str) -> bool:
    return value == NONE or re.fullmatch(FIELDS[name], value) is not None


def _finder(text: str, pattern: str) -> str:
    """Return a form as a regular expression. Letters before a channel are of its name: w1 in ..._w{channel}."""

    def named(at: re.Match[str]) -> str:
        before, name = at.groups()
        inside, outside = (before, "") if name == "channel" else ("", before)
        return f"{outside}(?P<{name}>{inside}{FIELDS[name]})"

    try:
        finder = re.sub(r"([A-Za-z]*)\\{(\w+)\\}", named, re.escape(text).replace(r"\*", "[^/]*"))
        tells = set(re.compile(finder).groupindex)
    except (re.error, KeyError):
        tells = set()
    if STEM in tells and (beside := tells - {STEM, "plane", "channel"}):
        raise UsageError(
            f"`pattern` {pattern!r} has {{{STEM}}}, which is the whole name of an image, beside {{{min(beside)}}}. "
            f"Leave out one of them; {{plate}} may stand for any text."
        )
    if not tells & {STEM, "well"} and not tells >= {"row", "column"}:
        raise UsageError(
            f"`pattern` {pattern!r} does not say what pairs files. Write for example {{stem}}_w1; known are "
            f"{', '.join(f'{{{name}}}' for name in FIELDS)} and the presets {', '.join(PRESETS)}."
        )
    return finder


def _plain(name: str, text: str) -> str:
    """Return a value as stems have it: A01, 1; a channel that is a mere number as c1, since numbers are indices."""
    if name == "well":
        letters = text.rstrip("0123456789")
        return f"{letters.upper()}{int(text[len(letters) :]):02d}"
    if name == "channel":
        return f"c{text}" if text.isdecimal() else text
    if name in (STEM, "plate", "folder"):
        return text
    if name == "time":  # behind the last _ of a stem it is written as t1
        text = text.lstrip("Tt").replace("/", "").replace("_", "-")
    return str(int(text)) if text.isdecimal() else text


def _letters(row: int) -> str:
    """Return what the row of a plate is called.

    >>> _letters(1), _letters(16), _letters(27)
    ('A', 'P', 'AA')
    """
    return (chr(64 + (row - 1) // 26) if row > 26 else "") + chr(65 + (row - 1) % 26)
