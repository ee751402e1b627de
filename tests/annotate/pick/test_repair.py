import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.annotate.pick.loi_table import edit_table, keep_original
from lacss_tools.annotate.pick.repair import Repair
from lacss_tools.annotate.pick.saving import restore, save_pick, save_repair
from lacss_tools.errors import InputError
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_mask
from lacss_tools.web.stroke import Stroke, paint

NOTHING = np.zeros((0, 2))


def near(shape, points, radius):
    """Return, pixel by pixel, whether the distance to the path is at most the radius."""
    out = np.zeros(shape, bool)
    for pixel in np.ndindex(shape):
        for a, b in zip(points, [*points[1:], points[-1]], strict=True):
            along = np.dot(pixel - a, b - a) / max(np.dot(b - a, b - a), 1e-12)
            out[pixel] |= np.linalg.norm(pixel - a - np.clip(along, 0, 1) * (b - a)) <= radius
    return out


@given(
    st.lists(st.tuples(st.integers(-4, 12), st.integers(-4, 14)), min_size=1, max_size=4),
    st.sampled_from([0.3, 1.2, 2.7, 30.0]),
    st.booleans(),
)
def test_a_stroke_changes_just_the_pixels_near_its_path(path, radius, erase):
    points, mask = np.array(path, dtype=float), np.indices((9, 11)).sum(axis=0) % 3 == 0
    touched = near(mask.shape, points, radius)
    np.testing.assert_array_equal(paint(mask, (Stroke(points, radius, erase),)), np.where(touched, not erase, mask))


def test_later_strokes_lie_over_earlier_ones_and_the_mask_itself_stays():
    mask = np.zeros((5, 9), bool)
    line = np.array([[2.0, 1.0], [2.0, 7.0]])
    out = paint(mask, (Stroke(line, 1.0, False), Stroke(np.array([[2.0, 4.0]]), 1.0, True)))
    expected = [
        "000000000",
        "011101110",
        "111000111",
        "011101110",
        "000000000",
    ]
    assert ["".join(map(str, row.astype(int))) for row in out] == expected
    assert not mask.any()


# ---- points ---------------------------------------------------------------------------------------------------------


def test_other_rows_and_columns_stay_as_they_are_written(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("y,x,response,note\n1.50,2,0.1,first\n\n3,4.25,0.2,second\n5,6,0.3,\n")
    edited = edit_table(table, frozenset({1}), np.array([[7.126, 8.0]])).decode()
    assert edited == "y,x,response,note\n1.50,2,0.1,first\n5,6,0.3,\n7.13,8.00,1,\n"
    with pytest.raises(InputError, match="3 points"):
        edit_table(table, frozenset({3}), NOTHING)


def test_a_missing_table_counts_as_empty(tmp_path):
    assert edit_table(tmp_path / "no.csv", frozenset(), np.array([[1.0, 2.0]])) == b"y,x,response\n1.00,2.00,1\n"


def test_the_first_state_is_kept_whatever_follows(tmp_path):
    table = tmp_path / "a.csv"
    keep_original(table)
    assert not (tmp_path / "original").exists()
    table.write_text("first")
    keep_original(table)
    table.write_text("second")
    keep_original(table)
    assert (tmp_path / "original" / "a.csv").read_text() == "first"


# ---- saving ---------------------------------------------------------------------------------------------------------


def edited(session, stem="a"):
    pick = read_picks(session.masks / "picks.csv")[stem]
    return pick.choice, float(pick.threshold), pick.edited


def test_repairs_add_up_in_the_journal(session, discs):
    """First a threshold in between, then the brush on the saved mask, then points."""
    stroke = Stroke(np.array([[1.0, 1.0]]), 2.0, False)
    save_repair(session, "a", Repair(2, threshold=0.33), discs[1])
    assert edited(session) == ("2", 0.33, "threshold")
    save_repair(session, "a", Repair(2, on_saved=True, strokes=(stroke,)), discs[0])
    assert edited(session) == ("2", 0.33, "threshold+brush")
    save_repair(session, "a", Repair(2, on_saved=True, removed=frozenset({0})), discs[0])
    assert edited(session) == ("2", 0.33, "threshold+brush+lois")
    save_pick(session, "a", 4)
    assert edited(session) == ("4", 0.5, "")


def test_a_repair_that_changes_nothing_is_a_plain_pick(session, discs):
    save_repair(session, "a", Repair(3), discs[2])
    assert edited(session) == ("3", 0.4, "")


def test_undo_brings_mask_table_and_row_back(session, project):
    table, mask = project / "lois" / "a.csv", project / "masks" / "a.tif"
    save_pick(session, "a", 1)
    before = table.read_bytes(), mask.read_bytes(), session.picks["a"]
    repair = Repair(1, on_saved=True, removed=frozenset({0}), added=np.array([[3.0, 4.0], [5.0, 6.0]]))
    past = save_repair(session, "a", repair, np.zeros((40, 50), bool))
    np.testing.assert_array_equal(read_lois(table)[0], [[3, 4], [5, 6]])
    assert not read_mask(mask).any()
    restore(session, past)
    assert (table.read_bytes(), mask.read_bytes(), session.picks["a"]) == before


def test_an_image_without_a_table_gets_one_and_undo_removes_it(project, reopen, discs):
    (project / "lois" / "a.csv").unlink()
    session = reopen()
    past = save_repair(session, "a", Repair(1, added=np.array([[3.0, 4.0]])), discs[0])
    np.testing.assert_array_equal(read_lois(project / "lois" / "a.csv")[0], [[3, 4]])
    restore(session, past)
    assert not (project / "lois" / "a.csv").exists()


def test_a_mask_made_elsewhere_is_never_repaired(session, discs):
    session.masks.mkdir()
    (session.masks / "a.tif").write_bytes(b"somebody's work")
    with pytest.raises(InputError, match="was not picked here"):
        save_repair(session, "a", Repair(1), discs[0])
    assert (session.masks / "a.tif").read_bytes() == b"somebody's work"
