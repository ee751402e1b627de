"""The files of outlined images: label image, table, journal. What is in them and who may have changed them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Labels
from lacss_tools.errors import InputError
from lacss_tools.io.durable import append, sync_folder
from lacss_tools.io.native import atomic, read_labels, write_labels, write_table
from lacss_tools.io.project import find_images
from lacss_tools.io.stems import IMAGE_SUFFIXES
from lacss_tools.io.tables import read_table
from lacss_tools.outline import journal
from lacss_tools.outline.drawing import Drawing, drawing_of
from lacss_tools.outline.journal import NETWORK, PERSON, Change, Line, Row, Saved, Step

JOURNALS, ORIGINALS = "journal", "original"
"""folders inside labels/: one line per action, and labels made elsewhere as they were before the first change"""
HEADER = ["label", "score", "by", "area"]


@dataclass
class Opened:
    """An image that is being outlined: its drawing, and what is known of its files."""

    stem: str
    drawing: Drawing
    known: set[str | None]
    """digests that the label image may have; any other was written elsewhere"""
    begins_with: str | None
    """digest of the labels that were there before; None: there were none"""
    offset: int = 0
    """how much of the journal is in the drawing; 0: there is no journal yet"""
    start: Change | None = None
    """suggested cells that are in the drawing but in no journal yet"""
    unsaved: bool = False
    """whether the label image lacks something that the journal has"""
    note: str = ""
    """what a person should be told on opening"""
    pixel_size: tuple[float, float] | None = None
    """(y, x) in micrometres"""

    @property
    def elsewhere(self) -> bool:
        """Whether it has labels that were made elsewhere and are as they were."""
        return self.begins_with is not None and self.known == {self.begins_with}


@dataclass(frozen=True)
class Store:
    """The folder of labels."""

    folder: Path

    @property
    def journals(self) -> Path:
        """The folder of journals, which is also what processes lock."""
        return self.folder / JOURNALS

    def journal_file(self, stem: str) -> Path:
        """Return the journal of an image, whether it exists or not."""
        return self.journals / f"{stem}.jsonl"

    def label_file(self, stem: str) -> Path | None:
        """Return the label image, of whatever format; None when there is none."""
        own = self.target(stem)
        return own if own.is_file() else find_images(self.folder).get(stem)

    def target(self, stem: str) -> Path:
        """Return where the label image is written."""
        return self.folder / f"{stem}.tif"

    def table(self, stem: str) -> Path:
        """Return where scores and who drew each cell are written."""
        return self.folder / f"{stem}.csv"

    def digest(self, stem: str) -> str | None:
        """Return the digest of the label image."""
        path = self.label_file(stem)
        return None if path is None else _digest(path)

    # ---- reading ----

    def open(self, stem: str, shape: tuple[int, int]) -> Opened:
        """Read the cells of an image of `shape` (height, width); call it with the folder locked.

        Where the label image was changed elsewhere since the journal's last line, it counts as it is now; the journal
        is set aside and a new one begins.
        """
        digest, path = self.digest(stem), self.journal_file(stem)
        begins_with, note, known, offset = digest, "", {digest}, 0
        lines: list[Line] = []
        if journal.trim(path):
            drawn_on, begins_with = journal.read_header(path)
            if drawn_on != shape:
                raise InputError(f"{path} was drawn on {drawn_on} pixels, and the image has {shape}. Move it away.")
            lines, offset = journal.read(path)
            known = {begins_with, *(line.digest for line in lines if isinstance(line, Saved))}
            if digest not in known:
                note = (
                    f"The labels of {stem} were changed elsewhere; {self._set_aside(path).name} keeps what was before."
                )
                lines, known, offset, begins_with = [], {digest}, 0, digest
        labels = self._labels(stem, shape)
        drawing = drawing_of(np.abs(labels), self._rows(stem, labels), finished=digest is not None)
        for line in lines:
            if isinstance(line, Step):
                drawing.replay(line)
        self._drop_replaced(stem)
        return Opened(stem, drawing, known, begins_with, offset, unsaved=_lacks(lines, digest, drawing), note=note)

    def _set_aside(self, path: Path) -> Path:
        k = 1
        while (aside := path.with_name(f"{path.stem}.{k}.jsonl")).exists():
            k += 1
        return path.rename(aside)

    def _labels(self, stem: str, shape: tuple[int, int]) -> Labels:
        path = self.label_file(stem)
        if path is None:
            return np.zeros(shape, np.int32)
        labels = read_labels(path, signed=True)
        if labels.shape != shape:
            raise InputError(f"{path} is {labels.shape} pixels and its image {shape}. Give labels of the same size.")
        return labels

    def _rows(self, stem: str, labels: Labels) -> dict[int, Row]:
        """Return what the table tells of cells, and which of them negative labels mark as ambiguous."""
        marked = (-np.unique(labels[labels < 0])).tolist()
        rows = {number: Row(1.0, PERSON, ambiguous=True) for number in marked}
        try:
            table = read_table(self.table(stem), "").rows
            known = [(int(row["label"]), float(row["score"]), row["by"]) for row in table]
        except (InputError, ValueError, KeyError):
            return rows  # no table, or another tool's
        return rows | {n: Row(score, by, n in rows) for n, score, by in known if by in (PERSON, NETWORK)}

    # ---- writing: with the folder locked ----

    def record(self, one: Opened, step: Step) -> Change:
        """Write a line for good, and bring it into force; returns what it changed."""
        path, lines = self.journal_file(one.stem), journal.encode(step)
        fresh = one.offset == 0
        if fresh:
            shape = one.drawing.sheet.labels.shape
            begin = journal.header((shape[0], shape[1]), one.begins_with)
            lines = begin + (journal.encode(Step("do", step.time, one.start)) if one.start else b"") + lines
        if one.elsewhere:
            self._keep_original(one.stem)
        append(path, lines)
        if fresh:
            sync_folder(self.journals)
            one.drawing.steps += one.start is not None
            one.start = None
        one.offset += len(lines)
        was = one.drawing.finished
        change = one.drawing.replay(step)
        one.unsaved = one.unsaved or was or one.drawing.finished
        return change

    def catch_up(self, one: Opened) -> None:
        """Bring the lines into force that another process wrote."""
        path = self.journal_file(one.stem)
        journal.trim(path)
        lines, one.offset = journal.read(path, one.offset)
        for line in lines:
            if isinstance(line, Saved):
                one.known.add(line.digest)
            else:
                one.drawing.replay(line)

    def may_lack(self, stem: str) -> bool:
        """Return whether the label image may lack what the journal has: its last line is not on the file on disk."""
        path = self.journal_file(stem)
        if not path.is_file():
            return False
        last = journal.last_saved(path)
        return last is None or last.digest != self.digest(stem)

    def save(self, one: Opened) -> None:
        """Write label image and table as the drawing is now, or remove them where the image is not finished."""
        if not one.unsaved:
            return
        target = self.target(one.stem)
        if one.drawing.finished:
            self._write(one, target)
        else:
            self._expect(one, None)
            target.unlink(missing_ok=True)
            self.table(one.stem).unlink(missing_ok=True)
        one.unsaved = False

    def _write(self, one: Opened, target: Path) -> None:
        waiting = self.journals / target.name
        write_labels(waiting, one.drawing.signed(), one.pixel_size)
        self._expect(one, _digest(waiting))
        area = one.drawing.sheet.area
        rows = [[n, round(row.score, 4), row.by, area(n)] for n, row in sorted(one.drawing.rows.items())]
        write_table(self.table(one.stem), HEADER, rows)  # first: labels of the expected digest tell that all is done
        waiting.replace(target)
        self._drop_replaced(one.stem)
        sync_folder(self.folder)

    def _drop_replaced(self, stem: str) -> None:
        """Remove labels of another format that ours stand for; the original is kept."""
        if self.label_file(stem) is None or not self.target(stem).exists():
            return
        for path in (self.folder / f"{stem}{suffix}" for suffix in IMAGE_SUFFIXES):
            kept = self.folder / ORIGINALS / path.name
            if path != self.target(stem) and path.is_file() and kept.is_file() and _digest(path) == _digest(kept):
                path.unlink()

    def _expect(self, one: Opened, digest: str | None) -> None:
        """Say in the journal which label image is to come, so that it is not taken for another program's."""
        line = journal.encode(Saved(digest))
        append(self.journal_file(one.stem), line)
        one.offset += len(line)
        one.known.add(digest)

    def _keep_original(self, stem: str) -> None:
        for path in (self.label_file(stem), self.table(stem)):
            if path is None or not path.is_file():
                continue
            copy = self.folder / ORIGINALS / path.name
            if not copy.exists():
                data = path.read_bytes()
                with atomic(copy) as part:
                    part.write_bytes(data)


def _lacks(lines: list[Line], digest: str | None, drawing: Drawing) -> bool:
    """Return whether the label image of this digest lacks what the lines say: its writer was killed before."""
    if not lines or not (drawing.finished or digest is not None):
        return False
    last = lines[-1]
    return isinstance(last, Step) or last.digest != digest


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
