"""One table of all cells, with summaries of images and groups, against numbers worked out by hand."""

import csv
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from lacss_tools.cli import app

HEADER = "label,y,x,area,diameter,mean_0\n"
IMAGES = {
    "A1_s1": HEADER + "1,2,4,100,10,5\n2,6,8,200,20,7\n",
    "A1_s2": "label,y,x,area,diameter,mean_0,nuclei\n1,1,1,400,30,9,2\n",
    "B1_s1": HEADER,
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "predictions").mkdir()
    for stem, text in IMAGES.items():
        (tmp_path / "predictions" / f"{stem}.csv").write_text(text)
    return tmp_path


def run(project, *words):
    return CliRunner().invoke(app, ["table", "--project", str(project), *words])


def read(project, name):
    with (project / "tables" / name).open() as file:
        return list(csv.DictReader(file))


def test_all_cells_are_in_one_table_and_every_image_in_its_summary(project):
    assert run(project).exit_code == 0
    cells = read(project, "cells.csv")
    assert [(row["image"], row["label"], row["area"], row["nuclei"]) for row in cells] == [
        ("A1_s1", "1", "100", ""), ("A1_s1", "2", "200", ""), ("A1_s2", "1", "400", "2"),
    ]  # fmt: skip
    images = read(project, "images.csv")
    assert [(row["image"], row["cells"], row["median_area"], row["median_nuclei"]) for row in images] == [
        ("A1_s1", "2", "150", ""), ("A1_s2", "1", "400", "2"), ("B1_s1", "0", "", ""),
    ]  # fmt: skip
    assert "median_x" not in images[0]
    assert not (project / "tables" / "groups.csv").exists()


def test_groups_sizes_and_names_of_channels(project):
    assert run(project, "--group", "^([A-H]\\d+)", "--pixel-size", "0.5", "--channels", "actin").exit_code == 0
    cells = read(project, "cells.csv")
    assert [row["group"] for row in cells] == ["A1", "A1", "A1"]
    assert [(row["x_um"], row["area_um2"], row["diameter_um"], row["mean_actin"]) for row in cells] == [
        ("2", "25", "5", "5"), ("4", "50", "10", "7"), ("0.5", "100", "15", "9"),
    ]  # fmt: skip
    first, second = read(project, "groups.csv")
    assert (first["group"], first["images"], first["cells"], first["median_cells_per_image"]) == ("A1", "2", "3", "1.5")
    assert (first["median_area"], first["median_area_um2"], first["median_mean_actin"]) == ("200", "50", "7")
    assert (second["group"], second["cells"], second["median_area"]) == ("B1", "0", "")


def test_images_of_a_plate_say_where_they_are(project):
    for stem in IMAGES:
        (project / "predictions" / f"{stem}.csv").unlink()
    for stem in ("p_A01_1", "p_A01_2", "p_B02_1"):
        (project / "predictions" / f"{stem}.csv").write_text(HEADER + "1,2,4,100,10,5\n")
    assert run(project).exit_code == 0
    cells = read(project, "cells.csv")
    assert list(cells[0])[:5] == ["image", "group", "plate", "well", "field"]
    assert [(row["plate"], row["well"], row["field"]) for row in cells] == [
        ("p", "A01", "1"), ("p", "A01", "2"), ("p", "B02", "1"),
    ]  # fmt: skip
    assert [(row["group"], row["cells"]) for row in read(project, "groups.csv")] == [("A01", "2"), ("B02", "1")]
    assert [row["well"] for row in read(project, "images.csv")] == ["A01", "A01", "B02"]
    (project / "predictions" / "q_A01_1_t2.csv").write_text(HEADER)
    assert run(project).exit_code == 0
    assert [row["group"] for row in read(project, "groups.csv")] == ["p_A01", "p_B02", "q_A01"]
    assert [row["time"] for row in read(project, "images.csv")] == ["", "", "", "2"]


def test_the_table_as_parquet(project):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(project, "--group", "^([A-H])", "--parquet").exit_code == 0
    table = parquet.read_table(project / "tables" / "cells.parquet")
    assert table.schema.types[:4] == ["string", "string", "int64", "double"]
    assert table.to_pylist()[2] == {
        "image": "A1_s2", "group": "A", "label": 1, "y": 1.0, "x": 1.0, "area": 400.0, "diameter": 30.0, "mean_0": 9.0,
        "nuclei": 2.0,
    }  # fmt: skip
    assert table["nuclei"].to_pylist() == [None, None, 2.0]


def test_parquet_without_pyarrow_is_refused(project, monkeypatch):
    monkeypatch.setattr("lacss_tools.table.steps.find_spec", lambda name: None)
    result = run(project, "--parquet")
    assert result.exit_code == 2
    assert "--parquet needs pyarrow. Install it: pip install pyarrow" in result.output


@pytest.mark.parametrize("text", ["?", "1,5x", "many"])
def test_what_is_no_number_is_named_before_anything_is_written(project, text):
    path = project / "predictions" / "A1_s1.csv"
    path.write_text(HEADER + f'1,2,4,100,10,5\n2,6,8,200,20,"{text}"\n')
    result = run(project)
    assert result.exit_code == 3
    assert f"A1_s1.csv, line 3, has {text!r} in the column mean_0" in " ".join(result.output.split())
    path.write_text(HEADER + "1.5,2,4,100,10,5\n")
    assert "line 2, has '1.5' in the column label" in " ".join(run(project).output.split())
    assert not (project / "tables").exists()


def test_tables_that_another_program_rewrote_are_read(project):
    rewritten = "image,label,y,x,area,diameter,mean_0\nnotes,1.0,2,4,100.0,10,\nnotes,2.0,6,8,200.0,20,7\n"
    (project / "predictions" / "A1_s1.csv").write_text(rewritten)
    words = ["--parquet"] if find_spec("pyarrow") else []
    assert run(project, *words).exit_code == 0
    assert [row["image"] for row in read(project, "cells.csv")] == ["A1_s1", "A1_s1", "A1_s2"]
    if words:
        parquet = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(project / "tables" / "cells.parquet")["label"].to_pylist() == [1, 2, 1]


def test_tables_that_are_not_asked_for_again_do_not_stay(project):
    assert run(project, "--group", "^([A-H])").exit_code == 0
    (project / "tables" / "cells.parquet").write_bytes(b"of an earlier call")
    assert run(project).exit_code == 0
    assert sorted(path.name for path in (project / "tables").iterdir()) == ["cells.csv", "images.csv"]


def test_micrometres_of_the_files_stay(project):
    text = "label,y,x,area,diameter,y_um,x_um,area_um2,diameter_um\n1,2,4,100,10,20,40,9999,100\n"
    (project / "predictions" / "C1.csv").write_text(text)
    assert run(project, "--pixel-size", "0.5").exit_code == 0
    assert [row["area_um2"] for row in read(project, "cells.csv")] == ["25", "50", "100", "9999"]


def test_what_is_no_table_of_cells_is_named(project):
    (project / "predictions" / "notes.csv").write_text("who,what\nme,this\n")
    result = run(project)
    assert result.exit_code == 3
    assert "notes.csv is no table of cells (its columns are who, what)" in result.output
    assert not (project / "tables").exists()
    assert run(project, "--group", "x", "--group-table", "y.csv").exit_code == 2
