"""What a stem is: the name by which files belong together, whatever folder, ending or system they are from.

Names only; nothing here looks at a disk.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from lacss_tools.errors import InputError
from lacss_tools.io.joined import channel_files
from lacss_tools.io.patterns import PRESETS, STEM, Form, Named, parse

IMAGE_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png", ".jpeg", ".jpg", ".nd2", ".czi", ".lif")
TABLE_SUFFIXES = (".csv",)
ZARR = ".zarr"
"""end of the name of a folder that is an OME-Zarr store"""
NO_TEXT = re.compile("[\udc80-\udcff]")
"""what Python has in place of the bytes of a file name that are no text"""
SAME_NAME = "Give partners the same file name."
SEPARATORS = "_-. "
"""what stands between a stem and the name of a channel"""
CHANNEL = re.compile(r"(w|c|ch|channel|dapi|hoechst|nuc(leus|lei)?)_?\d*", re.IGNORECASE)
"""what microscopes and Fiji call channels in names of files; one at least of several is called so"""
NAMED = 5
"""names in a sentence"""
MOST = 0.75
"""of the names times the channels of a folder are there; a file may be missing"""
_PATTERNS: ContextVar[tuple[Form, ...]] = ContextVar("patterns", default=())


def as_stem(name: str) -> str:
    r"""Return a name as stems are written: composed letters (macOS takes them apart), %E4 for a byte that is no text.

    >>> as_stem("Zelle_a\u0308") == "Zelle_\u00e4", as_stem("Zelle_\udce4")
    (True, 'Zelle_%E4')
    """
    return unicodedata.normalize("NFC", as_text(name))


def as_text(name: str) -> str:
    """Return a name, or a sentence with names, that can be written to a file: %E4 for a byte that is no text."""
    return NO_TEXT.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", name)


def stem_of(path: Path) -> str:
    """Return the name that pairs files: without the suffix in upper or lower case, `.ome.tif` counted as one.

    Where patterns are in force (`pair_by`), what the first of them that fits calls the stem. That of an image whose
    channels are files of their own is that of the first of them.

    >>> stem_of(Path("dapi/A01.field1.ome.tif")), stem_of(Path("lois/A01.field1.CSV"))
    ('A01.field1', 'A01.field1')
    """
    whole = whole_stem(next(iter(channel_files(path).values()), path))
    found = told_by(whole)
    return found.stem if found else whole


def called(stem: str, path: Path) -> str:
    """Return what to call an image: its file, or its stem where many files are called alike, as in a plate.

    >>> called("a", Path("images/a.png")), called("plate_A01_0", Path("images/plate.zarr/A/01/0"))
    ('a.png', 'plate_A01_0')
    """
    return path.name if stem_of(path) == stem else stem


def whole_stem(path: Path) -> str:
    """Return what `stem_of` does where no pattern is in force."""
    for suffix in (*IMAGE_SUFFIXES, *TABLE_SUFFIXES, f".ome{ZARR}", ZARR):
        if path.name.lower().endswith(suffix):
            return as_stem(path.name[: -len(suffix)])
    return as_stem(path.stem)


# ---- patterns -------------------------------------------------------------------------------------------------------


def pair_by(pattern: str) -> None:
    """From now on take stems by a pattern, as `patterns.parse` reads it; its UsageError."""
    _PATTERNS.set(parse(as_stem(pattern)))


@contextmanager
def own_patterns() -> Iterator[None]:
    """Let `pair_by` hold for this block; commands may run within commands."""
    token = _PATTERNS.set(())
    try:
        yield
    finally:
        _PATTERNS.reset(token)


def in_force() -> tuple[Form, ...]:
    """Return the patterns by which stems are taken."""
    return _PATTERNS.get()


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same in another process, by the patterns that are in force here."""
    return partial(_under, in_force(), function)


def _under(forms: tuple[Form, ...], function: Callable[..., Any], *arguments: Any) -> Any:
    _PATTERNS.set(forms)
    return function(*arguments)


def told_by(whole: str) -> Named | None:
    """Return what a name without its ending tells by the first pattern in force that it fits."""
    return _told(whole, in_force())


def _told(whole: str, forms: tuple[Form, ...]) -> Named | None:
    return next((told for form in forms if (told := form.read(whole))), None)


def same_stem(path: Path, other: Path, stem: str, channel: str = "") -> InputError:
    """Return the error of two files that would be one image, or one channel of it."""
    of = f" and the channel {channel}" if channel else ""
    remedy = "Tell them apart in the `pattern`, as by {channel}, or choose one there" if in_force() else "Rename one"
    return InputError(f"{path} and {other.name} share the stem {stem!r}{of}. {remedy}, or move one away.")


