"""Picking on files: what there is to pick, saving and undoing a pick, choosing without a person."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from lacss_tools import batch
from lacss_tools.annotate.picks import AUTO, PERSON, Pick, make_pick, read_picks, record
from lacss_tools.annotate.quality import DOUBTFUL, choose, score_candidates
from lacss_tools.arrays import Image, Masks, Points
from lacss_tools.errors import InputError
from lacss_tools.files import atomic, read_candidates, read_image, read_lois, write_mask
from lacss_tools.project import IMAGE_SUFFIXES, list_images, list_tables, pair, picks_file


@dataclass
class Session:
    """The images of a project that have candidates, and the picks made so far (kept on disk with every change)."""

    images: dict[str, Path]
    candidates: dict[str, Path]
    lois: dict[str, Path]
    masks: Path
    note: str
    """one line: what was paired and what was not"""
    picks: dict[str, Pick] = field(default_factory=dict)

    @property
    def stems(self) -> list[str]:
        """Images to pick for, sorted."""
        return list(self.images)

    def is_own(self, stem: str) -> bool:
        """Return whether the mask of `stem` was made elsewhere (imported, drawn): no pick accounts for it."""
        pick = self.picks.get(stem)
        return (pick is None or pick.number is None) and find_mask(self.masks, stem) is not None

    def is_decided(self, stem: str) -> bool:
        """Return whether nothing is left to do: rejected, or there is a mask. A pick whose mask is gone is open."""
        pick = self.picks.get(stem)
        return (pick is not None and pick.number is None) or find_mask(self.masks, stem) is not None

    def undecided(self) -> list[str]:
        """Images still to pick for."""
        return [stem for stem in self.images if not self.is_decided(stem)]


@dataclass(frozen=True)
class Choices:
    """Everything about one image that a pick needs."""

    image: Image
    masks: Masks
    thresholds: list[float]
    lois: Points

    def suggestion(self) -> int:
        """Return the number (from 1) of the candidate that agrees best with the LOIs; the middle one without LOIs."""
        return choose(self.masks, self.lois) + 1

    def score(self) -> float:
        """Return the score, 0 to 1, of the suggestion."""
        return float(score_candidates(self.masks, self.lois)[choose(self.masks, self.lois)])

    def lois_inside(self) -> list[int]:
        """Return for each candidate how many LOIs lie on its cells."""
        pixels = np.rint(self.lois).astype(int)
        y, x = pixels[((pixels >= 0) & (pixels < self.masks.shape[1:])).all(axis=1)].T
        return [int(np.count_nonzero(mask[y, x])) for mask in self.masks]


@dataclass(frozen=True)
class Before:
    """What was on disk for one image before a pick: enough to undo it exactly."""

    stem: str
    pick: Pick | None
    mask: bytes | None


def find_mask(masks: Path, stem: str) -> Path | None:
    """Return the mask file of `stem`, whatever its format; None when there is none."""
    return next((path for suffix in IMAGE_SUFFIXES if (path := masks / f"{stem}{suffix}").is_file()), None)


def open_session(images: Path, candidates: Path, lois: Path, masks: Path) -> Session:
    """Pair images with candidates; LOIs may be missing. InputError when there is nothing to pick."""
    if not candidates.is_dir():
        raise InputError(f"{candidates} does not exist. Run lacss graphcut first.")
    pairing = pair((images, list_images(images)), (candidates, list_images(candidates)))
    points = list_tables(lois) if lois.is_dir() and any(lois.glob("*.csv")) else {}
    with_lois = sum(stem in points for stem in pairing.paired)
    return Session(
        images={stem: files[0] for stem, files in pairing.paired.items()},
        candidates={stem: files[1] for stem, files in pairing.paired.items()},
        lois=points,
        masks=masks,
        note=f"{pairing.summary()}; {with_lois} of them with LOIs",
        picks=read_picks(picks_file(masks)),
    )


def load_choices(session: Session, stem: str) -> Choices:
    """Read image, candidates and LOIs of one image; InputError when image and candidates differ in size."""
    image = read_image(session.images[stem])
    masks, thresholds = read_candidates(session.candidates[stem])
    if masks.shape[1:] != image.shape[1:]:
        raise InputError(
            f"{session.candidates[stem]} is {masks.shape[1:]} pixels and {session.images[stem]} {image.shape[1:]}. "
            "Run lacss graphcut --overwrite."
        )
    lois = read_lois(session.lois[stem])[0] if stem in session.lois else np.zeros((0, 2))
    return Choices(image, masks, thresholds, lois)


def save_pick(session: Session, stem: str, number: int | None, by: str = PERSON) -> Before:
    """Write the mask of candidate `number` (None: no mask), then the row; both are on disk when this returns.

    Returns what `restore` needs. Raises InputError for a number that does not exist and for an image whose mask was
    made elsewhere: somebody's work is not replaced by a key press.
    """
    if session.is_own(stem):
        raise InputError(f"{find_mask(session.masks, stem)} was not picked here. Move it away to pick for this image.")
    thresholds: list[float] = []
    before = _remember(session, stem)
    target = session.masks / f"{stem}.tif"
    if number is None:
        _delete(target)
    else:
        masks, thresholds = read_candidates(session.candidates[stem])
        if not 1 <= number <= len(masks):
            raise InputError(f"{session.candidates[stem]} has {len(masks)} candidates, there is no number {number}.")
        write_mask(target, masks[number - 1])
    session.picks = record(picks_file(session.masks), stem, make_pick(stem, number, thresholds, by))
    return before


def restore(session: Session, before: Before) -> None:
    """Undo a pick: bring mask and row of its image back to what they were, byte by byte."""
    target = session.masks / f"{before.stem}.tif"
    if before.mask is None:
        _delete(target)
    else:
        with atomic(target) as part:
            part.write_bytes(before.mask)
    session.picks = record(picks_file(session.masks), before.stem, before.pick)


def _remember(session: Session, stem: str) -> Before:
    mask = session.masks / f"{stem}.tif"
    return Before(stem, session.picks.get(stem), mask.read_bytes() if mask.is_file() else None)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be removed ({error.strerror}). Check its permissions.") from error


def pick_automatically(
    session: Session, overwrite: bool, advance: Callable[[int, int], None] = lambda done, total: None
) -> tuple[batch.Summary, list[str]]:
    """Pick the candidate that agrees best with the LOIs for each undecided image.

    Returns what happened and the stems that look doubtful. `overwrite` redoes earlier automatic picks; a person's
    pick and a mask made elsewhere always stay. An image that fails is named and the rest go on. Raises InputError
    when no image has LOIs.
    """
    if not any(stem in session.lois for stem in session.stems):
        raise InputError("--auto needs LOIs, and no image has any. Run lacss annotate-lois first.")
    todo = [stem for stem in session.stems if _is_for_auto(session, stem, overwrite)]
    jobs = [batch.Job(stem, (session.candidates[stem],), session.masks / f"{stem}.tif") for stem in todo]
    doubtful: list[str] = []
    summary = batch.run(jobs, partial(_pick_one, session, doubtful), overwrite=True, advance=advance)
    summary.skipped = [stem for stem in session.stems if stem not in todo]
    return summary, doubtful


def _is_for_auto(session: Session, stem: str, overwrite: bool) -> bool:
    pick = session.picks.get(stem)
    if pick is None or pick.by == AUTO:
        return not session.is_decided(stem) or (overwrite and pick is not None)
    return False


def _pick_one(session: Session, doubtful: list[str], job: batch.Job) -> None:
    if job.stem not in session.lois:
        raise InputError(f"{session.images[job.stem]} has no LOIs. Run lacss annotate-lois, or pick it by hand.")
    choices = load_choices(session, job.stem)
    save_pick(session, job.stem, choices.suggestion(), by=AUTO)
    if choices.score() < DOUBTFUL:
        doubtful.append(job.stem)
