from pathlib import Path

import pytest

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.project import check_output, list_images, list_tables, pair
from lacss_tools.io.stems import how_to_pair, own_patterns, pair_by, several_stains, stem_of


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("")
    return folder


def test_images_are_listed_by_stem_and_the_rest_is_ignored(tmp_path):
    folder = make(tmp_path / "i", "b.TIF", "a.ome.tiff", "c.png", "notes.txt", ".hidden.tif")
    assert list(list_images(folder)) == ["a", "b", "c"]
    assert stem_of(folder / "a.ome.tiff") == "a"


def test_two_files_of_one_stem_are_refused(tmp_path):
    with pytest.raises(InputError, match="share the stem 'a'"):
        list_images(make(tmp_path / "i", "a.tif", "a.png"))


def test_pairing_says_what_has_no_partner(tmp_path):
    images, lois = make(tmp_path / "i", "a.tif", "b.tif", "x.tif"), make(tmp_path / "l", "a.csv", "b.csv", "y.csv")
    pairing = pair((images, list_images(images)), (lois, list_tables(lois)))
    assert list(pairing.paired) == ["a", "b"]
    assert pairing.paired["a"] == (images / "a.tif", lois / "a.csv")
    assert "2 paired" in pairing.summary()
    assert f"1 only in {images} (x)" in pairing.summary()
    assert f"1 only in {lois} (y)" in pairing.summary()


def test_no_common_stem_is_an_error_that_shows_examples(tmp_path):
    images, dapi = make(tmp_path / "i", "a_w1.tif"), make(tmp_path / "d", "a_w2.tif")
    with pytest.raises(InputError, match="'a_w1' and 'a_w2'"):
        pair((images, list_images(images)), (dapi, list_images(dapi)))


def test_missing_or_empty_folders_and_a_file_in_their_place(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        list_images(tmp_path / "none")
    with pytest.raises(InputError, match="holds no image"):
        list_images(make(tmp_path / "i", "a.csv"))
    with pytest.raises(InputError, match="is not a folder"):
        list_images(tmp_path / "i" / "a.csv")


def test_output_must_not_be_an_input(tmp_path):
    with pytest.raises(InputError, match="both input and output"):
        check_output(tmp_path / "x" / ".." / "i", tmp_path / "i")


# ---- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "pattern"),
    [
        (["s0_w2", "s1_w2"], ["s0_w1", "s1_w1"], "{stem}_w1,{stem}_w2"),
        (["s0_w2", "s1_w2"], ["s0", "s1", "s2"], "{stem}_w2"),
        (["A01_x_dapi"], ["A01_x_cells", "A02_x_cells"], "{stem}_cells,{stem}_dapi"),
        (["C1-a", "C1-b"], ["C2-b", "C2-a"], "C1-{stem},C2-{stem}"),
        (["a b.ch1", "c d.ch1"], ["a b.ch2"], "{stem}.ch1,{stem}.ch2"),
        (["a", "b"], ["c", "d"], None),
        (["a_1", "b_1", "c_1"], ["a_2", "x_2"], None),
        (["_1"], ["_2"], None),
    ],
)
def test_what_keeps_names_apart_is_found_and_told(first, second, pattern):
    told = f"They pair with `pattern` '{pattern}'." if pattern else "Give partners the same file name."
    assert how_to_pair(first, second) == told
    if pattern:
        with own_patterns():
            pair_by(pattern)
            one, two = ({stem_of(Path(f"{name}.tif")) for name in names} for names in (first, second))
            assert one <= two or two <= one


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (["s0_w1", "s0_w2", "s1_w1", "s1_w2", "s2_w1"], "'{stem}_w1' or '{stem}_w2'"),
        (["C1-a", "C2-a", "C3-a"], "'C1-{stem}' or 'C2-{stem}' or 'C3-{stem}'"),
        (["A01_x_dapi", "A01_x_actin"], "'{stem}_actin' or '{stem}_dapi'"),
        (["r01c01-ch1", "r01c01-ch2"], "'{stem}-ch1' or '{stem}-ch2'"),
        (["a_s1", "a_s2", "b_s1", "b_s2"], None),
        (["a_w1", "b_w1"], None),
        (["a_w1", "b_w2", "c_w3"], None),
        (["a", "b_w1", "b_w2"], None),
        (["plain"], None),
    ],
)
def test_stains_of_one_folder_are_told_by_their_names(names, patterns):
    told = several_stains(names)
    assert [line[line.index("`pattern` ") + 10 : -1] for line in told] == ([patterns] if patterns else [])


def test_a_pattern_says_which_part_of_a_name_is_the_stem(tmp_path):
    folder = make(tmp_path / "i", "a_w1.tif", "b_x_w1.TIF", "a_w2.tif", "plain.tif", "x_a.tif")
    with own_patterns():
        pair_by("{stem}_w1")
        assert {stem: path.name for stem, path in list_images(folder).items()} == {
            "a": "a_w1.tif",
            "b_x": "b_x_w1.TIF",
            "plain": "plain.tif",
            "x_a": "x_a.tif",
        }
        assert list(list_images(make(tmp_path / "j", "a.tif", "c_w2.tif"))) == ["a", "c_w2"]
        pair_by("{stem}_w*")
        with pytest.raises(InputError, match="share the stem 'a'"):
            list_images(folder)
        pair_by("p*-{stem}, {stem}+(1)")
        assert [stem_of(Path(name)) for name in ("p3-a.tif", "a+(1).png", "b.tif")] == ["a", "a", "b"]
    assert len(list_images(folder)) == 5


@pytest.mark.parametrize("pattern", ["_w1", "{stem}_w1,", "{stem}{stem}", ""])
def test_a_pattern_without_a_stem_is_refused(pattern):
    with pytest.raises(UsageError, match="does not say what pairs files"):
        pair_by(pattern)
