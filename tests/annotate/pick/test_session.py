import numpy as np
import pytest
import tifffile

from lacss_tools.annotate.pick.auto import pick_automatically
from lacss_tools.annotate.pick.doubt import Doubts
from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.annotate.pick.repair import Repair
from lacss_tools.annotate.pick.saving import restore, save_pick, save_repair
from lacss_tools.annotate.pick.session import load_choices
from lacss_tools.errors import InputError
from lacss_tools.io.candidates import write_candidates
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_mask, write_mask
from lacss_tools.web.stroke import Stroke, paint


def choices_on_disk(session):
    return {stem: (pick.choice, pick.by) for stem, pick in read_picks(session.masks / "picks.csv").items()}


# ---- one pick -------------------------------------------------------------------------------------------------------


def test_a_pick_is_a_mask_and_a_row(session, discs):
    save_pick(session, "b", 4)
    np.testing.assert_array_equal(read_mask(session.masks / "b.tif"), discs[3])
    pick = read_picks(session.masks / "picks.csv")["b"]
    assert (pick.choice, pick.threshold, pick.by) == ("4", "0.5", "person")
    assert session.undecided() == ["a", "c"]


def test_the_mask_is_on_disk_before_the_row(session, monkeypatch):
    def no_space(*_):
        raise InputError("full")

    monkeypatch.setattr("lacss_tools.annotate.pick.commit.write_mask", no_space)
    with pytest.raises(InputError, match="full"):
        save_pick(session, "b", 4)
    assert choices_on_disk(session) == {}
    assert session.undecided() == ["a", "b", "c"]


def test_a_rejected_image_has_no_mask_and_is_decided(session):
    save_pick(session, "a", 1)
    save_pick(session, "a", None)
    assert not (session.masks / "a.tif").exists()
    assert choices_on_disk(session) == {"a": ("none", "person")}
    assert session.undecided() == ["b", "c"]


def test_an_image_with_damaged_candidates_can_still_be_rejected(session):
    session.candidates["a"].write_bytes(b"no tiff")
    save_pick(session, "a", None)
    assert session.undecided() == ["b", "c"]


@pytest.mark.parametrize("number", [0, 6])
def test_a_number_that_does_not_exist_changes_nothing(session, number):
    with pytest.raises(InputError, match=r"a\.tif has 5 candidates"):
        save_pick(session, "a", number)
    assert not session.masks.exists()


def test_a_second_start_knows_what_was_picked(session, reopen):
    save_pick(session, "a", 1)
    save_pick(session, "c", None)
    again = reopen()
    assert again.undecided() == ["b"]
    assert again.picks == session.picks


def test_a_pick_whose_mask_was_removed_is_open_again(session):
    save_pick(session, "a", 1)
    (session.masks / "a.tif").unlink()
    assert session.undecided() == ["a", "b", "c"]


def test_rows_of_images_outside_this_session_stay(session, project, reopen):
    save_pick(session, "a", 1)
    (project / "candidates" / "a.tif").unlink()
    save_pick(reopen(), "b", 2)
    assert choices_on_disk(session) == {"a": ("1", "person"), "b": ("2", "person")}


# ---- where a mask is unsure ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "looser", "tighter"), [(1, 0, 1), (3, 1, 3), (5, 3, 4)])
def test_beside_a_mask_lies_what_is_between_its_neighbours_among_the_candidates(
    session, discs, number, looser, tighter
):
    save_pick(session, "a", number)
    np.testing.assert_array_equal(read_mask(session.masks / "unsure" / "a.tif"), discs[looser] & ~discs[tighter])


def test_what_a_mask_is_unsure_of_goes_and_comes_back_with_it(session):
    before = save_pick(session, "a", 3)
    path = session.masks / "unsure" / "a.tif"
    written = path.read_bytes()
    rejected = save_pick(session, "a", None)
    assert not path.exists()
    restore(session, rejected)
    assert path.read_bytes() == written
    restore(session, before)
    assert not path.exists()


def test_a_repaired_mask_is_sure_where_a_person_painted(session, discs):
    stroke = Stroke(np.array([[20.0, 25.0], [20.0, 45.0]]), 2.0, erase=False)
    repair = Repair(3, strokes=(stroke,))
    mask = paint(discs[2], repair.strokes)
    save_repair(session, "a", repair, mask)
    unsure = read_mask(session.masks / "unsure" / "a.tif")
    np.testing.assert_array_equal(unsure[:, :25], (discs[1] & ~discs[3])[:, :25])
    assert not (unsure & (mask != discs[2])).any()
    save_repair(session, "b", Repair(3, threshold=0.42), discs[2])
    np.testing.assert_array_equal(read_mask(session.masks / "unsure" / "b.tif"), discs[1] & ~discs[3])


# ---- undo -----------------------------------------------------------------------------------------------------------


def test_undo_brings_back_nothing_a_pick_or_a_rejection(session):
    first = save_pick(session, "a", 2)
    mask, row = (session.masks / "a.tif").read_bytes(), session.picks["a"]
    second = save_pick(session, "a", None)
    third = save_pick(session, "a", 5)
    restore(session, third)
    assert choices_on_disk(session) == {"a": ("none", "person")}
    assert not (session.masks / "a.tif").exists()
    restore(session, second)
    assert (session.masks / "a.tif").read_bytes() == mask
    assert session.picks == {"a": row} == read_picks(session.masks / "picks.csv")
    restore(session, first)
    assert not (session.masks / "a.tif").exists()
    assert choices_on_disk(session) == {}


def test_undo_brings_back_a_mask_that_was_edited_after_its_pick(session, discs):
    save_pick(session, "a", 2)
    edited = discs[1] & (np.arange(50) > 25)
    write_mask(session.masks / "a.tif", edited)
    restore(session, save_pick(session, "a", 3))
    np.testing.assert_array_equal(read_mask(session.masks / "a.tif"), edited)


