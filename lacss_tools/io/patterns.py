"""How names of files are composed: which plate, well, field, time, plane and channel they tell. Names only.

The naming rules of the presets are those of the instruments' own exports.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lacss_tools.errors import UsageError

STEM = "stem"
FIELDS = {
    STEM: "[^/]+",
    "plate": "[^/]+?",
    "well": r"(?:[Aa][A-Fa-f]|[A-Pa-p])\d{1,2}",
    "row": r"\d+",
    "column": r"\d+",
    "field": r"\d+",
    "time": "[^/]+?",
    "plane": r"\d+",
    "channel": r"[^/\s_.=|{}-]+?",
}
"""what may stand between braces in a pattern -> the text that it may be, as a regular expression"""
_WELL = r"(?P<well>(?:A[A-F]|[A-P])\d{1,2})"
_PLATE = "(?:(?P<plate>[^/]+)_)?"
_FOLDER = "(?:(?P<folder>(?!TimePoint_|ZStep_|Images/)[^/]+)/)?"
"""a plate's own: its name is the plate's, before what file names call that"""
_GUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TIME_POINT = _FOLDER + r"(?:TimePoint_(?P<time>\d+)/)?"
_METAXPRESS = rf"{_PLATE}{_WELL}(?:_s(?P<field>\d+))?(?:_(?P<channel>w\d+?))?(?:{_GUID})?"
PRESETS = {
    # [Plate/][TimePoint_1/][ZStep_1/][Plate_]A01[_s1][_w1][GUID], or with _z1 at the end
    "metaxpress": (
        rf"{_TIME_POINT}(?:ZStep_(?P<plane>\d+)/)?{_METAXPRESS}",
        rf"{_TIME_POINT}{_METAXPRESS}_z(?P<plane>\d+)",
    ),
    # [Plate/][Images/]r01c01f01p01-ch1sk1fk1fl1; earlier versions write f01p01rc1
    "operetta": (
        rf"{_FOLDER}(?:Images/)?r(?P<row>\d+)c(?P<column>\d+)f(?P<field>\d+)p(?P<plane>\d+)(?:rc\d+)?"
        r"-(?P<channel>ch\d+)sk(?P<time>\d+)fk\d+fl\d+",
    ),
    # [Folder/]Plate_A01_T0001F001L01A01Z01C01
    "cellvoyager": (
        rf"{_FOLDER}{_PLATE}{_WELL}_T(?P<time>\d+)F(?P<field>\d+)L\d+A\d+Z(?P<plane>\d+)(?P<channel>C\d+)",
    ),
    # [Folder/]Experiment_A1_1_2024y01m31d_08h00m or ..._00d08h00m; in an archive 2401/31/0800/700/A1-1-Ph
    "incucyte": (
        rf"{_FOLDER}{_PLATE}{_WELL}_(?P<field>\d+)_(?P<time>\d{{4}}y\d\dm\d\dd_\d\dh\d\dm|\d+d\d\dh\d\dm)",
        rf"(?:(?P<time>\d{{4}}/\d\d/\d{{4}})/(?P<folder>\d+)/)?{_WELL}-(?P<field>\d+)-(?P<channel>Ph?|C\d+)",
    ),
}
"""name -> the forms of names without their endings, with the folders that they may lie in"""
IGNORED = re.compile(rf".*_thumb(?:{_GUID})?|(?:DC|SC)_.*")
"""what instruments put among the images that is none: thumbnails, images for correction"""
NONE = "none"
"""in place of a value that a name lacks"""
_POSITION = re.compile(rf"(?:(?P<plate>.+)_)?{_WELL}(?:_(?P<field>\d+))?(?:_t(?P<time>(?:\d[^_]*_)?[^_]+))?")


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
    plane: str
    """NONE where it tells none"""
    channel: str
    """empty where it tells none"""
    wanted: bool
    """whether it is among the planes, channels, ... that were asked for"""


@dataclass(frozen=True)
class Form:
    """One form of names."""

    finder: re.Pattern[str]
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """of these fields, the values that are asked for"""

    @property
    def tells(self) -> frozenset[str]:
        """The fields in it."""
        return frozenset(self.finder.groupindex)

    @property
    def depth(self) -> int:
        """How many folders deep the files may lie."""
        return self.finder.pattern.replace("[^/]", "").count("/")

    def read(self, name: str) -> Named | None:
        """Return what a name without its ending tells, None where it has another form."""
        found = self.finder.fullmatch(name)
        if found is None:
            return None
        told = {key: _plain(key, text) for key, text in found.groupdict().items() if text is not None}
        if "row" in told:
            told["well"] = _plain("well", _letters(int(told["row"])) + told["column"])
        told["plate"] = "_".join(dict.fromkeys(told[key] for key in ("folder", "plate") if key in told))
        wanted = all(told.get(key, NONE) in values for key, values in self.kept.items())
        position = Position(*(told.get(key, "") for key in ("plate", "well", "field", "time")))
        return Named(told.get(STEM) or position.stem, told.get("plane", NONE), told.get("channel", ""), wanted)


def parse(pattern: str) -> tuple[Form, ...]:
    """Return the forms of a pattern: presets or texts with {fields} and *, separated by commas; UsageError without any.

    Behind each may stand which values are asked for: metaxpress:plane=2, operetta:channel=ch1+ch2:time=1.
    """
    return tuple(form for part in pattern.split(",") for form in _parse_one(part.strip(), pattern))


def _parse_one(part: str, pattern: str) -> list[Form]:
    text, *choices = part.split(":")
    finders = [re.compile(finder) for finder in PRESETS.get(text.lower()) or (_finder(text, pattern),)]
    kept = {}
    for choice in choices:
        key, _, values = choice.partition("=")
        if not values or not any(key in finder.groupindex for finder in finders):
            raise UsageError(f"`pattern` {pattern!r} asks for {choice!r}, which is none of its fields. Correct it.")
        kept[key] = tuple(_plain(key, value) for value in values.split("+"))
    return [Form(finder, kept) for finder in finders]


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
    return str(int(text)) if text.isdecimal() else text.replace("/", "")


def _letters(row: int) -> str:
    """Return what the row of a plate is called.

    >>> _letters(1), _letters(16), _letters(27)
    ('A', 'P', 'AA')
    """
    return (chr(64 + (row - 1) // 26) if row > 26 else "") + chr(65 + (row - 1) % 26)
