"""Picking without a person: by agreement with the LOIs, in several processes or on a cluster if need be."""

import time
from collections.abc import Callable
from functools import partial

from lacss_tools.annotate.pick.choices import read_choices
from lacss_tools.annotate.pick.doubt import BADLY, Doubts, doubt
from lacss_tools.annotate.pick.journal import AUTO, Pick
from lacss_tools.annotate.pick.saving import save_picks
from lacss_tools.annotate.pick.session import PickSession
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.stains import Stain
from lacss_tools.io.stems import how_to_pair
from lacss_tools.jobs import batch
from lacss_tools.jobs.shard import WHOLE, Shard

SECONDS_BETWEEN_SAVES = 2.0
"""of picks that are made within milliseconds: a kill loses no more than these"""


def pick_automatically(
    session: PickSession,
    overwrite: bool,
    run: Callable[..., batch.Summary] = batch.run,
    shard: Shard | None = None,
) -> tuple[batch.Summary, Doubts]:
    """Pick the candidate that agrees best with the LOIs for each undecided image.

    Returns what happened and what a person should look at. `overwrite` redoes earlier automatic picks; a person's
    pick and a mask made elsewhere always stay. An image that fails is named and the rest go on. `run` is `batch.run`
    with its choice of processes or cluster: they choose, the masks and the journal are written here, of the images of
    `shard`. Raises InputError when no image has LOIs, and, without `overwrite`, when candidates were replaced since
    they were picked from.
    """
    if not any(stem in session.lois for stem in session.stems):
        way_out = how_to_pair(session.stems, session.lois) if session.lois else "Run lacss annotate-lois first."
        raise InputError(f"`auto` needs LOIs, and no image has any. {way_out}")
    undecided, replaced = set(session.undecided()), session.replaced()
    automatic = [stem for stem in replaced if session.picks[stem].by == AUTO]
    if automatic and not overwrite:
        raise InputError(
            f"{session.masks} holds {len(automatic)} automatic picks of other candidates than now, such as "
            f"{automatic[0]}. Give another `output`, or `overwrite`."
        )
    stems = (shard or WHOLE).of(session.stems)
    todo = [stem for stem in stems if _is_for_auto(session.picks.get(stem), stem in undecided, overwrite)]
    saver = _Saver(session)
    try:
        work = partial(_choose, typical_area=session.typical_area, cells=session.cells)
        summary = run([_job(session, stem) for stem in todo], work, overwrite=True, receive=saver.receive)
    finally:
        saver.save()
    summary.done = [stem for stem in summary.done if stem not in saver.failed]
    summary.failed |= saver.failed
    decided = set(stems) - set(todo)
    summary.skipped = [stem for stem in stems if stem in decided]
    by_person = [stem for stem in replaced if stem not in automatic]
    return summary, Doubts(sorted(saver.doubts.badly), sorted(saver.doubts.unstained), by_person)


def _is_for_auto(pick: Pick | None, undecided: bool, overwrite: bool) -> bool:
    if pick is None or pick.by == AUTO:
        return undecided or (overwrite and pick is not None)
    return False


def _job(session: PickSession, stem: str) -> batch.Job:
    inputs = [session.candidates[stem], session.images[stem], *([session.lois[stem]] if stem in session.lois else [])]
    return batch.Job(stem, tuple(inputs), session.mask_file(stem))


def _choose(job: batch.Job, typical_area: float | None, cells: Stain) -> tuple[int, str | None]:
    """Return the number of the best candidate and why to doubt it, without changing anything."""
    candidates, image, *tables = job.inputs
    if not tables:
        raise InputError(f"{image} has no LOIs. Run lacss annotate-lois, or pick it by hand.")
    choices = read_choices(image, candidates, tables[0], typical_area, cells)
    return choices.suggestion(), doubt(choices)


class _Saver:
    """Saves automatic picks some at a time, as each saving reads the whole journal."""

    def __init__(self, session: PickSession):
        self.session, self.waiting, self.since = session, dict[str, int | None](), time.monotonic()
        self.doubts = Doubts()
        self.failed: dict[str, str] = {}

    def receive(self, job: batch.Job, choice: tuple[int, str | None]) -> None:
        self.waiting[job.stem], why = choice
        if why is not None:
            (self.doubts.badly if why == BADLY else self.doubts.unstained).append(job.stem)
        if time.monotonic() - self.since > SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        picks = dict(sorted(self.waiting.items()))
        self.waiting = {}
        if picks:
            with self.session.exclusive():
                self._save(picks)
        self.since = time.monotonic()

    def _save(self, picks: dict[str, int | None]) -> None:
        try:
            save_picks(self.session, picks, AUTO)
        except LacssError as error:
            if len(picks) == 1:
                self.failed |= dict.fromkeys(picks, str(error))
                return
            for stem, number in picks.items():  # one bad image must not cost the others
                self._save({stem: number})
