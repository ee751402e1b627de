"""Pictures of cells: the right pixels in the right colours, and files that a user finds."""

import re

import imagecodecs
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cells import cells_from_labels
from lacss_tools.cli import app
from lacss_tools.errors import UsageError
from lacss_tools.picture.figure import bar_length, picture, with_nuclei
from lacss_tools.picture.settings import FILL, PictureSettings

LABELS = np.zeros((60, 90), np.int32)
LABELS[10:30, 10:40], LABELS[15:25, 20:30] = 1, 0  # a cell with a hole
LABELS[35:55, 50:80] = 2
CELLS = cells_from_labels(LABELS)
RED = PictureSettings(colour="#ff0000", line=1.0)


def pixels(settings=RED, **given):
    content = picture(given.get("image"), given.get("nuclei"), CELLS, settings, given.get("size"), "png")
    return imagecodecs.png_decode(content)[..., :3].astype(int)


def is_red(seen):
    return (seen[..., 0] > 100) & (seen[..., 1] < 100)


def test_lines_run_along_the_edges_of_cells_and_of_their_holes():
    seen = is_red(pixels())
    assert seen.shape == LABELS.shape
    for y, x in ((10, 25), (29, 25), (20, 10), (20, 39), (15, 25), (20, 29), (45, 50)):
        assert seen[y - 1 : y + 2, x - 1 : x + 2].any(), (y, x)
    assert not seen[20, 25]  # in the hole
    assert not seen[12, 13]
    assert not seen[2:8].any()


def test_tinted_cells_leave_holes_and_background_as_they_are():
    grey = np.linspace(0, 1, LABELS.size, dtype=np.float32).reshape(1, *LABELS.shape)
    plain, tinted = pixels(PictureSettings(line=0.1, colour="lime"), image=grey), pixels(
        PictureSettings(style=FILL, line=0.1, colour="lime"), image=grey
    )  # fmt: skip
    greener = (tinted[..., 1] - tinted[..., 0]) - (plain[..., 1] - plain[..., 0]) > 40
    assert greener[12, 25]
    assert greener[45, 65]
    assert not greener[20, 25]
    assert not greener[5, 5]


def test_a_picture_is_zoomed_and_its_lines_are_vectors_in_svg():
    assert pixels(PictureSettings(zoom=3.0)).shape == (180, 270, 3)
    svg = picture(None, None, CELLS, RED, 0.5, "svg").decode()
    assert len(re.findall(r"stroke: #ff0000", svg)) == 2
    each = picture(None, None, CELLS, PictureSettings(colour="each"), None, "svg").decode()
    assert len(set(re.findall(r"stroke: (#\w{6}); stroke-width", each))) == 2


def test_a_scale_bar_has_its_length_or_is_not_there():
    seen = pixels(PictureSettings(scale_bar=20.0, zoom=4.0), size=0.5)
    white = (seen > 250).all(axis=2)
    longest = max(len(run) for row in white for run in re.findall("1+", "".join("01"[int(v)] for v in row)))
    assert longest == pytest.approx(4 * 20 / 0.5, abs=2)
    assert not (pixels(size=None) > 250).all(axis=2).any()
    assert [bar_length(1000, size, None) for size in (0.5, 0.1, 2.0, None)] == [100, 20, 200, None]
    assert bar_length(1000, 0.5, 0.0) is None
    with pytest.raises(UsageError, match="pixel_size"):
        bar_length(1000, None, 50.0)


def test_nuclei_are_blue_light_on_top():
    nuclei = np.zeros(LABELS.shape, np.float32)
    nuclei[40:50, 60:70] = 1
    seen = with_nuclei(np.full((*LABELS.shape, 3), 50, np.uint8), nuclei).astype(int)
    assert tuple(seen[45, 65] - 50) == (0, 114, 205)
    assert (seen[nuclei == 0] == 50).all()


@pytest.fixture
def project(tmp_path):
    for name in ("images", "predictions"):
        (tmp_path / name).mkdir()
    for stem in ("a", "b"):
        tifffile.imwrite(tmp_path / "images" / f"{stem}.tif", np.arange(5400, dtype=np.uint16).reshape(60, 90))
        tifffile.imwrite(tmp_path / "predictions" / f"{stem}.tif", LABELS.astype(np.uint16))
    return tmp_path


def run(project, *words):
    return CliRunner().invoke(app, ["picture", "--project", str(project), *words])


def test_the_command_writes_every_format_and_a_sheet_and_makes_them_anew(project):
    assert run(project, "--to", "png,svg,pdf", "--sheet").exit_code == 0
    made = {path.name for path in (project / "pictures").iterdir()}
    assert made == {f"{stem}.{form}" for stem in "ab" for form in ("png", "svg", "pdf")} | {"sheet.png"}
    before = (project / "pictures" / "a.png").read_bytes()
    assert run(project, "--style", "fill").exit_code == 0
    assert (project / "pictures" / "a.png").read_bytes() != before


def test_a_scene_is_pictured(project):
    with tifffile.TiffWriter(project / "images" / "c.ome.tif", ome=True) as tiff:
        for k in range(2):
            tiff.write(np.arange(5400, dtype=np.uint16).reshape(60, 90), metadata={"axes": "YX", "Name": f"well {k}"})
    (project / "predictions" / "a.tif").rename(project / "predictions" / "c_well_1.tif")
    assert run(project, "--scene", "all").exit_code == 0
    assert {path.name for path in (project / "pictures").iterdir()} == {"b.png", "c_well_1.png"}
    (project / "predictions" / "b.tif").unlink()
    assert "Give both the same file names, or name the --scene." in " ".join(run(project).stderr.split())


def test_what_cannot_be_is_said_before_anything_is_made(project):
    for words, said in (
        (["--colour", "blurple"], "--colour blurple is unknown"),
        (["--to", "gif"], "--to gif is not possible"),
        (["--to", "svg", "--sheet"], "--sheet is made of pictures as png"),
    ):
        result = run(project, *words)
        assert result.exit_code == 2
        assert said in result.output
    tifffile.imwrite(project / "predictions" / "a.tif", np.ones((20, 20), np.uint16))
    result = run(project)
    assert result.exit_code == 4
    assert "Give one size" in result.output
    assert [path.name for path in (project / "pictures").iterdir()] == ["b.png"]