# ---- masks made elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_mask_made_elsewhere_counts_as_done_and_is_never_replaced(session, name):
    session.masks.mkdir()
    path = session.masks / name
    path.write_bytes(b"somebody's work")
    assert session.undecided() == ["b", "c"]
    for number in (1, None):
        with pytest.raises(InputError, match="was not picked here"):
            save_pick(session, "a", number)
    summary, _ = pick_automatically(session, overwrite=True)
    assert (summary.done, summary.skipped, summary.failed) == (["b", "c"], ["a"], {})
    assert path.read_bytes() == b"somebody's work"


def test_a_mask_drawn_for_a_rejected_image_is_never_replaced(session, discs):
    save_pick(session, "a", None)
    write_mask(session.masks / "a.tif", discs[4])
    with pytest.raises(InputError, match="was not picked here"):
        save_pick(session, "a", 1)


# ---- what a person sees ---------------------------------------------------------------------------------------------


def test_suggestion_score_and_lois_inside(session, project):
    points = np.array([[20.0, 25.0], [20.0, 37.4], [20.0, 39.0], [-4.0, 25.0], [99.0, 99.0]])
    write_lois(project / "lois" / "a.csv", points, np.ones(5))
    choices = load_choices(session, "a")
    # distances 0, 12 (37.4 rounds to 37) and 14 from the centre; two points are outside the image
    assert choices.lois_inside() == [3, 2, 1, 1, 1]
    assert load_choices(session, "b").suggestion() == 3
    assert load_choices(session, "b").score() == pytest.approx(1)


def test_without_lois_the_middle_is_suggested(project, reopen):
    for path in (project / "lois").iterdir():
        path.unlink()
    session = reopen()
    assert "0 of them with LOIs" in session.note
    choices = load_choices(session, "a")
    assert choices.suggestion() == 3
    assert choices.lois_inside() == [0] * 5
    (project / "lois").rmdir()
    assert load_choices(reopen(), "a").suggestion() == 3


def test_image_and_candidates_of_different_size_are_both_named(session):
    tifffile.imwrite(session.images["a"], np.ones((40, 51), np.uint16))
    with pytest.raises(InputError, match=r"candidates/a\.tif is \(40, 50\).*images/a\.tif \(40, 51\)"):
        load_choices(session, "a")


def test_without_candidates_the_way_out_is_graphcut(project, reopen):
    (project / "candidates").rename(project / "elsewhere")
    with pytest.raises(InputError, match=r"candidates does not exist\. Run lacss graphcut first"):
        reopen()


# ---- without a person -----------------------------------------------------------------------------------------------


def test_auto_takes_the_middle_of_equal_candidates(session, discs):
    summary, doubts = pick_automatically(session, overwrite=False)
    assert (summary.done, summary.skipped, summary.failed, doubts) == (["a", "b", "c"], [], {}, Doubts())
    assert set(choices_on_disk(session).values()) == {("3", "auto")}
    np.testing.assert_array_equal(read_mask(session.masks / "c.tif"), discs[2])


@pytest.mark.parametrize("overwrite", [False, True])
def test_auto_never_replaces_a_persons_pick(session, overwrite):
    save_pick(session, "a", 5)
    save_pick(session, "b", None)
    before = (session.masks / "a.tif").read_bytes()
    summary, _ = pick_automatically(session, overwrite)
    assert (summary.done, summary.skipped) == (["c"], ["a", "b"])
    assert choices_on_disk(session) == {"a": ("5", "person"), "b": ("none", "person"), "c": ("3", "auto")}
    assert (session.masks / "a.tif").read_bytes() == before
    assert not (session.masks / "b.tif").exists()


def test_auto_leaves_a_persons_pick_whose_mask_is_gone_to_the_person(session):
    save_pick(session, "a", 5)
    (session.masks / "a.tif").unlink()
    pick_automatically(session, overwrite=True)
    assert choices_on_disk(session)["a"] == ("5", "person")


def test_overwrite_redoes_automatic_picks_only(session, project, discs):
    pick_automatically(session, overwrite=False)
    write_candidates(project / "candidates" / "b.tif", discs[::-1][:3][::-1], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="1 automatic picks of other candidates than now, such as b"):
        pick_automatically(session, overwrite=False)
    assert pick_automatically(session, overwrite=True)[0].done == ["a", "b", "c"]
    assert choices_on_disk(session)["b"] == ("2", "auto")
    np.testing.assert_array_equal(read_mask(session.masks / "b.tif"), discs[3])


def test_auto_names_images_with_many_lois_in_unstained_areas(session, project):
    write_lois(project / "lois" / "b.csv", np.array([[20.0, 25.0], [2.0, 2.0], [35.0, 3.0]]), np.ones(3))
    assert pick_automatically(session, overwrite=False)[1] == Doubts(unstained=["b"])


def test_auto_goes_on_past_bad_files_and_names_them(session, project, reopen):
    session.candidates["a"].write_bytes(b"no tiff")
    (project / "lois" / "c.csv").unlink()
    summary, _ = pick_automatically(reopen(), overwrite=False)
    assert summary.done == ["b"]
    assert "candidates/a.tif cannot be read" in summary.failed["a"]
    assert "images/c.tif has no LOIs. Run lacss annotate-lois" in summary.failed["c"]
    assert choices_on_disk(session) == {"b": ("3", "auto")}


def test_auto_without_any_lois_does_nothing(session):
    session.lois.clear()
    with pytest.raises(InputError, match="annotate-lois"):
        pick_automatically(session, overwrite=False)
    assert not session.masks.exists()
