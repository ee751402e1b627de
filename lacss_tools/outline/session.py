"""Outlining on files: which images there are, what is done of them, every action saved before it counts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from lacss_tools.errors import InputError
from lacss_tools.io.lock import locked
from lacss_tools.io.source import open_image
from lacss_tools.io.stains import images_in
from lacss_tools.outline.drawing import Drawing, start_with
from lacss_tools.outline.journal import Change, Step
from lacss_tools.outline.store import Opened, Store
from lacss_tools.outline.suggest import Suggestions
from lacss_tools.web.bodies import ConflictError

KEPT_BYTES = 300_000_000
"""of label images in memory: the one on show and those seen before"""
OPEN, BEGUN, FINISHED, ELSEWHERE = "open", "begun", "finished", "elsewhere"
"""states of an image; `elsewhere`: it has labels that were made elsewhere and are as they were"""


@dataclass
class OutlineSession:
    """The images of a project and the labels that are drawn; methods may be called from several threads."""

    images: dict[str, Path]
    """in the order in which they are worth outlining"""
    store: Store
    suggestions: Suggestions | None = None
    model: str | None = None
    """the model that answers clicks, as the user names it"""
    opened: dict[str, Opened] = field(default_factory=dict)
    """least recently used first"""
    lock: RLock = field(default_factory=RLock)

    @property
    def stems(self) -> list[str]:
        """Images in order."""
        return list(self.images)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other threads and processes from changing anything meanwhile."""
        with self.lock, locked(self.store.journals):
            yield

    def drawing(self, stem: str) -> Opened:
        """Return an image's cells as they are on disk now; call it inside `exclusive`."""
        one = self.opened.pop(stem, None)
        if one is not None and not self._is_current(one):
            one = None
        if one is None:
            one = self._open(stem)
        self.opened[stem] = one
        self._forget(stem)
        return one

    def _is_current(self, one: Opened) -> bool:
        """Learn what other processes added; False when the files are not those any more that were opened."""
        path = self.store.journal_file(one.stem)
        size = path.stat().st_size if path.is_file() else 0
        if size != one.offset:
            if size < one.offset or one.offset == 0:
                return False
            self.store.catch_up(one)
        return self.store.digest(one.stem) in one.known

    def _open(self, stem: str) -> Opened:
        with open_image(self.images[stem]) as image:
            shape, pixel_size = image.source.shape[1:], image.note.pixel_size
        one = self.store.open(stem, (shape[0], shape[1]))
        one.pixel_size = pixel_size
        if one.offset == 0 and one.begins_with is None and self.suggestions is not None:
            found = self.suggestions.of(stem, (shape[0], shape[1]))
            if found is not None:
                one.start = start_with(*found, (shape[0], shape[1]))
                one.drawing.replay(Step("do", "", one.start))
                one.drawing.steps = 0
        return one

    def _forget(self, but: str) -> None:
        """Drop images from memory, the least recently used first, when there are too many."""
        total = sum(one.drawing.sheet.labels.nbytes for one in self.opened.values())
        for stem, one in list(self.opened.items()):
            if total <= KEPT_BYTES:
                return
            if stem != but:
                self.store.save(one)
                total -= one.drawing.sheet.labels.nbytes
                del self.opened[stem]

    # ---- acting ----

    def act(self, stem: str, version: str, decide: Callable[[Drawing], Change]) -> Change:
        """Make a change of an image, for good when this returns.

        ConflictError when the image is not at the version that whoever asks has seen.
        """
        return self._step(stem, version, lambda drawing: Step("do", _now(), decide(drawing)))

    def undo(self, stem: str, version: str) -> Change:
        """Take back the last action on an image; returns the change that this is."""

        def decide(drawing: Drawing) -> Step:
            drawing.next_undo()
            return Step("undo", _now())

        return self._step(stem, version, decide)

    def redo(self, stem: str, version: str) -> Change:
        """Bring back the action that was taken back last."""

        def decide(drawing: Drawing) -> Step:
            drawing.next_redo()
            return Step("redo", _now())

        return self._step(stem, version, decide)

    def _step(self, stem: str, version: str, decide: Callable[[Drawing], Step]) -> Change:
        with self.exclusive():
            one = self.drawing(stem)
            if str(one.drawing.steps) != version:
                raise ConflictError(f"{stem} was changed elsewhere; the page now shows what is there.")
            step = decide(one.drawing)
            change = self.store.record(one, step)
            if change.finished is not None:
                self.store.save(one)
            return change

    def save(self) -> None:
        """Write the label images that lack the last actions."""
        with self.exclusive():
            for one in self.opened.values():
                if one.unsaved and self._is_current(one):
                    self.store.save(one)

    # ---- looking ----

    def state(self, stem: str) -> str:
        """Return how far an image is."""
        if stem in self.opened:
            one = self.opened[stem]
            if one.elsewhere and not one.drawing.history:
                return ELSEWHERE
            return FINISHED if one.drawing.finished else BEGUN if one.offset else OPEN
        journal, labels = self.store.journal_file(stem).is_file(), self.store.label_file(stem) is not None
        return FINISHED if journal and labels else BEGUN if journal else ELSEWHERE if labels else OPEN

    def counts(self) -> dict[str, int]:
        """Return how many images are in each state."""
        states = [self.state(stem) for stem in self.images]
        return {name: states.count(name) for name in (OPEN, BEGUN, FINISHED, ELSEWHERE)}


def open_session(
    images: Path, labels: Path, suggestions: Suggestions | None = None, scene: str | None = None
) -> OutlineSession:
    """Return the images of a folder, or the `scene` of each, whose labels go to another.

    Finishes what a killed process left unsaved.
    """
    session = OutlineSession(images_in(images, scene), Store(labels), suggestions)
    with session.exclusive():
        for stem in session.images:
            if session.store.may_lack(stem):
                with suppress(InputError):  # whoever opens the image is told what is wrong
                    session.drawing(stem)
    session.save()
    return session


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
