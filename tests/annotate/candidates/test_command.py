import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.annotate.candidates.settings import CutSettings, cut_settings_from_text
from lacss_tools.cli import app
from lacss_tools.io.native import read_candidates, read_cut_notes


def lacss(project, *words):
    return CliRunner().invoke(app, [*map(str, words), "--project", str(project)])


def cells(seed, size=200):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 200.0)
    for cy, cx in rng.uniform(20, size - 20, (9, 2)):
        image[np.hypot(y - cy, x - cx) < 14] = rng.uniform(900, 2500)
    return np.clip(image + rng.normal(0, 20, image.shape), 0, 4095).astype(np.uint16)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "images").mkdir()
    for seed, stem in enumerate("ab"):
        tifffile.imwrite(tmp_path / "images" / f"{stem}.tif", cells(seed))
    tifffile.imwrite(tmp_path / "images" / "dark.tif", 4095 - cells(2))
    return tmp_path


def test_inverted_images_are_named_and_noted(project):
    result = lacss(project, "graphcut")
    assert result.exit_code == 0, result.output
    assert "1 inverted, cells darker than background (else give --polarity bright): dark" in result.stderr
    notes = {stem: read_cut_notes(project / "candidates" / f"{stem}.tif") for stem in ("a", "b", "dark")}
    assert [note.dark for note in notes.values()] == [False, False, True]
    assert notes["a"].seam is None
    assert cut_settings_from_text(notes["a"].settings) == CutSettings()


def test_polarity_can_be_forced(project):
    assert "inverted" not in lacss(project, "graphcut", "--polarity", "bright").stderr
    assert "3 inverted" in lacss(project, "graphcut", "--polarity", "dark", "--overwrite").stderr


def test_large_images_run_in_tiles_and_the_worst_seam_is_said(project):
    whole = lacss(project, "graphcut", "-o", "whole")
    tiled = lacss(project, "graphcut", "-o", "tiled", "--tile", 100, "--overlap", 32, "--workers", 2)
    assert "cut in tiles" not in whole.stderr
    assert "3 cut in tiles; at worst 0." in tiled.stderr
    for stem in ("a", "b", "dark"):
        one, _ = read_candidates(project / "whole" / f"{stem}.tif")
        other, _ = read_candidates(project / "tiled" / f"{stem}.tif")
        assert (one != other).mean() < 1e-3
        assert read_cut_notes(project / "tiled" / f"{stem}.tif").seam is not None


def test_fiji_compat_uses_the_range_of_the_file_type(project):
    words = ("--fiji-compat", "--thresholds", "0.02,0.03,0.9", "--smoothness", 0, "--polarity", "bright")
    assert lacss(project, "graphcut", *words).exit_code == 0
    masks, thresholds = read_candidates(project / "candidates" / "a.tif")
    values = tifffile.imread(project / "images" / "a.tif") / 65536
    assert thresholds == [0.02, 0.03, 0.9]
    for mask, t in zip(masks, thresholds, strict=True):
        assert (mask == (values > t)).all()


def test_fiji_compat_wants_one_channel(project):
    planes = np.arange(30_000, dtype=np.uint16).reshape(3, 100, 100)
    tifffile.imwrite(project / "images" / "rgb.tif", planes, photometric="minisblack")
    result = lacss(project, "graphcut", "--fiji-compat")
    assert result.exit_code == 4
    assert "rgb.tif has 3 channels" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("--contrast",),
        ("--center", "li"),
        ("--center", "triangle", "--intensity", "linear"),
        ("--membrane", 40),
        ("--log-strength", 10),
        ("--neighbours", 4, "--contrast"),
    ],
)
def test_every_option_changes_the_candidates(project, words):
    lacss(project, "graphcut", "-o", "default")
    result = lacss(project, "graphcut", "-o", "other", *words)
    assert result.exit_code == 0, result.output
    a, b = (read_candidates(project / name / "a.tif") for name in ("default", "other"))
    assert a[1] != b[1] or (a[0] != b[0]).any()


@pytest.mark.parametrize(
    "words", [("--center", "mean"), ("--membrane", 1), ("--fiji-compat", "--contrast"), ("--tile", 10)]
)
def test_nonsense_is_a_usage_error(project, words):
    result = lacss(project, "graphcut", *words)
    assert result.exit_code == 2
    assert words[0] in result.output


def test_the_help_lists_every_setting():
    text = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["graphcut", "--help"]).output
    for option in ("contrast", "center", "intensity", "log-strength", "membrane", "polarity", "fiji-compat", "tile"):
        assert f"--{option}" in text
    assert "0.2; with --fiji-compat 5" in text
