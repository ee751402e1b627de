"""The images of a folder as an instrument wrote them: channels in files of their own, plates and times in folders.

By the patterns in force. What does not fit is named and nothing is guessed; paths only.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.joined import join_channels
from lacss_tools.io.patterns import IGNORED, NONE, STEM, Named, position_of
from lacss_tools.io.stems import ZARR, first_of, in_force, meant, same_stem, told_by, whole_stem

Entry = tuple[Named, Path]


def tells_fields() -> bool:
    """Return whether patterns are in force that tell more of an image than its stem."""
    return any(form.tells != {STEM} for form in in_force())


def _free() -> bool:
    """Return whether stems are of any form, so that any name is one."""
    return any(STEM in form.tells for form in in_force())


def acquired(folder: Path, suffixes: tuple[str, ...], passed_over: Callable[[Path], bool]) -> dict[str, Path]:
    """Return stem -> image by patterns that tell fields; files that differ in their channel alone are one image.

    Folders inside that are to be `passed_over` hold none.

    InputError for names that fit no form, several planes of one image, two files of one image and channel, and images
    that lack a channel of others.
    """
    entries: dict[str, list[Entry]] = {}
    others: list[Path] = []
    paths = list(_files(folder, suffixes, passed_over))
    for path in meant(paths) if _free() else paths:
        told = _told(folder, path)
        if told is None:
            others.append(path)
        elif told.wanted:
            _check_stem(path, told.stem)
            entries.setdefault(told.stem, []).append((told, path))
    images = {stem: _channels(folder, stem, files) for stem, files in entries.items()}
    _check_complete(folder, images)
    found = {stem: join_channels(files) for stem, files in images.items()}
    for path in _results(folder, others):
        stem = whole_stem(path)
        if stem in found:
            raise same_stem(path, found[stem], stem)
        found[stem] = path
    return dict(sorted(found.items()))


def refuse_choice(folder: Path, suffixes: tuple[str, ...], passed_over: Callable[[Path], bool]) -> None:
    """Raise InputError, with the values that there are, for a folder that holds files, but none that is asked for."""
    there = [told for path in _files(folder, suffixes, passed_over) if (told := _told(folder, path))]
    forms = [form for form in in_force() if form.kept]
    if there and forms:
        asked = ", ".join(dict.fromkeys(form.text for form in forms))
        known = {key: sorted({told.told[key] for told in there}, key=_in_order) for form in forms for key in form.kept}
        listed = "; ".join(f"{key} {first_of(values)}" for key, values in known.items())
        raise InputError(f"{folder} holds no file of `pattern` {asked}; the files have {listed}. Choose of those.")


def _told(folder: Path, path: Path) -> Named | None:
    return told_by(path.relative_to(folder).with_name(whole_stem(path)).as_posix())


def _files(folder: Path, suffixes: tuple[str, ...], passed_over: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, as far down as the patterns reach."""
    depth = max(form.depth for form in in_force())
    for place, folders, names in os.walk(folder, followlinks=True):
        deepest = len(Path(place).relative_to(folder).parts) >= depth
        inside = (one for one in folders if not one.startswith(".") and not one.lower().endswith(ZARR))
        folders[:] = [] if deepest else sorted(one for one in inside if not passed_over(Path(place) / one))
        yield from (Path(place) / name for name in sorted(names) if name.lower().endswith(suffixes) and name[0] != ".")


def _check_stem(path: Path, stem: str) -> None:
    """Raise InputError for a stem that the patterns read as another one: results under it would not be found."""
    again = told_by(stem)
    if again and again.stem != stem:
        raise InputError(
            f"{path} would be called {stem!r}, which the `pattern` takes for {again.stem!r}. Write letters that stand "
            "before a field into it, or give plates without _ in their names."
        )


def _choosing(key: str, *values: str) -> str:
    """Return the first of the patterns in force that tells a field, with a choice of it."""
    return next(form for form in in_force() if key in form.tells).choosing(key, *values)


def _channels(folder: Path, stem: str, entries: list[Entry]) -> dict[str, Path]:
    """Return channel -> file of one image, channels in their order."""
    planes = sorted({named.told["plane"] for named, _ in entries}, key=_in_order)
    if len(planes) > 1 and not any("plane" in form.kept for form in in_force()):
        raise InputError(
            f"{folder} holds {len(planes)} planes of {stem!r}, {', '.join(planes)}: which one is meant? Choose it in "
            f"the `pattern`, as in {_choosing('plane', planes[-1])}."
        )
    files: dict[str, Path] = {}
    for named, path in sorted(entries, key=lambda entry: _in_order(entry[0].told["channel"])):
        channel = named.told["channel"]
        if channel in files:
            raise same_stem(path, files[channel], stem, "" if channel == NONE else channel)
        files[channel] = path
    return files


def _check_complete(folder: Path, images: Mapping[str, dict[str, Path]]) -> None:
    """Raise InputError for an image without a channel that others have."""
    every = sorted({channel for files in images.values() for channel in files}, key=_in_order)
    for stem, files in images.items():
        if missing := [channel for channel in every if channel not in files]:
            common = [channel for channel in every if all(channel in one for one in images.values())]
            choice = f", or choose in the `pattern` what all have: {_choosing('channel', *common)}" if common else ""
            raise InputError(
                f"{folder} lacks channel {', '.join(missing)} of {stem!r}, of which it has {', '.join(files)}. "
                f"Add it{choice}."
            )


def _results(folder: Path, others: list[Path]) -> list[Path]:
    """Return what is called by a stem, as results are; InputError for other names that fit no form."""
    if not _free():
        others = [path for path in others if not IGNORED.fullmatch(whole_stem(path))]
        strange = [path for path in others if not position_of(whole_stem(path))]
        if strange:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            limits = " Rows are 1 to 32, columns 1 to 99." if any("row" in form.tells for form in in_force()) else ""
            raise InputError(
                f"{strange[0]}{more}: the name does not fit the `pattern`.{limits} Correct it, or move them away."
            )
    return [path for path in others if path.parent == folder]


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts w2 before w10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
