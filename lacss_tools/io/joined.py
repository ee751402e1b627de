"""Several files that hold the channels of one image: A01_s1_{w1|w2}.tif is the path of A01_s1_w1.tif and A01_s1_w2.tif.

Names only, but that a file which is called so by itself is no path of several.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path

from lacss_tools.errors import InputError

_JOINED = re.compile(r"([^{}]*)\{([^{}]*\|[^{}]*)\}([^{}]*)")


def join_channels(files: Mapping[str, Path]) -> Path:
    """Return the path of an image whose channels, by name, are files of one folder; that of a single file is its own.

    InputError for files that have no such path.

    >>> join_channels({"w1": Path("raw/a_w1.tif"), "w2": Path("raw/a_w2.tif")}).name
    'a_{w1|w2}.tif'
    """
    first, *rest = files.values()
    if not rest:
        return first
    names = [path.name for path in files.values()]
    start = _start(files)
    end = _alike(name[start:][::-1] for name in names)
    parts = [name[start : len(name) - end] for name in names]
    told = (channel if channel == part else f"{channel}={part}" for channel, part in zip(files, parts, strict=True))
    joined = first.with_name(f"{first.name[:start]}{{{'|'.join(told)}}}{first.name[len(first.name) - end :]}")
    if channel_files(joined) != dict(files):
        raise InputError(f"{joined.parent}: {' and '.join(names)} cannot be taken together as channels. Rename them.")
    return joined


def _start(files: Mapping[str, Path]) -> int:
    """Return where names begin to differ, or the names of the channels begin, if that is before."""
    common = _alike(path.name for path in files.values())
    named = (k for k in range(common, -1, -1) if all(path.name.startswith(name, k) for name, path in files.items()))
    return next(named, common)


def _alike(names: Iterable[str]) -> int:
    """Return how many letters names begin with that are those of all."""
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))


def channel_files(path: Path) -> dict[str, Path]:
    """Return channel -> file of the path of several files; nothing for that of a single file."""
    found = _JOINED.fullmatch(path.name)
    if found is None or path.exists():
        return {}
    before, parts, after = found.groups()
    told = (part.partition("=") for part in parts.split("|"))
    return {channel: path.with_name(f"{before}{part if own else channel}{after}") for channel, own, part in told}
