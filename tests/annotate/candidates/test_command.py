import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.annotate.candidates.candidates import make_candidates
from lacss_tools.annotate.candidates.settings import CutSettings, cut_settings_from_text
from lacss_tools.cli import app
from lacss_tools.io.candidates import read_candidates, read_cut_notes
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_image, write_labels
from lacss_tools.io.settings import read_toml


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
    assert "1 inverted, cells darker than background (else set --polarity to bright): dark" in result.stderr
    notes = {stem: read_cut_notes(project / "candidates" / f"{stem}.tif") for stem in ("a", "b", "dark")}
    assert [note.dark for note in notes.values()] == [False, False, True]
    assert notes["a"].seam is None
    assert cut_settings_from_text(notes["a"].settings) == CutSettings(seeds=False)


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


# ---- nuclei inside the cut ------------------------------------------------------------------------------------------

HOLLOW_CELLS = [(40.0, 40.0), (45.0, 120.0), (130.0, 60.0)]
OUTSIDE = (150.0, 150.0)


@pytest.fixture
def tissue(tmp_path):
    """Two images of cells with dark nuclei; LOIs of the first alone, one of them off the stain."""
    y, x = np.mgrid[:200, :200]
    image = np.full((200, 200), 200.0)
    for cy, cx in HOLLOW_CELLS:
        image[np.hypot(y - cy, x - cx) < 16] = 1500
        image[np.hypot(y - cy, x - cx) < 8] = 200
    (tmp_path / "images").mkdir()
    for stem in "ab":
        noise = np.random.default_rng(0).normal(0, 20, image.shape)
        tifffile.imwrite(tmp_path / "images" / f"{stem}.tif", (image + noise).clip(0).astype(np.uint16))
    write_lois(tmp_path / "lois" / "a.csv", np.array([*HOLLOW_CELLS, OUTSIDE]), np.ones(4))
    return tmp_path


def at_nuclei(project, stem):
    masks, _ = read_candidates(project / "candidates" / f"{stem}.tif")
    return [[bool(mask[int(y), int(x)]) for y, x in (*HOLLOW_CELLS, OUTSIDE)] for mask in masks]


def test_lois_of_the_project_are_inside_the_cut_and_unstained_ones_are_told(tissue):
    result = lacss(tissue, "graphcut")
    assert result.exit_code == 0, result.output
    assert f"1 of 2 images have nuclei in {tissue / 'lois'}" in result.stderr
    told = "3 of 4 nuclei lie in stain and inside every candidate, 1 (25 %) in unstained tissue: a 1 of 4"
    assert told in result.stderr
    assert at_nuclei(tissue, "a") == [[True, True, True, False]] * 5
    assert at_nuclei(tissue, "b") == [[False] * 4] * 5
    notes = [read_cut_notes(tissue / "candidates" / f"{stem}.tif") for stem in "ab"]
    assert [(note.seeds, note.nuclei, note.unstained) for note in notes] == [("lois", 4, 1), ("", 0, 0)]
    assert (tissue / "candidates" / "nuclei.csv").read_text() == "stem,from,nuclei,unstained\na,lois,4,1\n"
    facts = read_toml(tissue / "candidates" / "graphcut.toml")
    assert facts["graphcut"]["seeds"] is True
    assert facts["data"] == {name: f"../{name}" for name in ("images", "lois")}
    assert "cut with other nuclei" not in lacss(tissue, "graphcut").stderr
    write_lois(tissue / "lois" / "a.csv", np.array(HOLLOW_CELLS), np.ones(3))
    assert "1 were cut with other nuclei than now; --overwrite cuts again: a" in lacss(tissue, "graphcut").stderr


def test_nucleus_labels_win_over_lois(tissue):
    y, x = np.mgrid[:200, :200]
    labels = sum(k * (np.hypot(y - cy, x - cx) < 8) for k, (cy, cx) in enumerate(HOLLOW_CELLS[:2], 1))
    write_labels(tissue / "nuclei" / "b.tif", labels)
    result = lacss(tissue, "graphcut", "--lois", "lois", "--nuclei", "nuclei")
    assert result.exit_code == 0, result.output
    assert at_nuclei(tissue, "a") == [[True, True, True, False]] * 5
    assert at_nuclei(tissue, "b") == [[True, True, False, False]] * 5
    assert read_cut_notes(tissue / "candidates" / "b.tif").seeds == "nuclei"
    write_labels(tissue / "nuclei" / "b.tif", labels[:100])
    result = lacss(tissue, "graphcut", "--nuclei", "nuclei", "--overwrite")
    assert result.exit_code == 4
    assert "b.tif is (100, 200) pixels" in result.stderr


def test_a_folder_without_nuclei_is_no_source_of_them(tissue):
    (tissue / "nuclei").mkdir()
    for name in (".hidden.tif", "annotate-lois.toml"):
        (tissue / "nuclei" / name).write_text("")
    (tissue / "lois" / "a.csv").rename(tissue / "lois" / ".a.csv")
    result = lacss(tissue, "graphcut")
    assert result.exit_code == 0, result.output
    assert "have nuclei in" not in result.stderr


def test_without_seeds_candidates_are_as_if_there_were_no_nuclei(tissue):
    assert lacss(tissue, "graphcut", "--no-seeds").exit_code == 0
    masks, _ = read_candidates(tissue / "candidates" / "a.tif")
    plain, _ = make_candidates(read_image(tissue / "images" / "a.tif"), CutSettings())
    assert (masks == plain).all()
    assert not (tissue / "candidates" / "nuclei.csv").exists()
    assert "other seeds (false), lois (none)" in lacss(tissue, "graphcut").stderr


@pytest.mark.parametrize("words", [("--no-seeds",), ("--fiji-compat",)])
def test_named_nuclei_that_would_not_count_are_refused(tissue, words):
    result = lacss(tissue, "graphcut", "--lois", "lois", *words)
    assert result.exit_code == 2
    assert "--lois and --nuclei are of no use" in result.stderr


def test_candidates_of_an_earlier_version_are_kept_without_a_word(tissue):
    (tissue / "lois" / "a.csv").unlink()
    assert lacss(tissue, "graphcut").exit_code == 0
    record = tissue / "candidates" / "graphcut.toml"
    record.write_text(record.read_text().replace("seeds = false\n", ""))
    assert "other settings" not in lacss(tissue, "graphcut").stderr
