"""The cells of one image while they are edited, with the history of undo. Knows no files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from lacss_tools.arrays import MAX_LABEL, Labels
from lacss_tools.errors import InputError
from lacss_tools.outline.journal import MARK, NETWORK, PERSON, START, Change, Packed, Row, Rows, Step
from lacss_tools.outline.sheet import Patch, Sheet, boxes_of, shrink

Edit = Callable[[Sheet, Callable[[], int]], Patch]
"""an edit of `edit.py`, its other arguments given: the sheet and where numbers of new cells come from"""


@dataclass
class Drawing:
    """Labels and rows of an image, and what was done to them: `history` up to `at` is done, the rest taken back."""

    sheet: Sheet
    rows: dict[int, Row]
    finished: bool = False
    history: list[Change] = field(default_factory=list)
    at: int = 0
    steps: int = 0
    """how many lines of the journal this is the state after: what a window must have seen to change it"""
    highest: int = 0
    """largest number that a cell ever had, which no other one gets"""

    def __post_init__(self) -> None:
        self.highest = max((self.highest, *self.sheet.boxes))

    def plan(self, action: str, edit: Edit, by: Row, numbers: set[int] | None = None) -> Change:
        """Return the change that an edit makes; InputError when it changes nothing.

        Cells whose outline changes get the row `by`, those of `numbers` alone where these are given; a neighbour that
        a brush took pixels from keeps its own.
        """
        following = self.fresh_numbers()
        patch = shrink(self.sheet, edit(self.sheet, lambda: next(following)))
        if patch is None:
            raise InputError("That changes no pixel. Nothing is saved.")
        before = self.sheet.crop(patch.box)
        changed = before != patch.pixels
        touched = {*np.unique(before[changed]).tolist(), *np.unique(patch.pixels[changed]).tolist()} - {0}
        after = {number: self._row_after(number, patch, before, by, numbers) for number in touched}
        rows = {number: self.rows.get(number) for number in touched}
        return Change(action, patch.box, Packed.of(before), Packed.of(patch.pixels), rows, after)

    def fresh_numbers(self) -> Iterator[int]:
        """Yield numbers that no cell ever had; InputError where a label image holds no larger ones."""
        yield from range(self.highest + 1, MAX_LABEL + 1)
        raise InputError(f"Labels go up to {MAX_LABEL}, which is taken. Renumber the cells of this image.")

    def _row_after(self, number: int, patch: Patch, before: np.ndarray, by: Row, own: set[int] | None) -> Row | None:
        old = self.rows.get(number)
        by = replace(by, ambiguous=old is not None and old.ambiguous)
        if not (patch.pixels == number).any() and self._all_in(number, before):
            return None
        return old if old is not None and own is not None and number not in own else by

    def _all_in(self, number: int, before: np.ndarray) -> bool:
        """Return whether a window shows every pixel of a cell."""
        box = self.sheet.boxes.get(number)
        whole = 0 if box is None else int(np.count_nonzero(self.sheet.window(box) == number))
        return whole == int(np.count_nonzero(before == number))

    def finish(self, finished: bool) -> Change:
        """Return the change that says whether the image is finished."""
        none = Packed.of(np.zeros((0, 0), np.int32))
        return Change("finish" if finished else "reopen", (0, 0, 0, 0), none, none, finished=(self.finished, finished))

    def mark(self, number: int) -> Change:
        """Return the change that marks a cell as ambiguous, or as clear again."""
        none, row = Packed.of(np.zeros((0, 0), np.int32)), self.rows[number]
        turned = replace(row, ambiguous=not row.ambiguous)
        return Change(MARK, (0, 0, 0, 0), none, none, {number: row}, {number: turned})

    def signed(self) -> Labels:
        """Return the labels as they are written: those of ambiguous cells are negative."""
        ambiguous = [number for number, row in self.rows.items() if row.ambiguous]
        if not ambiguous:
            return self.sheet.labels
        return np.where(np.isin(self.sheet.labels, ambiguous), -self.sheet.labels, self.sheet.labels)

    def replay(self, step: Step) -> Change:
        """Bring a line of the journal into force; returns what it changed."""
        self.steps += 1
        if step.kind == "do":
            assert step.change is not None
            del self.history[self.at :]
            if step.change.action != START:
                self.history.append(step.change)
                self.at += 1
            return self._apply(step.change)
        change = self.next_undo().reverse() if step.kind == "undo" else self.next_redo()
        self.at += -1 if step.kind == "undo" else 1
        return self._apply(change)

    def next_undo(self) -> Change:
        """Return the action that undo takes back; InputError when there is none."""
        if self.at == 0:
            raise InputError("Nothing to undo in this image. Everything is as it was when it was opened first.")
        return self.history[self.at - 1]

    def next_redo(self) -> Change:
        """Return the action that redo brings back; InputError when there is none."""
        if self.at == len(self.history):
            raise InputError("Nothing to do again in this image. Only what was undone last can be.")
        return self.history[self.at]

    def _apply(self, change: Change) -> Change:
        if change.after.shape[0]:
            self.sheet.put(change.patch())
        self.highest = max((self.highest, *change.rows_before, *change.rows_after))
        _merge(self.rows, change.rows_after)
        if change.finished is not None:
            self.finished = change.finished[1]
        return change


def _merge(rows: dict[int, Row], changed: Rows) -> None:
    for number, row in changed.items():
        if row is None:
            rows.pop(number, None)
        else:
            rows[number] = row


def start_with(labels: Labels, scores: dict[int, float], shape: tuple[int, int]) -> Change:
    """Return the change that puts suggested cells into an empty image."""
    rows: Rows = {number: Row(scores.get(number, 1.0), NETWORK) for number in boxes_of(labels)}
    none: Rows = dict.fromkeys(rows)
    return Change(START, (0, 0, *shape), Packed.of(np.zeros(shape, np.int32)), Packed.of(labels), none, rows)


def drawing_of(labels: Labels, rows: dict[int, Row], finished: bool = False) -> Drawing:
    """Return the drawing of labels that are there already; cells without a row count as a person's."""
    sheet = Sheet(labels.astype(np.int32))
    return Drawing(sheet, {number: rows.get(number, Row(1.0, PERSON)) for number in sheet.boxes}, finished)
