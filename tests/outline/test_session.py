"""Outlining on files: what is on disk after each action, after a kill, after others were at work."""

import csv
import json
from contextlib import suppress

import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io.native import read_labels, write_labels
from lacss_tools.outline import edit
from lacss_tools.outline.journal import NETWORK, PERSON, Row
from lacss_tools.outline.session import BEGUN, ELSEWHERE, FINISHED, OPEN
from lacss_tools.outline.store import Store
from lacss_tools.web.bodies import ConflictError

HAND = Row(1.0, PERSON)


def draw(session, stem, top, left, side=6, by=HAND):
    """Place a square cell through the session, as the page does."""
    with session.exclusive():
        version = str(session.drawing(stem).drawing.steps)
    mask = np.ones((side, side), bool)
    return session.act(
        stem, version, lambda d: d.plan("polygon", lambda s, fresh: edit.place(s, fresh(), top, left, mask), by)
    )


def version(session, stem):
    with session.exclusive():
        return str(session.drawing(stem).drawing.steps)


def labels(session, stem):
    with session.exclusive():
        return session.drawing(stem).drawing.sheet.labels.copy()


def finish(session, stem):
    return session.act(stem, version(session, stem), lambda d: d.finish(True))


def squares(*corners, side=6):
    out = np.zeros((96, 96), np.int32)
    for number, (top, left) in enumerate(corners, start=1):
        out[top : top + side, left : left + side] = number
    return out


def test_an_action_is_on_disk_before_it_counts_and_a_new_start_has_it(reopen, project):
    first = reopen()
    draw(first, "a", 10, 10)
    draw(first, "a", 30, 40, by=Row(0.8, NETWORK))
    assert not (project / "labels" / "a.tif").exists()  # what is half outlined is no truth to train on
    again = reopen()
    assert again.counts() == {OPEN: 1, BEGUN: 1, FINISHED: 0, ELSEWHERE: 0}
    np.testing.assert_array_equal(labels(again, "a"), squares((10, 10), (30, 40)))


def test_finishing_writes_labels_and_a_table_and_undo_takes_them_back(reopen, project):
    session = reopen()
    draw(session, "a", 10, 10)
    draw(session, "a", 30, 40, by=Row(0.8, NETWORK))
    finish(session, "a")
    np.testing.assert_array_equal(read_labels(project / "labels" / "a.tif"), squares((10, 10), (30, 40)))
    with (project / "labels" / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"label": "1", "score": "1.0", "by": "person", "area": "36"},
        {"label": "2", "score": "0.8", "by": "network", "area": "36"},
    ]
    assert session.state("a") == FINISHED
    session.undo("a", version(session, "a"))
    assert [path.name for path in (project / "labels").iterdir()] == ["journal"]
    assert session.state("a") == BEGUN


def test_undo_and_redo_go_any_number_of_steps_also_after_a_restart(reopen):
    session = reopen()
    states = [labels(session, "a")]
    for k in range(6):
        draw(session, "a", 5 + 12 * k, 8)
        states.append(labels(session, "a"))
    for _ in range(3):
        session.undo("a", version(session, "a"))
    session = reopen()
    np.testing.assert_array_equal(labels(session, "a"), states[3])
    for expected in (states[4], states[5]):
        session.redo("a", version(session, "a"))
        np.testing.assert_array_equal(labels(session, "a"), expected)
    for expected in states[4::-1]:
        session.undo("a", version(session, "a"))
        np.testing.assert_array_equal(labels(session, "a"), expected)
    with pytest.raises(InputError, match="Nothing to undo"):
        session.undo("a", version(session, "a"))
    draw(session, "a", 50, 50)
    with pytest.raises(InputError, match="Nothing to do again"):
        session.redo("a", version(session, "a"))


