import pytest

from lacss_tools.errors import InputError
from lacss_tools.io.tables import read_rows, read_table


def test_a_table_of_any_program_is_read(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes('\ufeffimage, group\r\n\r\na,"x, y"\r\nb\r\n'.encode())
    table = read_table(path, "")
    assert table.header == ["image", "group"]
    assert table.rows == [{"image": "a", "group": "x, y"}, {"image": "b"}]


def test_an_empty_file_has_neither_header_nor_rows(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("")
    assert (read_table(path, "").header, read_table(path, "").rows) == ([], [])


def test_whether_the_last_line_has_its_end_is_told(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text("a,b\n1,2")
    assert read_rows(path, "") == ([["a", "b"], ["1", "2"]], False)
    path.write_text("a,b\n1,2\n")
    assert read_rows(path, "")[1]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\n" + b"x" * 200_000, None])
def test_what_is_no_csv_is_named_with_the_remedy(tmp_path, content):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad.csv cannot be read as CSV .* Write it again\."):
        read_rows(path, "Write it again.")
