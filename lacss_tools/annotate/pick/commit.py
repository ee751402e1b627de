"""One decision is one change on disk: mask, LOI table and row together, or none of them, whenever the power goes.

What is to become the mask is first written whole under a hidden name that carries a digest of the row to come. The
row is the commit: before it the hidden file means nothing, after it the file only has to be renamed, which `recover`
does at the next start if the process died in between.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.annotate.pick.journal import Pick, read_picks, record, row_of
from lacss_tools.arrays import Mask
from lacss_tools.errors import InputError
from lacss_tools.io.durable import sync_folder
from lacss_tools.io.lock import locked
from lacss_tools.io.native import atomic, write_mask
from lacss_tools.io.project import picks_file

PENDING = re.compile(r"\.([0-9a-f]{16})\.pending")
ABANDONED = re.compile(r"\.(\.[0-9a-f]{16}\.pending|picks\.csv)\..*\.part")


@dataclass(frozen=True)
class Content:
    """What a file shall hold: a mask, bytes, or None for no file."""

    path: Path
    value: Mask | bytes | None


@dataclass(frozen=True)
class Change:
    """What shall be on disk for one image: its row (None for none) and its files."""

    stem: str
    pick: Pick | None
    files: tuple[Content, ...]


def read(path: Path) -> bytes | None:
    """Return what a file holds, None where there is none."""
    return path.read_bytes() if path.is_file() else None


def commit(masks: Path, changes: Iterable[Change]) -> dict[str, Pick]:
    """Make all changes or none, for good when this returns; call it inside `locked`. Returns all picks.

    Raises InputError when the disk is full or a file cannot be written; then everything is as it was.
    """
    waiting: list[tuple[Path, Path]] = []
    rows: dict[str, Pick | None] = {}
    try:
        for change in changes:  # one at a time: hundreds of masks need not be in memory together
            rows[change.stem] = change.pick
            for content in change.files:
                if content.value is None and not content.path.exists():
                    continue  # gone already; no folder is made for it
                pending = content.path.with_name(f".{_digest(change.stem, change.pick)}.pending")
                waiting.append((pending, content.path))
                _write(pending, content.value)
        for folder in {pending.parent for pending, _ in waiting}:
            sync_folder(folder)
        picks = record(picks_file(masks), rows)
    except BaseException:
        for pending, _ in waiting:
            pending.unlink(missing_ok=True)
        raise
    sync_folder(masks)
    for pending, target in waiting:
        _install(pending, target)
    return picks


def recover(masks: Path, stems: list[str], targets: Callable[[str], list[Path]]) -> None:
    """Finish or forget what a process left behind that died in `commit`; `targets` names the files of an image."""
    folders = {path.parent for stem in stems[:1] for path in targets(stem)}
    if not any(_leftovers(folder) for folder in folders):
        return
    with locked(masks):
        picks = read_picks(picks_file(masks))
        committed = {_digest(stem, picks.get(stem)): stem for stem in stems}
        for folder in folders:
            for left in _leftovers(folder):
                match = PENDING.fullmatch(left.name)
                stem = committed.get(match[1]) if match else None
                if stem is None:
                    left.unlink(missing_ok=True)
                else:
                    _install(left, next(path for path in targets(stem) if path.parent == folder))


def _leftovers(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.name.startswith(".") and (PENDING.fullmatch(path.name) or ABANDONED.fullmatch(path.name))
    ]


def _digest(stem: str, pick: Pick | None) -> str:
    text = row_of(pick) if pick is not None else f"no row of {stem}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(path: Path, value: Mask | bytes | None) -> None:
    if isinstance(value, np.ndarray):
        write_mask(path, value)
        return
    with atomic(path) as part:
        part.write_bytes(value or b"")  # no file is told by an empty one


def _install(pending: Path, target: Path) -> None:
    try:
        if pending.stat().st_size:
            pending.replace(target)
        else:
            target.unlink(missing_ok=True)
            pending.unlink()
    except OSError as error:
        raise InputError(
            f"{target} is decided but cannot be replaced ({error.strerror}). Check its permissions, start again."
        ) from error
