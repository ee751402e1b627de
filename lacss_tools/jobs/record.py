"""What made the files of a folder, in a TOML file beside them, so that no other run is mixed in without a word."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lacss_tools.errors import InputError
from lacss_tools.io.settings import DATA, read_toml, settings_file, write_settings
from lacss_tools.io.stems import as_text
from lacss_tools.settings import Values, show, to_table

SHA = "_sha256"
"""end of the name of a fact that tells by a hash what was read; people are not shown it"""


@dataclass(frozen=True)
class Record:
    """What the results of a command over many files depend on, kept in COMMAND.toml in their folder."""

    folder: Path
    command: str
    settings: tuple[Any, ...]
    facts: Values
    """what else the results depend on: folders that are read (as `beside` gives them), weights"""
    notes: Values = field(default_factory=dict)
    """what is worth knowing and changes no result"""
    harmless: tuple[str, ...] = ()
    """settings that change no result"""
    modern: Callable[[Values], Values] = lambda content: content
    """brings the content of a record of an early version to the form of today"""

    def claim(
        self,
        results: Mapping[str, Iterable[Path]],
        stems: Collection[str],
        overwrite: bool,
        summaries: tuple[Path, ...] = (),
    ) -> None:
        """Write the record of a folder that holds `results` by stem, and in which the images `stems` will be done.

        Where there is one that differs in what changes results, InputError; with `overwrite` only if the folder holds
        other images besides, which would pass for results of this run. Old results of `stems`, and the `summaries` of
        all, are then removed, so that a run that is cut short leaves none of them behind either. Results without a
        record stay as they are; there will be none as long as they are all that is asked for.
        """
        path = settings_file(self.folder, self.command)
        known = path.is_file()
        settings, facts = self._read(path, overwrite) if known and results else ({}, {})
        changed = self._changed(settings, facts) if known and results else []
        maker = facts.get("model", f"lacss {self.command}")
        if changed and not overwrite:
            raise InputError(
                f"{self.folder} holds what {maker} made, with other {', '.join(changed)} than now. Give another "
                "`output`, or `overwrite`."
            )
        if changed:
            self._make_way(results, set(stems), maker, summaries)
        if known or overwrite or not results.keys() >= set(stems):
            write_settings(path, self.command, self.settings, **{DATA: self.notes | self.facts})

    def _read(self, path: Path, overwrite: bool) -> tuple[Values, Values]:
        """Return the settings and the facts that are on record."""
        try:
            content = self.modern(read_toml(path))
            return content.get(self.command, {}), content.get(DATA, {})
        except InputError as error:
            if overwrite:
                return {}, {}
            raise InputError(f"{path} is damaged. Give another `output`, or `overwrite`.") from error

    def _changed(self, settings: Values, facts: Values) -> list[str]:
        """Return the names of what differs, each with its value before."""
        now, unsaid = to_table(*self.settings), to_table(*(type(part)() for part in self.settings))
        # a version that did not know a setting did as its default says, and without what a switch now turns on
        before = {name: False if isinstance(value, bool) else value for name, value in unsaid.items()} | settings
        names = [name for name in dict.fromkeys((*now, *before)) if name not in self.harmless]
        changed = [f"{name} ({show(before.get(name))})" for name in names if _differ(before.get(name), now.get(name))]
        for name in dict.fromkeys((*self.facts, *facts)):
            if name not in self.notes and _differ(facts.get(name), self.facts.get(name)):
                changed.append(name.removesuffix(SHA) if name.endswith(SHA) else f"{name} ({show(facts.get(name))})")
        return changed

    def _make_way(
        self, results: Mapping[str, Iterable[Path]], stems: set[str], maker: str, summaries: tuple[Path, ...]
    ) -> None:
        """Remove the results of `stems`; InputError, and nothing removed, when there are those of other images."""
        if others := results.keys() - stems:
            raise InputError(
                f"{self.folder} holds what {maker} made of {len(others)} other images, such as {min(others)}. Give "
                "another `output`."
            )
        for path in (*(path for files in results.values() for path in files), *summaries):
            path.unlink(missing_ok=True)


def beside(folder: Path, record: Path) -> str:
    """Return where a folder is as seen from that of a record, so that both can be moved and copied together."""
    try:
        return as_text(Path(os.path.relpath(folder, record)).as_posix())
    except ValueError:  # another drive of Windows
        return as_text(str(folder.absolute()))


def _differ(before: Any, now: Any) -> bool:
    """Return whether a value has changed. Records of early versions hold whole paths, of which the end must agree."""
    before, now = (list(value) if isinstance(value, tuple) else value for value in (before, now))
    if isinstance(before, str) and isinstance(now, str) and Path(before).is_absolute() != Path(now).is_absolute():
        return Path(before).name != Path(now).name
    return bool(before != now)
