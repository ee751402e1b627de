from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacss_tools.annotate.pick.journal import HEADER, Pick, make_pick, read_picks, record, write_picks
from lacss_tools.errors import InputError
from lacss_tools.io.stems import as_stem

HEAD = ",".join(HEADER) + "\n"
THRESHOLDS = [0.25, 0.5, 1 / 3]


def test_a_pick_names_candidate_threshold_and_the_time_in_utc():
    pick = make_pick("a", 3, THRESHOLDS, "person")
    assert (pick.stem, pick.choice, pick.number, pick.threshold, pick.by) == ("a", "3", 3, "0.333333", "person")
    time = datetime.fromisoformat(pick.time)
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_a_rejected_image_has_neither_number_nor_threshold():
    pick = make_pick("a", None, THRESHOLDS, "person")
    assert (pick.choice, pick.number, pick.threshold) == ("none", None, "")


def test_the_file_is_plain_csv_in_the_order_of_picking(tmp_path):
    path = tmp_path / "masks" / "picks.csv"
    record(path, {"b": Pick("b", "2", "0.5", "auto", "2024-05-06T07:08:09+00:00")})
    record(path, {"a, left": Pick("a, left", "none", "", "person", "2024-05-06T07:08:10+00:00")})
    assert path.read_text() == (
        "stem,choice,threshold,by,time,edited,cut\n"
        "b,2,0.5,auto,2024-05-06T07:08:09+00:00,,\n"
        '"a, left",none,,person,2024-05-06T07:08:10+00:00,,\n'
    )
    assert [file.name for file in path.parent.iterdir()] == ["picks.csv"]


def test_a_later_pick_replaces_an_earlier_one_and_none_removes_it(tmp_path):
    path = tmp_path / "picks.csv"
    first, second = (make_pick("a", number, THRESHOLDS, "person") for number in (1, 2))
    assert record(path, {"a": first}) == {"a": first}
    assert record(path, {"a": second}) == read_picks(path) == {"a": second}
    assert record(path, {"a": None}) == read_picks(path) == {}
    assert record(path, {"never": None}) == {}


def test_rows_that_another_process_wrote_in_between_stay(tmp_path):
    path = tmp_path / "picks.csv"
    mine, other = (make_pick(stem, 1, THRESHOLDS, "person") for stem in ("mine", "other"))
    record(path, {"mine": mine})
    write_picks(path, {"mine": mine, "other": other})
    again = make_pick("mine", 2, THRESHOLDS, "person")
    assert record(path, {"mine": again}) == {"mine": again, "other": other}


def test_of_two_rows_of_one_image_the_last_counts_and_empty_lines_do_not(tmp_path):
    path = tmp_path / "picks.csv"
    path.write_text("\ufeff" + HEAD + "a,1,0.2,person,t\n\na,2,0.3,person,t\n", encoding="utf-8")
    assert read_picks(path) == {"a": Pick("a", "2", "0.3", "person", "t")}


@pytest.mark.parametrize("columns", [5, 6])
def test_journals_of_early_versions_are_read_and_written_anew(tmp_path, columns):
    path = tmp_path / "picks.csv"
    rows = (HEADER, ["a", "2", "0.3", "person", "t", "brush", "cafe"])
    path.write_text("".join(",".join(row[:columns]) + "\n" for row in rows))
    assert read_picks(path)["a"] == Pick("a", "2", "0.3", "person", "t", "brush" if columns == 6 else "")
    record(path, {"b": Pick("b", "1", "0.2", "auto", "t", "", "beef")})
    assert path.read_text().splitlines()[0] == ",".join(HEADER)
    assert read_picks(path)["b"].cut == "beef"


def test_no_file_means_no_picks(tmp_path):
    assert read_picks(tmp_path / "picks.csv") == {}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1).map(as_stem),
        st.one_of(st.none(), st.integers(1, 3)),
    )
)
def test_what_is_written_is_read(tmp_path_factory, choices):
    path = tmp_path_factory.mktemp("round") / "picks.csv"
    picks = {stem: make_pick(stem, number, THRESHOLDS, "auto") for stem, number in choices.items()}
    write_picks(path, picks)
    assert read_picks(path) == picks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "another header"),
        ("image,number\n", "another header"),
        (HEAD + "a,third,,person,t\n", "no pick: 'a,third,,person,t'"),
        (HEAD + "a,0,0.1,person,t\n", "no pick"),
        (HEAD + "a,-1,0.1,person,t\n", "no pick"),
        (HEAD + "a,²,0.1,person,t\n", "no pick"),
        (HEAD + "a,1,0.1,robot,t\n", "no pick"),
        (HEAD + "a,1,0.1,person\n", "no pick"),
    ],
)
def test_a_damaged_journal_is_named_not_guessed(tmp_path, text, message):
    path = tmp_path / "picks.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        read_picks(path)
    assert str(path) in str(error.value)


def test_a_journal_that_is_no_text_is_an_input_error(tmp_path):
    path = tmp_path / "picks.csv"
    path.write_bytes(b"\xff\xfe\x00s")
    with pytest.raises(InputError, match="has another header"):
        read_picks(path)
