import numpy as np
import pytest
from typer.testing import CliRunner

from lacss_tools.cells import cells_from_labels, cells_to_labels
from lacss_tools.cli import app
from lacss_tools.formats.table import measure
from lacss_tools.formats.weak import inner_points
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels, read_mask, write_labels


def test_a_square_and_a_line_are_measured_by_hand():
    labels = np.zeros((12, 12), np.int32)
    labels[2:6, 3:7] = 1
    labels[9, 1:9] = 2
    image = np.stack([labels * 10, labels + 100]).astype(np.float32)
    header, rows = measure(labels, cells_from_labels(labels), image)
    square, line = (dict(zip(header, row, strict=True)) for row in rows)
    assert (square["label"], square["y"], square["x"], square["area"]) == (1, 3.5, 4.5, 16)
    assert square["diameter"] == pytest.approx(np.sqrt(4 / np.pi * 16), rel=1e-4)
    assert (square["mean_0"], square["mean_1"], square["solidity"], square["eccentricity"]) == (10, 101, 1, 0)
    assert (line["y"], line["x"], line["area"], line["solidity"]) == (9, 4.5, 8, 1)


def test_a_large_area_is_not_rounded():
    labels = np.ones((401, 501), np.int32)
    header, rows = measure(labels, cells_from_labels(labels), labels[None].astype(np.float32))
    assert rows[0][header.index("area")] == 401 * 501


def test_a_cell_that_lost_all_its_pixels_has_no_row():
    labels = np.zeros((8, 8), np.int32)
    labels[2:5, 2:5] = 1
    cells = cells_from_labels(labels)
    twice = type(cells)(
        cells.shape,
        np.array([0.9, 0.8]),
        np.repeat(cells.locations, 2, 0),
        np.repeat(cells.boxes, 2, 0),
        cells.crops * 2,
    )
    flat = cells_to_labels(twice)
    _, rows = measure(flat, twice, flat[None].astype(np.float32))
    assert [row[0] for row in rows] == [1]


def test_points_lie_inside_even_of_a_crescent():
    y, x = np.mgrid[:40, :40]
    crescent = (np.hypot(y - 20, x - 20) < 15) & (np.hypot(y - 20, x - 26) > 13)
    labels = np.where(crescent, 5, 0).astype(np.int32)
    centroid = np.argwhere(crescent).mean(axis=0).round().astype(int)
    assert labels[tuple(centroid)] == 0
    point = inner_points(labels)[0].astype(int)
    assert labels[tuple(point)] == 5


def test_convert_makes_a_project(tmp_path):
    labels = np.kron(np.array([[0, 1], [2, 0]]), np.ones((5, 5), int)).astype(np.int32)
    write_labels(tmp_path / "outlines" / "a.tif", labels)
    write_labels(tmp_path / "outlines" / "empty.tif", labels * 0)
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "outlines"), "--project", str(tmp_path / "p")])
    assert result.exit_code == 4
    assert "empty.tif holds no cell" in result.stderr
    assert read_lois(tmp_path / "p" / "lois" / "a.csv")[0].tolist() == [[2.0, 7.0], [7.0, 2.0]]
    assert (read_mask(tmp_path / "p" / "masks" / "a.tif") == (labels > 0)).all()
    assert (read_labels(tmp_path / "p" / "labels" / "a.tif") == labels).all()


@pytest.fixture
def outlined(tmp_path):
    labels = np.kron(np.array([[0, 1], [2, 0]]), np.ones((5, 5), int)).astype(np.int32)
    for stem in ("a", "b"):
        write_labels(tmp_path / "labels" / f"{stem}.tif", labels)
    return tmp_path


def convert(project, *arguments):
    return CliRunner().invoke(app, ["convert", *arguments, "--project", str(project)])


def test_labels_inside_the_project_stay_untouched(outlined):
    before = {path: path.stat().st_mtime_ns for path in (outlined / "labels").iterdir()}
    result = convert(outlined, "labels")  # relative to the project, not to where the tests run
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in (outlined / "labels").iterdir()} == before
    assert {path.name for path in (outlined / "lois").iterdir()} == {"a.csv", "b.csv"}
    assert {path.name for path in (outlined / "masks").iterdir()} == {"a.tif", "b.tif"}
    assert "2 were done already" in convert(outlined, "labels").stderr
    assert "2 written" in convert(outlined, "labels", "--overwrite").stderr
    assert {path: path.stat().st_mtime_ns for path in (outlined / "labels").iterdir()} == before


def test_corrected_points_survive_unless_overwritten(outlined):
    (outlined / "lois").mkdir()
    corrected = "y,x,response\n1.00,6.00,1\n"
    (outlined / "lois" / "a.csv").write_text(corrected)
    assert "2 written" in convert(outlined, "labels").stderr
    assert (outlined / "lois" / "a.csv").read_text() == corrected
    assert (outlined / "masks" / "a.tif").exists()
    convert(outlined, "labels", "--overwrite")
    assert len(read_lois(outlined / "lois" / "a.csv")[0]) == 2


def test_masks_are_never_read_and_written(outlined):
    (outlined / "labels").rename(outlined / "masks")
    result = convert(outlined, "masks")
    assert result.exit_code == 3
    assert "masks is where LOIs or masks are written" in result.stderr
