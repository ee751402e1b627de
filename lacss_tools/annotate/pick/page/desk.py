"""The desk behind the page: decisions checked against what others did meanwhile, and the history for undo."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypedDict

import numpy as np

from lacss_tools.annotate.pick.choices import Choices
from lacss_tools.annotate.pick.journal import AUTO
from lacss_tools.annotate.pick.page.requests import RepairWish
from lacss_tools.annotate.pick.page.shelf import Shelf
from lacss_tools.annotate.pick.repair import Repair
from lacss_tools.annotate.pick.saving import Before, restore, save_pick, save_picks, save_repair
from lacss_tools.annotate.pick.session import PickSession
from lacss_tools.arrays import Mask
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_mask
from lacss_tools.web.bodies import ConflictError, Wish
from lacss_tools.web.render import bits, step_of
from lacss_tools.web.stroke import paint

OWN = "own"
"""what the page calls a mask that was made elsewhere"""


class _Undecided(TypedDict):
    stem: str
    choice: str | None
    """candidate number, `none` or `own`; null while undecided"""
    version: str


class ImageState(_Undecided, total=False):
    """What the page shows of one image; the last three where a pick was made, see `journal.Pick`."""

    by: str
    edited: str
    threshold: str


class State(TypedDict):
    """What the page shows of all images."""

    images: list[ImageState]


class Changed(TypedDict):
    """The images that an action changed, by number."""

    changed: dict[int, ImageState]


@dataclass(frozen=True)
class Done:
    """One action of a window: what was there before, and the versions that it left behind."""

    before: list[Before]
    versions: dict[str, str]


@dataclass
class Desk:
    """A session with its images at hand and its history; methods may be called from several threads."""

    session: PickSession
    shelf: Shelf = field(init=False)
    history: dict[str, list[Done]] = field(default_factory=dict)
    """window -> its actions"""
    saving: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.session)

    # ---- looking ----

    def state(self) -> State:
        """Return what the page shows of all images, as it is on disk now."""
        with self.saving:
            self.session.refresh()
            return {"images": [self._state(stem) for stem in self.session.stems]}

    def _state(self, stem: str) -> ImageState:
        pick, version = self.session.picks.get(stem), self.session.version(stem)
        if self.session.is_own(stem):
            return {"stem": stem, "choice": OWN, "version": version}
        if pick is None or not self.session.is_decided(stem):
            return {"stem": stem, "choice": None, "version": version}
        state: ImageState = {"stem": stem, "choice": pick.choice, "version": version}
        return {**state, "by": pick.by, "edited": pick.edited, "threshold": pick.threshold}

    def saved_mask(self, k: int) -> bytes:
        """Return the mask on disk, whoever made it, as one byte per pixel."""
        return self._shown(self._on_disk(self.shelf.stem(k)))

    def cut(self, k: int, threshold: float) -> bytes:
        """Return the image cut at any threshold, as one byte per pixel."""
        return self._shown(self.shelf.cut(k, threshold))

    def _shown(self, mask: Mask) -> bytes:
        return bits(mask[None], step_of(mask.shape)).tobytes()

    def _on_disk(self, stem: str) -> Mask:
        path = self.session.mask(stem)
        if path is None:
            raise InputError(f"{self.session.mask_file(stem)} does not exist. Reload the page.")
        return read_mask(path)

    # ---- deciding ----

    def choose(self, k: int, number: int | None, wish: Wish) -> Changed:
        """Pick candidate `number`, or reject the image (None)."""
        stem = self.shelf.stem(k)
        return self._act(wish, [stem], lambda: [save_pick(self.session, stem, number)])

    def repair(self, k: int, asked: RepairWish, wish: Wish) -> Changed:
        """Save a repaired mask and LOI table."""
        stem, choices, base = self.shelf.stem(k), self.shelf.image(k).choices, asked.base
        number = self._base_number(stem, choices, base)
        threshold = base if isinstance(base, float) else None
        repair = Repair(number, threshold, base is None, asked.strokes, asked.removed, asked.added)
        if len(asked.added) and ((asked.added < 0) | (asked.added > np.array(choices.image.shape[1:]) - 1)).any():
            raise InputError("A point lies outside the image. Click inside it.")
        fresh = self.shelf.cut(k, threshold) if threshold is not None else None

        def save() -> list[Before]:
            start = self._on_disk(stem) if base is None else choices.masks[number - 1] if fresh is None else fresh
            return [save_repair(self.session, stem, repair, paint(start, repair.strokes))]

        return self._act(wish, [stem], save)

    def _base_number(self, stem: str, choices: Choices, base: int | float | None) -> int:
        if isinstance(base, float):
            return int(np.argmin(np.abs(np.array(choices.thresholds) - base))) + 1
        if base is None:
            pick = self.session.picks.get(stem)
            return min((pick.number if pick else None) or 1, len(choices.masks))
        if base > len(choices.masks):
            raise InputError(f"{self.session.candidates[stem]} has no candidate {base}. Reload the page.")
        return base

    def accept(self, least: float, wish: Wish) -> Changed:
        """Pick the suggestion of every undecided image that scores `least` or more, as one action."""
        with self.saving, self.session.exclusive():
            numbers: dict[str, int | None] = {}
            for stem in self.session.undecided():
                known = self.shelf.suggestion(stem)
                if known is not None and known[1] >= least:
                    numbers[stem] = known[0]
            if not numbers:
                raise InputError(f"No undecided image has a suggestion that scores {least:g}. Choose a lower score.")
            return self._remember(wish.window, save_picks(self.session, numbers, AUTO))

    def undo(self, wish: Wish) -> Changed:
        """Take back the last action of this window."""
        with self.saving, self.session.exclusive():
            past = self.history.get(wish.window, [])
            if not past:
                raise InputError("Nothing to undo in this window. Go back with the arrow and choose again.")
            last = past[-1]
            changed = [stem for stem, version in last.versions.items() if self.session.version(stem) != version]
            if changed:
                past.pop()
                raise ConflictError(f"{changed[0]} was changed elsewhere since and stays as it is; nothing is undone.")
            restore(self.session, *last.before)
            past.pop()
            return self._answer([one.stem for one in last.before])

    def _act(self, wish: Wish, stems: list[str], save: Callable[[], list[Before]]) -> Changed:
        with self.saving, self.session.exclusive():
            for stem in stems:
                if self.session.version(stem) != wish.version:
                    raise ConflictError(f"{stem} was changed elsewhere; the page now shows what is there.")
            return self._remember(wish.window, save())

    def _remember(self, window: str, before: list[Before]) -> Changed:
        versions = {one.stem: self.session.version(one.stem) for one in before}
        self.history.setdefault(window, []).append(Done(before, versions))
        return self._answer(list(versions))

    def _answer(self, stems: list[str]) -> Changed:
        """Return the state of the images that an action changed, by number."""
        numbers = {stem: k for k, stem in enumerate(self.session.stems)}
        return {"changed": {numbers[stem]: self._state(stem) for stem in stems}}
