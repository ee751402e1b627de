"""The journal of an image: labels/journal/STEM.jsonl, a line per action, from which its cells can be made again.

Each line holds the pixels of a window before and after the action, whole. So lines that are applied in order to the
labels on disk give the latest state, whichever of them these labels had already.
"""

import base64
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.errors import InputError
from lacss_tools.outline.sheet import Box, Patch, Window

FORMAT = 1
_TAIL = 200
"""bytes; no line on the files is longer"""
PERSON, NETWORK = "person", "network"
MARK = "ambiguous"
"""the action that marks a cell as ambiguous, or takes the mark away"""
START = "start"
"""the action that puts cells in which came from elsewhere; it is not undone"""


@dataclass(frozen=True)
class Row:
    """What is known of a cell beside its pixels."""

    score: float
    """0 to 1, as the network gave it; 1 for what a person drew"""
    by: str
    """who drew its outline last: person or network"""
    ambiguous: bool = False
    """whether nobody can tell its outline, so that `lacss eval` can leave it out"""


Rows = dict[int, Row | None]


@dataclass(frozen=True)
class Packed:
    """Pixels of a window, compressed: thousands of actions stay in memory for undo."""

    data: bytes
    shape: tuple[int, int]

    @classmethod
    def of(cls, pixels: Window) -> "Packed":
        """Compress pixels."""
        return cls(zlib.compress(pixels.astype("<i4").tobytes(), 1), (pixels.shape[0], pixels.shape[1]))

    def pixels(self) -> Window:
        """Return the pixels; ValueError or zlib.error for damaged data."""
        return np.frombuffer(zlib.decompress(self.data), "<i4").reshape(self.shape).astype(np.int32)


@dataclass(frozen=True)
class Change:
    """One action: a window before and after it, and the cells' rows that it changed (None: no such cell)."""

    action: str
    box: Box
    before: Packed
    after: Packed
    rows_before: Rows = field(default_factory=dict)
    rows_after: Rows = field(default_factory=dict)
    finished: tuple[bool, bool] | None = None
    """whether the image was and is finished, where the action changed that"""

    def reverse(self) -> "Change":
        """Return what undoes it."""
        back = None if self.finished is None else (self.finished[1], self.finished[0])
        return Change(self.action, self.box, self.after, self.before, self.rows_after, self.rows_before, back)

    def patch(self) -> Patch:
        """Return the pixels after it."""
        return Patch(self.box[0], self.box[1], self.after.pixels())


@dataclass(frozen=True)
class Step:
    """A line on what was drawn: an action, or that one was taken back or done again."""

    kind: str
    """do, undo or redo"""
    time: str
    change: Change | None = None


@dataclass(frozen=True)
class Saved:
    """A line on the files: from now on the label image may be the one of this digest (None: there is none)."""

    digest: str | None


Line = Step | Saved


def header(shape: tuple[int, int], digest: str | None) -> bytes:
    """Return the first line: the size of the image, and the digest of the labels that the journal begins with."""
    return _line({"lacss_outline": FORMAT, "shape": list(shape), "labels": digest})


def encode(line: Line) -> bytes:
    """Return a line with its end."""
    if isinstance(line, Saved):
        return _line({"saved": line.digest})
    told: dict[str, Any] = {"time": line.time, "do": line.kind}
    if (change := line.change) is not None:
        told |= {"action": change.action, "box": list(change.box)}
        told |= {"before": _pack(change.before), "after": _pack(change.after)}
        told["cells"] = {
            number: [_row(change.rows_before.get(number)), _row(change.rows_after.get(number))]
            for number in sorted({*change.rows_before, *change.rows_after})
        }
        if change.finished is not None:
            told["finished"] = list(change.finished)
    return _line(told)


def trim(path: Path) -> bool:
    """Cut off a last line without its end, which was never confirmed; False where no line is left, and no file."""
    if not path.is_file():
        return False
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end == 0:
        path.unlink()
    elif end < len(data):
        os.truncate(path, end)
    return end > 0


def read(path: Path, offset: int = 0) -> tuple[list[Line], int]:
    """Return the lines of a trimmed journal from a byte on, its header aside, and where they end.

    InputError for anything that is none of our lines.
    """
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read()
    return list(_decode(path, data, first=offset == 0)), offset + len(data)


def read_header(path: Path) -> tuple[tuple[int, int], str | None]:
    """Return the size of the image and the digest of the labels that a journal begins with."""
    with path.open("rb") as stream:
        told = _parse(path, stream.readline())
    try:
        height, width = told["shape"]
        if told["lacss_outline"] != FORMAT:
            raise ValueError
        return (int(height), int(width)), told["labels"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error


def last_saved(path: Path) -> Saved | None:
    """Return the last line where it is whole and on the files, else None; reads no other line."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL))
        lines = stream.read().splitlines(keepends=True)
    last = lines[-1] if lines else b""
    return Saved(json.loads(last)["saved"]) if last.startswith(b'{"saved":') and last.endswith(b"\n") else None


def _decode(path: Path, data: bytes, first: bool) -> Iterator[Line]:
    for number, text in enumerate(data.splitlines()):
        if first and number == 0:
            continue
        told = _parse(path, text)
        try:
            yield Saved(told["saved"]) if "saved" in told else _step(told)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise _damaged(path) from error


def _step(told: dict[str, Any]) -> Step:
    kind = str(told["do"])
    if kind not in ("do", "undo", "redo"):
        raise ValueError(kind)
    if kind != "do":
        return Step(kind, str(told["time"]))
    y0, x0, y1, x1 = (int(end) for end in told["box"])
    shape, cells = (y1 - y0, x1 - x0), told["cells"].items()
    before, after = ({int(n): _as_row(pair[k]) for n, pair in cells} for k in (0, 1))
    finished = told.get("finished")
    change = Change(
        str(told["action"]),
        (y0, x0, y1, x1),
        _unpack(told["before"], shape),
        _unpack(told["after"], shape),
        before,
        after,
        None if finished is None else (bool(finished[0]), bool(finished[1])),
    )
    return Step(kind, str(told["time"]), change)


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(told, dict):
        raise _damaged(path)
    return told


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged. Move it away; lacss outline then begins with the labels as they are.")


def _pack(packed: Packed) -> str:
    return base64.b64encode(packed.data).decode()


def _unpack(text: str, shape: tuple[int, int]) -> Packed:
    packed = Packed(base64.b64decode(text, validate=True), shape)
    packed.pixels()  # damage shows here, where the file is known
    return packed


def _row(row: Row | None) -> list[Any] | None:
    return None if row is None else [round(row.score, 4), row.by, *([True] if row.ambiguous else [])]


def _as_row(told: list[Any] | None) -> Row | None:
    return None if told is None else Row(float(told[0]), str(told[1]), len(told) > 2 and bool(told[2]))