def meant(paths: list[Path]) -> list[Path]:
    """Return the files of a folder without other channels: names that fit no pattern, but have a stem of those that do.

    A file that has nothing to do with those that fit, such as a result under its stem alone, is meant too.
    """
    if not in_force():
        return paths
    found = {path: told_by(whole_stem(path)) for path in paths}
    fitting = {(told.stem, whole_stem(path).startswith(told.stem)) for path, told in found.items() if told}
    return [path for path, told in found.items() if told or not fitting & _parts(whole_stem(path))]


def several_stains(stems: Collection[str]) -> list[str]:
    """Return a sentence where a folder holds images of several stains, each in a file of its own.

    That is so where most names come with the same two or more ends (or beginnings), one of which is that of a channel.

    >>> several_stains(["s0_w1", "s0_w2", "s1_w1", "s1_w2"])
    ["They are of 2 stains, by their names. Name the one to use: `pattern` '{stem}_w1' or '{stem}_w2'."]
    >>> several_stains(["A_1", "A_2", "B_1", "B_2"])
    []
    """
    ends = [(stem[:k], stem[k:]) for stem in stems if (k := max(map(stem.rfind, SEPARATORS))) > 0]
    starts = [(stem[k + 1 :], stem[: k + 1]) for stem in stems if (k := _first_separator(stem)) > 0]
    for cut, pattern in ((ends, f"'{{{STEM}}}%s'"), (starts, f"'%s{{{STEM}}}'")):
        names, channels = ({part[i] for part in cut} for i in (0, 1))
        known = any(CHANNEL.fullmatch(channel.strip(SEPARATORS)) for channel in channels)
        if known and len(channels) > 1 and len(cut) == len(stems) > MOST * len(names) * len(channels):
            patterns = " or ".join(pattern % channel for channel in sorted(channels))
            return [f"They are of {len(channels)} stains, by their names. Name the one to use: `pattern` {patterns}."]
    return []


def _first_separator(stem: str) -> int:
    return next((k for k, letter in enumerate(stem) if letter in SEPARATORS), -1)


def first_of(names: Sequence[str]) -> str:
    """Return names for a sentence: the first of them, and how many more.

    >>> first_of("abcdefgh")
    'a, b, c, d, e and 3 more'
    """
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _parts(whole: str) -> set[tuple[str, bool]]:
    """Return what stands before each separator of a name (with True), and what behind it (with False)."""
    cuts = [k for k, letter in enumerate(whole) if letter in SEPARATORS]
    return {part for k in cuts for part in ((whole[:k], True), (whole[k + 1 :], False))}


def how_to_pair(first: Collection[str], second: Collection[str]) -> str:
    """Return a sentence on how stems of two folders that do not pair would: by a pattern if there is one.

    >>> how_to_pair(["s0_w1", "s1_w1"], ["s0_w2", "s1_w2"])
    "They pair with `pattern` '{stem}_w1,{stem}_w2'."
    """
    pattern = _preset_for(first, second) or _pattern_for(first, second)
    return f"They pair with `pattern` '{pattern}'." if pattern else SAME_NAME


def _preset_for(first: Collection[str], second: Collection[str]) -> str | None:
    """Return the preset that all stems of two folders fit, if they pair by it."""
    for name in PRESETS:
        forms = parse(name)
        told = [[_told(stem, forms) for stem in stems] for stems in (first, second)]
        one, two = ({each.stem for each in every if each} for every in told)
        if None not in told[0] + told[1] and one & two:
            return name
    return None


def _pattern_for(first: Collection[str], second: Collection[str]) -> str | None:
    """Return the pattern that cuts off what all stems of a folder end with, or begin with, if all pair then.

    >>> _pattern_for(["C1-a", "C1-b"], ["C2-a", "C2-b", "C2-c"]), _pattern_for(["a", "b"], ["c"])
    ('C1-{stem},C2-{stem}', None)
    """
    if ends := _cut_off(first, second):
        return ",".join(f"{{{STEM}}}{end}" for end in ends)
    turned = ([stem[::-1] for stem in stems] for stems in (first, second))
    return ",".join(f"{end[::-1]}{{{STEM}}}" for end in _cut_off(*turned)) or None


def _cut_off(first: Collection[str], second: Collection[str]) -> list[str]:
    """Return the shortest ends without which all stems of the smaller folder pair; nothing where there are none."""
    for ends in sorted(product(_ends(first), _ends(second)), key=lambda two: len("".join(two))):
        one, two = {stem.removesuffix(ends[0]) for stem in first}, {stem.removesuffix(ends[1]) for stem in second}
        if len((one & two) - {""}) == min(len(first), len(second)):
            return sorted({end for end in ends if end})
    return []


def _ends(stems: Collection[str]) -> list[str]:
    """Return what all stems end with from a separator on, the shortest first."""
    any_one = min(stems, key=len)
    ends = (any_one[k:] for k in reversed(range(len(any_one))) if any_one[k] in SEPARATORS)
    return ["", *(end for end in ends if all(stem.endswith(end) for stem in stems))]
