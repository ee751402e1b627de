"""Picking on files: what there is to pick, saving and undoing a pick, choosing without a person."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lacss_tools.annotate.picks import Pick, make_pick, read_picks, write_picks
from lacss_tools.annotate.quality import DOUBTFUL, choose, score_candidates
from lacss_tools.arrays import Image, Masks, Points
from lacss_tools.errors import InputError
from lacss_tools.files import read_candidates, read_image, read_lois, write_mask
from lacss_tools.project import list_images, list_tables, pair, picks_file


@dataclass
class Session:
    """The images of a project that have candidates, and the picks made so far (kept on disk with every change)."""

    images: dict[str, Path]
    candidates: dict[str, Path]
    lois: dict[str, Path]
    masks: Path
    note: str
    picks: dict[str, Pick] = field(default_factory=dict)

    @property
    def stems(self) -> list[str]:
        """Images to pick for, sorted."""
        return list(self.images)

    def undecided(self) -> list[str]:
        """Images without a pick."""
        return [stem for stem in self.images if stem not in self.picks]


@dataclass(frozen=True)
class Choices:
    """Everything about one image that a pick needs."""

    image: Image
    masks: Masks
    thresholds: list[float]
    lois: Points

    def suggestion(self) -> int:
        """Return the number (from 1) of the candidate that agrees best with the LOIs."""
        return choose(self.masks, self.lois) + 1


def open_session(images: Path, candidates: Path, lois: Path, masks: Path) -> Session:
    """Pair images with candidates; LOIs may be missing. InputError when there is nothing to pick."""
    if not candidates.is_dir():
        raise InputError(f"{candidates} does not exist. Run lacss graphcut first.")
    pairing = pair((images, list_images(images)), (candidates, list_images(candidates)))
    points = list_tables(lois) if lois.is_dir() else {}
    return Session(
        images={stem: files[0] for stem, files in pairing.paired.items()},
        candidates={stem: files[1] for stem, files in pairing.paired.items()},
        lois=points,
        masks=masks,
        note=pairing.summary(),
        picks=read_picks(picks_file(masks)),
    )


def load_choices(session: Session, stem: str) -> Choices:
    """Read image, candidates and LOIs of one image; InputError when their sizes differ."""
    image = read_image(session.images[stem])
    masks, thresholds = read_candidates(session.candidates[stem])
    if masks.shape[1:] != image.shape[1:]:
        raise InputError(
            f"{session.candidates[stem]} is {masks.shape[1:]} pixels and {session.images[stem]} {image.shape[1:]}. "
            "Run lacss graphcut --overwrite."
        )
    lois = read_lois(session.lois[stem])[0] if stem in session.lois else np.zeros((0, 2))
    return Choices(image, masks, thresholds, lois)


def save_pick(session: Session, stem: str, number: int | None, by: str = "person") -> Pick:
    """Write the mask of candidate `number` (None: no mask), then the record; both are on disk when this returns."""
    masks, thresholds = read_candidates(session.candidates[stem])
    if number is not None and not 1 <= number <= len(masks):
        raise InputError(f"{session.candidates[stem]} has {len(masks)} candidates, there is no number {number}.")
    target = session.masks / f"{stem}.tif"
    if number is None:
        target.unlink(missing_ok=True)
    else:
        write_mask(target, masks[number - 1])
    pick = make_pick(stem, number, thresholds, by)
    session.picks[stem] = pick
    write_picks(picks_file(session.masks), session.picks)
    return pick


def restore(session: Session, stem: str, before: Pick | None) -> None:
    """Undo: bring mask and record of `stem` back to what they were."""
    if before is not None:
        save_pick(session, stem, before.number, before.by)
        return
    session.picks.pop(stem, None)
    write_picks(picks_file(session.masks), session.picks)
    (session.masks / f"{stem}.tif").unlink(missing_ok=True)


def pick_automatically(
    session: Session, overwrite: bool, advance: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, list[str]]:
    """Pick the candidate that agrees best with the LOIs for each image without a pick; a person's pick stays.

    Returns how many were picked and the stems that look doubtful. `overwrite` redoes earlier automatic picks.
    """
    if missing := [stem for stem in session.stems if stem not in session.lois]:
        raise InputError(
            f"{missing[0]} and {len(missing) - 1} other images have no LOIs. Run lacss annotate-lois first."
        )
    todo = [
        stem for stem in session.stems
        if stem not in session.picks or (overwrite and session.picks[stem].by == "auto")
    ]  # fmt: skip
    doubtful = []
    for number, stem in enumerate(todo, start=1):
        choices = load_choices(session, stem)
        suggestion = choices.suggestion()
        if score_candidates(choices.masks, choices.lois)[suggestion - 1] < DOUBTFUL:
            doubtful.append(stem)
        save_pick(session, stem, suggestion, by="auto")
        advance(number, len(todo))
    return len(todo), doubtful