def test_a_stale_version_changes_nothing_and_another_process_is_noticed(reopen):
    one, two = reopen(), reopen()
    stale = version(one, "a")
    draw(two, "a", 10, 10)
    before = labels(two, "a")
    with pytest.raises(ConflictError, match="changed elsewhere"):
        one.undo("a", stale)
    np.testing.assert_array_equal(labels(one, "a"), before)
    draw(one, "a", 40, 40)
    draw(two, "a", 60, 60)
    np.testing.assert_array_equal(labels(reopen(), "a"), squares((10, 10), (40, 40), (60, 60)))


def mark(session, stem, number):
    session.act(stem, version(session, stem), lambda d: d.mark(number))


def ambiguous(session, stem):
    with session.exclusive():
        return {number for number, row in session.drawing(stem).drawing.rows.items() if row.ambiguous}


def test_ambiguous_cells_are_negative_on_disk_until_they_are_clear_again(reopen, project):
    session = reopen()
    draw(session, "a", 10, 10, by=Row(0.8, NETWORK))
    draw(session, "a", 40, 40)
    mark(session, "a", 1)
    assert ambiguous(reopen(), "a") == {1}  # of an image that is not finished too
    session.act("a", version(session, "a"), lambda d: d.plan("smooth", lambda s, fresh: edit.smooth(s, 1), HAND))
    finish(session, "a")
    written = read_labels(project / "labels" / "a.tif", signed=True)
    np.testing.assert_array_equal(np.unique(written), [-1, 0, 2])
    np.testing.assert_array_equal(np.abs(written), labels(session, "a"))
    mark(session, "a", 1)
    mark(session, "a", 2)
    session.undo("a", version(session, "a"))
    session.save()
    np.testing.assert_array_equal(read_labels(project / "labels" / "a.tif"), labels(reopen(), "a"))


def test_cells_that_another_program_calls_ambiguous_stay_so(reopen, project):
    own = squares((10, 10), (40, 40))
    path = project / "labels" / "a.tif"
    write_labels(path, np.where(own == 2, -2, own))
    before = path.read_bytes()
    session = reopen()
    assert (ambiguous(session, "a"), path.read_bytes()) == ({2}, before)
    draw(session, "a", 70, 70)
    session.save()
    assert np.unique(read_labels(path, signed=True)).tolist() == [-2, 0, 1, 3]
    path.with_suffix(".csv").unlink()
    assert ambiguous(reopen(), "a") == {2}
    write_labels(path, np.where(own == 2, -1, own))
    with pytest.raises(InputError, match=r"a\.tif holds both labels 1 and -1"):
        labels(reopen(), "a")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_labels_made_elsewhere_are_opened_kept_and_copied_before_the_first_change(reopen, project, suffix):
    own = squares((10, 10), (40, 40))
    own[own == 2] = 9
    path = project / "labels" / f"a{suffix}"
    path.parent.mkdir()
    if suffix == ".tif":
        write_labels(path, own)
    else:
        import imagecodecs

        path.write_bytes(imagecodecs.png_encode(own.astype(np.uint16)))
    before = path.read_bytes()
    session = reopen()
    assert session.state("a") == ELSEWHERE
    np.testing.assert_array_equal(labels(session, "a"), own)
    session.save()
    assert path.read_bytes() == before
    draw(session, "a", 70, 70)
    session.save()
    assert (project / "labels" / "original" / path.name).read_bytes() == before
    now = read_labels(project / "labels" / "a.tif")
    assert sorted(np.unique(now)) == [0, 1, 9, 10]  # numbers stay
    assert [p.name for p in (project / "labels").glob("a.*") if p.suffix != ".csv"] == ["a.tif"]
    for _ in range(2):  # also what a program changes later, which the history then begins with
        other = squares((20, 20))
        write_labels(project / "labels" / "a.tif", other)
        fresh = reopen()
        np.testing.assert_array_equal(labels(fresh, "a"), other)
        with fresh.exclusive():
            assert fresh.drawing("a").drawing.at == 0
    assert (project / "labels" / "journal" / "a.1.jsonl").is_file()


