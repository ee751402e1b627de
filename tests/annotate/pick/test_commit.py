"""A decision is on disk whole or not at all: faults are put into every step of writing it."""

import os
from pathlib import Path

import numpy as np
import pytest

from lacss_tools.annotate.pick import commit as pick_commit
from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.annotate.pick.repair import Repair
from lacss_tools.annotate.pick.saving import restore, save_pick, save_picks, save_repair
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_mask

FULL = OSError(28, "No space left on device")
MOVED = Repair(candidate=3, removed=frozenset({0}), added=np.array([[5.0, 6.0]]))


class KilledError(BaseException):
    """Stands for the end of the process: no code of ours may catch it and tidy up."""


def on_disk(project):
    """Return every file that the picker may touch, with its bytes."""
    files = [path for name in ("masks", "lois") for path in (project / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(project)): path.read_bytes() for path in files}


def decisions(project):
    """Return what a reader sees: rows without their times, masks, tables."""
    rows = {s: (p.choice, p.edited) for s, p in read_picks(project / "masks" / "picks.csv").items()}
    masks = {path.stem: int(read_mask(path).sum()) for path in (project / "masks").glob("*.tif")}
    return rows, masks, {path.stem: path.read_text() for path in (project / "lois").glob("*.csv")}


def repair_a(session):
    with session.exclusive():
        save_repair(session, "a", MOVED, np.ones((40, 50), bool))


ACTIONS = {
    "first pick": lambda session: save_pick(session, "b", 2),
    "other pick": lambda session: save_pick(session, "a", 4),
    "rejection": lambda session: save_pick(session, "a", None),
    "repair": repair_a,
    "many": lambda session: save_picks(session, {"a": 1, "b": 1, "c": 1}, "auto"),
}


@pytest.fixture
def begun(session):
    """A session in which a is picked already."""
    save_pick(session, "a", 3)
    return session


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
def test_a_full_disk_is_told_and_changes_nothing(begun, project, monkeypatch, action, call):
    before = on_disk(project)
    with monkeypatch.context() as faults:
        if call == "write":
            faults.setattr("tifffile.imwrite", _raise(FULL))
            faults.setattr(Path, "write_bytes", _raise(FULL))
        elif call == "open":
            faults.setattr("pathlib.Path.touch", _raise(FULL))
        elif call == "replace":
            faults.setattr(Path, "replace", _raise(FULL))
        else:
            faults.setattr(os, "fsync", _raise(FULL))
        with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
            ACTIONS[action](begun)
    changed = {name: data for name, data in on_disk(project).items() if "original" not in name}
    assert changed == before
    ACTIONS[action](begun)
    assert on_disk(project) != before


@pytest.mark.parametrize("action", ACTIONS)
def test_killed_at_any_step_all_or_nothing_is_there_at_the_next_start(
    project, reopen, monkeypatch, action, tmp_path_factory
):
    """Die before the k-th change of the file system, for every k, start again, and look."""
    save_pick(reopen(), "a", 3)
    untouched = decisions(project)
    snapshot = tmp_path_factory.mktemp("snapshot") / "project"
    _copy(project, snapshot)
    seen = []
    for step in range(60):
        _copy(snapshot, project)
        session = reopen()
        with monkeypatch.context() as faults:
            finished = _die_at(faults, step, lambda session=session: ACTIONS[action](session))
        reopen()
        seen.append(decisions(project))
        hidden = [path.name for path in (project / "masks").iterdir() if path.name.startswith(".")]
        assert not [name for name in hidden if "pending" in name], f"step {step}"
        if finished:
            break
    assert finished
    done = seen[-1]
    assert done != untouched
    assert all(state in (untouched, done) for state in seen)
    assert untouched in seen
    turn = seen.index(done)
    assert seen == [untouched] * turn + [done] * (len(seen) - turn)  # there is one moment at which it counts
    assert turn < len(seen) - 1  # and what is left after it is finished at the next start


def test_undo_is_whole_as_well(begun, project, monkeypatch):
    middle = on_disk(project)
    past = save_pick(begun, "a", None)
    monkeypatch.setattr(os, "fsync", _raise(FULL))
    with pytest.raises(InputError, match="No space left"):
        restore(begun, past)
    monkeypatch.undo()
    assert decisions(project)[0] == {"a": ("none", "")}
    restore(begun, past)
    assert on_disk(project) == middle


def test_a_row_half_written_is_taken_back(begun, project, monkeypatch):
    journal = project / "masks" / "picks.csv"
    before = journal.read_bytes()
    monkeypatch.setattr(pick_commit, "record", lambda path, rows: _half_append(path))
    with pytest.raises(InputError, match="No space left"):
        save_pick(begun, "b", 1)
    assert journal.read_bytes() == before


def _half_append(path):
    from lacss_tools.io.durable import append

    class Short:
        """A file on a disk with room for three more bytes."""

        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def __getattr__(self, name):
            return getattr(self.stream, name)

        def write(self, data):
            return self.stream.write(data[:3])

    original = Path.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *a, **k: Short(original(self, *a, **k)))
        append(path, b"b,1,0.2,person,now,\n")


def _raise(error):
    def fail(*_, **__):
        raise error

    return fail


def _copy(source, target):
    import shutil

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _die_at(faults, step, work):
    """Run `work` and stop it for good before its change number `step` of the file system; return whether it ended."""
    count = [0]

    def mortal(function):
        def call(*args, **options):
            if count[0] >= step:
                raise KilledError
            count[0] += 1
            return function(*args, **options)

        return call

    def dead(*_, **__):
        raise KilledError

    for owner, name in ((Path, "replace"), (os, "fsync"), (Path, "chmod"), (Path, "write_bytes")):
        faults.setattr(owner, name, mortal(getattr(owner, name)))
    real = Path.unlink
    faults.setattr(Path, "unlink", lambda self, **k: dead() if count[0] >= step else real(self, **k))
    try:
        work()
    except KilledError:
        return False
    return True
