"""The desk behind the page: images last looked at, decisions checked against what others did, history for undo."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from lacss_tools.annotate.candidates import cut_at
from lacss_tools.annotate.pick_repair import Repair, paint
from lacss_tools.annotate.pick_steps import (
    Before,
    Choices,
    Session,
    find_mask,
    load_choices,
    restore,
    save_pick,
    save_picks,
    save_repair,
)
from lacss_tools.annotate.picker.render import MAX_CANDIDATES, bits, levels, step_of, thumbnail
from lacss_tools.annotate.picker.requests import RepairWish, Wish
from lacss_tools.annotate.picks import AUTO
from lacss_tools.annotate.settings import cut_settings_from_text
from lacss_tools.arrays import Mask
from lacss_tools.errors import InputError, LacssError
from lacss_tools.files import read_cut_notes, read_full_scale, read_image, read_mask

KEPT_BYTES = 160_000_000
"""of images in memory: the one on show and those that pages fetch ahead"""
KEPT_IMAGES = 8
KEPT_THUMBNAILS = 2000
PATIENCE = 0.25
"""seconds of scoring between two answers"""
OWN = "own"
"""what the page calls a mask that was made elsewhere"""


class ConflictError(LacssError):
    """Somebody else changed the image since the page last saw it."""


@dataclass(frozen=True)
class Field:
    """One image, read and prepared once for everything that pages ask about it."""

    choices: Choices
    suggestion: int
    score: float
    pixels: bytes
    candidates: bytes

    @property
    def size(self) -> int:
        """Bytes in memory."""
        arrays = self.choices.image.nbytes + self.choices.masks.nbytes
        return arrays + len(self.pixels) + len(self.candidates)


@dataclass(frozen=True)
class Done:
    """One action of a window: what was there before, and the versions that it left behind."""

    before: list[Before]
    versions: dict[str, str]


@dataclass
class Desk:
    """A session with what is kept in memory around it; methods may be called from several threads."""

    session: Session
    history: dict[str, list[Done]] = field(default_factory=dict)
    """window -> its actions"""
    fields: dict[tuple[str, str], Field] = field(default_factory=dict)
    thumbnails: dict[int, bytes] = field(default_factory=dict)
    scores: dict[tuple[str, str], tuple[int, float] | None] = field(default_factory=dict)
    """(stem, its inputs) -> suggestion and score; None for an image that cannot be read"""
    saving: Lock = field(default_factory=Lock)
    loading: Lock = field(default_factory=Lock)

    # ---- looking ----

    def stem(self, k: int) -> str:
        """Return the name of image number `k`."""
        if k >= len(self.session.stems):
            raise InputError(f"There is no image {k}. Reload the page.")
        return self.session.stems[k]

    def state(self) -> dict[str, Any]:
        """Return what the page shows of all images, as it is on disk now."""
        with self.saving:
            self.session.refresh()
            return {"images": [self._state(stem) for stem in self.session.stems], "folder": str(self.session.masks)}

    def _state(self, stem: str) -> dict[str, Any]:
        pick = self.session.picks.get(stem)
        state: dict[str, Any] = {"stem": stem, "choice": None, "version": self.session.version(stem)}
        if self.session.is_own(stem):
            return state | {"choice": OWN}
        if pick is None or not self.session.is_decided(stem):
            return state
        return state | {"choice": pick.choice, "by": pick.by, "edited": pick.edited, "threshold": pick.threshold}

    def field(self, k: int) -> Field:
        """Return image number `k`, prepared; the last few stay in memory."""
        stem = self.stem(k)
        with self.loading:
            key = (stem, self.session.inputs(stem))
            found = self.fields.pop(key, None) or _prepare(load_choices(self.session, stem))
            self.fields[key] = found
            self.scores[key] = (found.suggestion, found.score)
            self.thumbnails.setdefault(k, thumbnail(found.choices.image))
            self._forget()
            return found

    def _forget(self) -> None:
        while len(self.fields) > KEPT_IMAGES or (
            len(self.fields) > 2 and sum(one.size for one in self.fields.values()) > KEPT_BYTES
        ):
            del self.fields[next(iter(self.fields))]
        while len(self.thumbnails) > KEPT_THUMBNAILS:
            del self.thumbnails[next(iter(self.thumbnails))]

    def details(self, k: int) -> dict[str, Any]:
        """Return everything about an image but its pixels."""
        one, stem = self.field(k), self.stem(k)
        choices = one.choices
        step = step_of(choices.image.shape)
        return {
            "size": choices.image.shape[1:],
            "step": step,
            "shown": [side // step for side in choices.image.shape[1:]],
            "channels": min(len(choices.image), 3),
            "dapi": stem in self.session.dapi,
            "thresholds": choices.thresholds,
            "lois": choices.lois.round(2).tolist(),
            "suggestion": one.suggestion,
            "score": round(one.score, 3),
            "inside": choices.lois_inside(),
            "areas": choices.masks.mean(axis=(1, 2)).round(3).tolist(),
        }

    def thumbnail(self, k: int) -> bytes:
        """Return a small JPEG of image number `k`."""
        if k not in self.thumbnails:
            picture = thumbnail(read_image(self.session.images[self.stem(k)]))
            with self.loading:
                self.thumbnails[k] = picture
                self._forget()
        return self.thumbnails[k]

    def dapi(self, k: int) -> bytes:
        """Return the nucleus image as bytes."""
        stem = self.stem(k)
        if stem not in self.session.dapi:
            raise InputError(f"{self.session.images[stem]} has no DAPI image of the same name. Put it into dapi/.")
        image = self.field(k).choices.image
        nuclei = read_image(self.session.dapi[stem])[:1]
        if nuclei.shape[1:] != image.shape[1:]:
            raise InputError(f"{self.session.dapi[stem]} is not as large as {self.session.images[stem]}. Export again.")
        return levels(nuclei, step_of(image.shape)).tobytes()

    def saved_mask(self, k: int) -> bytes:
        """Return the mask on disk, whoever made it, as one byte per pixel."""
        return self._shown(self._on_disk(self.stem(k)))

    def cut(self, k: int, threshold: float) -> bytes:
        """Return the image cut at any threshold, as one byte per pixel."""
        return self._shown(self._cut(k, threshold))

    def _shown(self, mask: Mask) -> bytes:
        return bits(mask[None], step_of(mask.shape)).tobytes()

    def _cut(self, k: int, threshold: float) -> Mask:
        stem = self.stem(k)
        settings = cut_settings_from_text(read_cut_notes(self.session.candidates[stem]).settings)
        full_scale = read_full_scale(self.session.images[stem]) if settings.fiji_compat else None
        return cut_at(self.field(k).choices.image, settings, threshold, full_scale)

    def _on_disk(self, stem: str) -> Mask:
        path = find_mask(self.session.masks, stem)
        if path is None:
            raise InputError(f"{self.session.mask_file(stem)} does not exist. Reload the page.")
        return read_mask(path)

    # ---- deciding ----

    def choose(self, k: int, number: int | None, wish: Wish) -> dict[str, Any]:
        """Pick candidate `number`, or reject the image (None)."""
        stem = self.stem(k)
        return self._act(wish, [stem], lambda: [save_pick(self.session, stem, number)])

    def repair(self, k: int, asked: RepairWish, wish: Wish) -> dict[str, Any]:
        """Save a repaired mask and LOI table."""
        stem, choices, base = self.stem(k), self.field(k).choices, asked.base
        number = self._base_number(stem, choices, base)
        threshold = base if isinstance(base, float) else None
        repair = Repair(number, threshold, base is None, asked.strokes, asked.removed, asked.added)
        if len(asked.added) and ((asked.added < 0) | (asked.added > np.array(choices.image.shape[1:]) - 1)).any():
            raise InputError("A point lies outside the image. Click inside it.")
        fresh = self._cut(k, threshold) if threshold is not None else None

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

    def accept(self, least: float, wish: Wish) -> dict[str, Any]:
        """Pick the suggestion of every undecided image that scores `least` or more, as one action."""
        with self.saving, self.session.exclusive():
            numbers: dict[str, int | None] = {}
            for stem in self.session.undecided():
                known = self.scores.get((stem, self.session.inputs(stem)))
                if known is not None and known[1] >= least:
                    numbers[stem] = known[0]
            if not numbers:
                raise InputError(f"No undecided image has a suggestion that scores {least:g}. Choose a lower score.")
            return self._remember(wish.window, save_picks(self.session, numbers, AUTO))

    def score_some(self) -> dict[str, Any]:
        """Score undecided images for a moment; returns the scores so far and how many are left to look at."""
        began, scores, left = time.monotonic(), {}, 0
        for k, stem in enumerate(self.session.stems):
            if self.session.is_decided(stem):
                continue
            key = (stem, self.session.inputs(stem))
            if key not in self.scores and time.monotonic() - began > PATIENCE:
                left += 1
                continue
            if key not in self.scores:
                self.scores[key] = _score(self.session, stem)
            known = self.scores[key]
            if known is not None:
                scores[k] = round(known[1], 3)
        return {"scores": scores, "left": left}

    def undo(self, wish: Wish) -> dict[str, Any]:
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

    def _act(self, wish: Wish, stems: list[str], save: Callable[[], list[Before]]) -> dict[str, Any]:
        with self.saving, self.session.exclusive():
            for stem in stems:
                if self.session.version(stem) != wish.version:
                    raise ConflictError(f"{stem} was changed elsewhere; the page now shows what is there.")
            return self._remember(wish.window, save())

    def _remember(self, window: str, before: list[Before]) -> dict[str, Any]:
        versions = {one.stem: self.session.version(one.stem) for one in before}
        self.history.setdefault(window, []).append(Done(before, versions))
        return self._answer(list(versions))

    def _answer(self, stems: list[str]) -> dict[str, Any]:
        """Return the state of the images that an action changed, by number."""
        numbers = {stem: k for k, stem in enumerate(self.session.stems)}
        return {"changed": {numbers[stem]: self._state(stem) for stem in stems}}


def _prepare(choices: Choices) -> Field:
    if len(choices.masks) > MAX_CANDIDATES:
        raise InputError(
            f"The page shows {MAX_CANDIDATES} candidates at most. Run lacss graphcut with fewer thresholds."
        )
    step = step_of(choices.image.shape)
    pixels, candidates = levels(choices.image, step).tobytes(), bits(choices.masks, step).tobytes()
    return Field(choices, choices.suggestion(), choices.score(), pixels, candidates)


def _score(session: Session, stem: str) -> tuple[int, float] | None:
    try:
        choices = load_choices(session, stem)
    except LacssError:
        return None
    return choices.suggestion(), choices.score()
