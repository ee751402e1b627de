"""The images shown last: read and prepared once, the last few kept, within bounds on memory."""

import json
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TypedDict

from lacss_tools.annotate.candidates.candidates import cut_at
from lacss_tools.annotate.candidates.settings import cut_settings_from_text
from lacss_tools.annotate.candidates.steps import nuclei_file, read_nuclei
from lacss_tools.annotate.pick.choices import Choices
from lacss_tools.annotate.pick.session import PickSession, load_choices
from lacss_tools.arrays import Mask
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.candidates import read_cut_notes
from lacss_tools.io.native import read_full_scale
from lacss_tools.web.render import MAX_CANDIDATES, bits, levels, step_of, thumbnail

KEPT_BYTES = 160_000_000
"""of images in memory: the one on show and those that pages fetch ahead"""
KEPT_IMAGES = 8
"""at most, however small they are"""
MAX_CHANNELS = 3
"""of an image, sent as a byte a pixel each"""
KEPT_THUMBNAILS = 2000
"""JPEGs of a few kilobytes each"""
PATIENCE = 0.25
"""seconds of scoring between two answers"""


class Details(TypedDict):
    """What the page knows of an image beside its pixels; lengths and points (y, x) in pixels of the file."""

    size: tuple[int, int]
    step: int
    """pixels of the file per pixel of the page, along each axis"""
    shown: list[int]
    """(height, width) on the page"""
    channels: int
    thresholds: list[float]
    lois: list[list[float]]
    suggestion: int
    score: float
    inside: list[int]
    """for each candidate, how many LOIs lie on its cells"""
    areas: list[float]
    """for each candidate, which fraction of the image it covers"""


class KnownScores(TypedDict):
    """Scores of suggestions by image number, and how many images have none yet."""

    scores: dict[int, float]
    left: int


@dataclass(frozen=True)
class ShownImage:
    """One image, read and prepared once for everything that pages ask about it."""

    choices: Choices
    suggestion: int
    score: float
    details: Details
    pixels: bytes
    """one byte per pixel and channel, then one per pixel and eight candidates"""

    @property
    def size(self) -> int:
        """Bytes in memory."""
        arrays = self.choices.image.nbytes + self.choices.masks.nbytes
        return arrays + len(self.pixels)


@dataclass
class Shelf:
    """What is kept in memory of a session's images; methods may be called from several threads."""

    session: PickSession
    images: dict[tuple[str, str], ShownImage] = field(default_factory=dict)
    """(stem, its inputs) -> image, least recently used first"""
    thumbnails: dict[int, bytes] = field(default_factory=dict)
    scores: dict[tuple[str, str], tuple[int, float] | None] = field(default_factory=dict)
    """(stem, its inputs) -> suggestion and score; None for an image that cannot be read"""
    loading: Lock = field(default_factory=Lock)

    def stem(self, k: int) -> str:
        """Return the name of image number `k`."""
        if k >= len(self.session.stems):
            raise InputError(f"There is no image {k}. Reload the page.")
        return self.session.stems[k]

    def image(self, k: int) -> ShownImage:
        """Return image number `k`, prepared; the last few stay in memory."""
        stem = self.stem(k)
        with self.loading:
            key = (stem, self.session.inputs(stem))
            found = self.images.pop(key, None) or _prepare(load_choices(self.session, stem))
            self.images[key] = found
            self.scores[key] = (found.suggestion, found.score)
            self.thumbnails.setdefault(k, thumbnail(found.choices.image))
            self._forget()
            return found

    def _forget(self) -> None:
        while len(self.images) > KEPT_IMAGES or (
            len(self.images) > 2 and sum(one.size for one in self.images.values()) > KEPT_BYTES
        ):
            del self.images[next(iter(self.images))]
        while len(self.thumbnails) > KEPT_THUMBNAILS:
            del self.thumbnails[next(iter(self.thumbnails))]

    def everything(self, k: int) -> bytes:
        """Return what the page needs to show an image: length of the details (4 bytes), details as JSON, pixels."""
        one = self.image(k)
        details = json.dumps({**one.details, "dapi": self.stem(k) in self.session.dapi}).encode()
        return len(details).to_bytes(4, "big") + details + one.pixels

    def thumbnail(self, k: int) -> bytes:
        """Return a small JPEG of image number `k`."""
        if k not in self.thumbnails:
            picture = thumbnail(self.session.cells.read(self.session.images[self.stem(k)]))
            with self.loading:
                self.thumbnails[k] = picture
                self._forget()
        return self.thumbnails[k]

    def dapi(self, k: int) -> bytes:
        """Return the nucleus image as bytes."""
        stem = self.stem(k)
        if stem not in self.session.dapi:
            raise InputError(f"{self.session.images[stem]} has no DAPI image of the same name. Put it into dapi/.")
        image = self.image(k).choices.image
        nuclei = self.session.nuclei.read_plane(self.session.dapi[stem], "dapi_channel")[None]
        if nuclei.shape[1:] != image.shape[1:]:
            raise InputError(f"{self.session.dapi[stem]} is not as large as {self.session.images[stem]}. Export again.")
        return levels(nuclei, step_of(image.shape)).tobytes()

    def suggestion(self, stem: str) -> tuple[int, float] | None:
        """Return suggestion and score of an image if they are known."""
        return self.scores.get((stem, self.session.inputs(stem)))

    def cut(self, k: int, threshold: float) -> Mask:
        """Return the image cut at any threshold, with the settings that its candidates were cut with."""
        stem = self.stem(k)
        notes = read_cut_notes(self.session.candidates[stem])
        settings = cut_settings_from_text(notes.settings)
        full_scale = read_full_scale(self.session.images[stem]) if settings.fiji_compat else None
        image = self.image(k).choices.image
        beside = nuclei_file(self.session.candidates[stem], notes.seeds, self.session.loi_file(stem))
        nuclei = None if beside is None else read_nuclei(beside, self.session.images[stem], image.shape[1:])
        return cut_at(image, settings, threshold, full_scale, nuclei)

    def score_some(self) -> KnownScores:
        """Score undecided images for a moment; returns the scores so far and how many are left."""
        began, left = time.monotonic(), 0
        scores: dict[int, float] = {}
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


def _prepare(choices: Choices) -> ShownImage:
    if len(choices.masks) > MAX_CANDIDATES:
        raise InputError(
            f"The page shows {MAX_CANDIDATES} candidates at most. Run lacss graphcut with fewer thresholds."
        )
    step = step_of(choices.image.shape)
    pixels = levels(choices.image[:MAX_CHANNELS], step).tobytes() + bits(choices.masks, step).tobytes()
    height, width = choices.image.shape[1:]
    details: Details = {
        "size": (height, width),
        "step": step,
        "shown": [height // step, width // step],
        "channels": min(len(choices.image), MAX_CHANNELS),
        "thresholds": choices.thresholds,
        "lois": choices.lois.round(2).tolist(),
        "suggestion": choices.suggestion(),
        "score": round(choices.score(), 3),
        "inside": choices.lois_inside(),
        "areas": choices.masks.mean(axis=(1, 2)).round(3).tolist(),
    }
    return ShownImage(choices, choices.suggestion(), choices.score(), details, pixels)


def _score(session: PickSession, stem: str) -> tuple[int, float] | None:
    try:
        choices = load_choices(session, stem)
    except LacssError:
        return None
    return choices.suggestion(), choices.score()
