import pytest

from lacss_tools.errors import InputError
from lacss_tools.io.project import check_output, list_images, list_tables, pair, stem_of


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
