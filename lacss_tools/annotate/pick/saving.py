"""Saving, repairing and undoing picks; call it inside `session.exclusive()` when others may be at work."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lacss_tools.annotate.candidates.choice import unsure_pixels
from lacss_tools.annotate.pick.commit import Change, Content, commit, read
from lacss_tools.annotate.pick.journal import PERSON, Pick, make_pick, mark_repaired
from lacss_tools.annotate.pick.loi_table import edit_table, keep_original
from lacss_tools.annotate.pick.repair import Repair, unsure_after
from lacss_tools.annotate.pick.session import PickSession
from lacss_tools.arrays import Mask, Masks
from lacss_tools.errors import InputError
from lacss_tools.io.candidates import read_candidates


@dataclass(frozen=True)
class Before:
    """What was on disk for one image before a change: enough to undo it exactly."""

    stem: str
    pick: Pick | None
    files: tuple[Content, ...]


def save_pick(session: PickSession, stem: str, number: int | None, by: str = PERSON) -> Before:
    """Write the mask of candidate `number` (None: no mask) and the row; both are on disk when this returns.

    Returns what `restore` needs. Raises InputError for a number that does not exist and for an image whose mask was
    made elsewhere: somebody's work is not replaced by a key press.
    """
    return save_picks(session, {stem: number}, by)[0]


def save_picks(session: PickSession, numbers: dict[str, int | None], by: str) -> list[Before]:
    """Save the picks of several images, all of them or none; see `save_pick`."""
    session.look()
    before = [_remember(session, stem) for stem in numbers]
    _commit(session, (_change(session, stem, number, by) for stem, number in numbers.items()))
    return before


def save_repair(session: PickSession, stem: str, repair: Repair, mask: Mask) -> Before:
    """Write the repaired mask, the LOI table if it changes, and the row that names the repairs; errors as `save_pick`.

    The LOI table as it was before its first repair stays in lois/original/.
    """
    session.look()
    _refuse_own(session, stem)
    before = _remember(session, stem, with_lois=repair.touches_lois)
    candidates, thresholds = _candidates(session, stem, repair.candidate)
    pick, kinds, threshold = _pick(session, stem, repair.candidate, thresholds, PERSON), repair.kinds, repair.threshold
    if repair.on_saved and before.pick is not None and before.pick.number is not None:
        kinds = kinds + before.pick.edited.split("+")
        threshold = float(before.pick.threshold or thresholds[before.pick.number - 1])
        pick = replace(pick, choice=before.pick.choice)
    pick = mark_repaired(pick, thresholds[repair.candidate - 1] if threshold is None else threshold, kinds)
    files = _contents(session, stem, mask, unsure_after(repair, candidates, mask))
    if repair.touches_lois:
        table = session.loi_file(stem)
        files = (*files, Content(table, edit_table(table, repair.removed, repair.added)))
        keep_original(table)
    _commit(session, [Change(stem, pick, files)])
    return before


def restore(session: PickSession, *before: Before) -> None:
    """Undo changes, all of them or none: bring files and rows back to what they were, byte by byte."""
    _commit(session, [Change(past.stem, past.pick, past.files) for past in before])


def _commit(session: PickSession, changes: Iterable[Change]) -> None:
    session.picks = commit(session.masks, changes)
    session.look()


def _change(session: PickSession, stem: str, number: int | None, by: str) -> Change:
    _refuse_own(session, stem)
    if number is None:
        return Change(stem, make_pick(stem, None, [], by), _contents(session, stem, None, None))
    masks, thresholds = _candidates(session, stem, number)
    files = _contents(session, stem, masks[number - 1], unsure_pixels(masks, number - 1))
    return Change(stem, _pick(session, stem, number, thresholds, by), files)


def _contents(session: PickSession, stem: str, mask: Mask | None, unsure: Mask | None) -> tuple[Content, ...]:
    return tuple(Content(path, value) for path, value in zip(session.mask_files(stem), (mask, unsure), strict=True))


def _candidates(session: PickSession, stem: str, number: int) -> tuple[Masks, list[float]]:
    masks, thresholds = read_candidates(session.candidates[stem])
    if not 1 <= number <= len(masks):
        raise InputError(f"{session.candidates[stem]} has {len(masks)} candidates, there is no number {number}.")
    return masks, thresholds


def _pick(session: PickSession, stem: str, number: int, thresholds: list[float], by: str) -> Pick:
    return replace(make_pick(stem, number, thresholds, by), cut=session.cut(stem))


def _refuse_own(session: PickSession, stem: str) -> None:
    if session.is_own(stem):
        raise InputError(f"{session.mask(stem)} was not picked here. Move it away to pick for this image.")


def _remember(session: PickSession, stem: str, with_lois: bool = False) -> Before:
    paths = [*session.mask_files(stem), *([session.loi_file(stem)] if with_lois else [])]
    return Before(stem, session.picks.get(stem), tuple(Content(path, read(path)) for path in paths))