def test_labels_that_another_program_changes_meanwhile_are_not_overwritten(reopen, project):
    session = reopen()
    draw(session, "a", 10, 10)
    finish(session, "a")
    stale = version(session, "a")
    other = squares((50, 50))
    write_labels(project / "labels" / "a.tif", other)
    session.save()
    with suppress(ConflictError, InputError):
        session.undo("a", stale)
    np.testing.assert_array_equal(labels(session, "a"), other)
    np.testing.assert_array_equal(read_labels(project / "labels" / "a.tif"), other)


CUT_SHORT = {"half a line": b'{"time":"x","do":"und', "half a digest": b'{"saved":"12'}


@pytest.mark.parametrize("moment", [*CUT_SHORT, "before the rename", "before the table", "after the rename"])
def test_a_kill_at_the_worst_moment_is_mended_by_the_next_start(reopen, project, monkeypatch, moment):
    session = reopen()
    draw(session, "a", 10, 10)
    finish(session, "a")
    draw(session, "a", 40, 40)
    journal = project / "labels" / "journal" / "a.jsonl"
    if moment in CUT_SHORT:
        journal.write_bytes(journal.read_bytes() + CUT_SHORT[moment])
    else:
        with monkeypatch.context() as faults, suppress(KeyboardInterrupt):
            if moment == "before the rename":
                faults.setattr("lacss_tools.outline.store.write_table", lambda *a: _die())
            elif moment == "before the table":
                faults.setattr(Store, "_expect", lambda *a: _die())
            else:
                faults.setattr(Store, "_drop_replaced", lambda *a: _die())
            session.save()
    again = reopen()
    expected = squares((10, 10), (40, 40))
    np.testing.assert_array_equal(read_labels(project / "labels" / "a.tif"), expected)
    np.testing.assert_array_equal(labels(again, "a"), expected)
    assert len((project / "labels" / "a.csv").read_text().splitlines()) == 3
    draw(again, "a", 70, 70)
    np.testing.assert_array_equal(labels(reopen(), "a"), squares((10, 10), (40, 40), (70, 70)))


def _die():
    raise KeyboardInterrupt


def test_a_full_disk_is_told_and_changes_nothing(reopen, monkeypatch):
    session = reopen()
    draw(session, "a", 10, 10)
    before = labels(session, "a")
    with monkeypatch.context() as faults:
        faults.setattr("lacss_tools.io.durable.os.fsync", _full)
        with pytest.raises(InputError, match="No space left"):
            draw(session, "a", 40, 40)
    np.testing.assert_array_equal(labels(session, "a"), before)
    np.testing.assert_array_equal(labels(reopen(), "a"), before)


def _full(handle):
    raise OSError(28, "No space left on device")


def test_an_image_that_cannot_be_continued_is_named_and_leaves_the_others_alone(reopen, project):
    draw(reopen(), "a", 10, 10)
    journal = project / "labels" / "journal" / "a.jsonl"
    text = journal.read_text().splitlines()
    told = json.loads(text[1])
    journal.write_text("\n".join([text[0], json.dumps(told | {"box": [0, 0, 3, 3]})]) + "\n")
    with pytest.raises(InputError, match=r"a\.jsonl is damaged"):
        labels(reopen(), "a")
    journal.write_text("\n".join(text) + "\n")
    tifffile.imwrite(project / "images" / "a.tif", np.zeros((50, 60), np.uint16))
    with pytest.raises(InputError, match=r"a\.jsonl was drawn on \(96, 96\) pixels, and the image has \(50, 60\)"):
        labels(reopen(), "a")
    draw(reopen(), "b", 10, 10)
    write_labels(project / "labels" / "b.tif", np.ones((4, 5), np.int32))
    with pytest.raises(InputError, match=r"b\.tif is \(4, 5\) pixels"):
        labels(reopen(), "b")


def test_label_images_keep_the_pixel_size_and_other_readers_read_them(reopen, project):
    session = reopen()
    draw(session, "b", 3, 3)
    finish(session, "b")
    with tifffile.TiffFile(project / "labels" / "b.tif") as file:
        assert file.is_imagej
        assert file.asarray().dtype == np.uint16
