"""Names that people really have: endings in capitals, letters that macOS takes apart, bytes that are no text."""

import json
import os
import unicodedata

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.cli import app
from lacss_tools.io.candidates import read_cut_notes
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_mask, write_labels
from lacss_tools.train.folders import fingerprint

COMPOSED = "Zelle_\u00e4"
APART = unicodedata.normalize("NFD", COMPOSED)
LATIN_1 = os.fsdecode(b"Zelle_\xe4")
"""as unpacked from an old archive; its stem is written Zelle_%E4"""
DARK = ("--method", "dog")
"""finds points in a moment"""


def lacss(project, *arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "--project", str(project)])


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def make(folder, *stems, suffix=".tif"):
    """Write an image of two cells, or of their nuclei, for each stem; its own number is its upper left pixel."""
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[:48, :64]
    for number, stem in enumerate(stems, start=1):
        radius = 4 if folder.name == "dapi" else 9
        image = sum(np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / radius**2) for cy, cx in ((20, 16), (26, 46)))
        image[0, 0] = number / 50
        tifffile.imwrite(folder / f"{stem}{suffix}", (image * 900 + 50).astype(np.uint16))


@pytest.fixture
def annotated(tmp_path):
    """A project of two images up to their candidates."""
    for folder in ("images", "dapi"):
        make(tmp_path / folder, "A", "B")
    for line in (("annotate-lois", *DARK), ("graphcut",)):
        assert lacss(tmp_path, *line).exit_code == 0
    return tmp_path


def test_a_mask_in_capitals_made_by_hand_is_the_mask_of_its_image(annotated):
    own = np.zeros((48, 64), np.uint8)
    own[10:30, 5:50] = 255
    (annotated / "masks").mkdir()
    tifffile.imwrite(annotated / "masks" / "A.TIF", own)
    assert "1 written, 1 were done already" in lacss(annotated, "pick", "--auto").stderr
    assert names(annotated / "masks") == ["A.TIF", "B.tif", "picks.csv"]
    again = lacss(annotated, "pick", "--auto", "--overwrite")
    assert "1 written, 1 were done already" in again.stderr
    np.testing.assert_array_equal(read_mask(annotated / "masks" / "A.TIF"), own > 0)
    checked = json.loads(lacss(annotated, "check", "--json").stdout)
    assert [(one["stem"], one["mask_from"]) for one in checked["images"]] == [("A", "own"), ("B", "automatic")]


def test_tables_in_capitals_are_read_and_not_written_beside(annotated):
    for stem in "AB":
        (annotated / "lois" / f"{stem}.csv").rename(annotated / "lois" / f"{stem}.CSV")
    assert "2 of them with LOIs" in lacss(annotated, "pick", "--auto").stderr
    assert json.loads(lacss(annotated, "check", "--json").stdout)["n_lois"] == 4
    assert "0 written, 2 were done already" in lacss(annotated, "annotate-lois", *DARK).stderr
    assert "2 written" in lacss(annotated, "annotate-lois", *DARK, "--overwrite").stderr
    assert names(annotated / "lois") == ["A.CSV", "B.CSV", "annotate-lois.toml"]
    assert lacss(annotated, "graphcut", "--overwrite").exit_code == 0
    assert read_cut_notes(annotated / "candidates" / "A.tif").nuclei == 2


def test_composed_letters_and_letters_taken_apart_are_one_name(tmp_path):
    make(tmp_path / "images", COMPOSED)
    make(tmp_path / "dapi", APART)
    for line in (("annotate-lois", *DARK), ("graphcut",), ("pick", "--auto")):
        assert lacss(tmp_path, *line).exit_code == 0
    assert names(tmp_path / "lois") == [f"{COMPOSED}.csv", "annotate-lois.toml"]
    assert list(read_picks(tmp_path / "masks" / "picks.csv")) == [COMPOSED]
    labels = np.zeros((48, 64), np.int32)
    labels[10:30, 5:25] = 1
    for folder in ("labels", "found"):
        write_labels(tmp_path / folder / f"{APART if folder == 'labels' else COMPOSED}.tif", labels)
    (tmp_path / "wells.csv").write_text(f"image,well\n{APART}.ome.tif,W7\n", encoding="utf-8")
    (tmp_path / "ambiguous.json").write_text(json.dumps({APART: [1]}))
    tables = ("--group-table", "wells.csv", "--group-column", "well", "--ambiguous", "ambiguous.json")
    result = lacss(tmp_path, "eval", "found", "--labels", "labels", *tables, "-o", "report", "--json")
    assert result.exit_code == 0, result.output
    assert (json.loads(result.stdout)["ap50"], "W7" in result.stdout) == (1.0, True)


def test_the_journal_of_a_mac_is_that_of_the_same_images(tmp_path):
    row = "{},2,0.3,person,2026-01-01T00:00:00.000+00:00,\n"
    (tmp_path / "picks.csv").write_text("stem,choice,threshold,by,time,edited\n" + row.format(APART), encoding="utf-8")
    assert list(read_picks(tmp_path / "picks.csv")) == [COMPOSED]


def test_a_name_that_is_no_text_goes_through_every_step(tmp_path):
    try:
        make(tmp_path / "images", "a", LATIN_1)
    except OSError:
        pytest.skip("this disk takes text alone")
    make(tmp_path / "dapi", "a", LATIN_1)
    for line in (("annotate-lois", *DARK), ("graphcut",), ("pick", "--auto"), ("check",)):
        result = lacss(tmp_path, *line)
        assert result.exit_code == 0, result.output
    assert names(tmp_path / "lois") == ["Zelle_%E4.csv", "a.csv", "annotate-lois.toml"]
    assert list(read_picks(tmp_path / "masks" / "picks.csv")) == ["Zelle_%E4", "a"]
    assert len(read_lois(tmp_path / "lois" / "Zelle_%E4.csv")[0]) == 2
    assert len(fingerprint(list((tmp_path / "images").iterdir()))) == 16  # what training begins with
    (tmp_path / "images" / f"{LATIN_1}.tif").write_bytes(b"damaged")
    damaged = lacss(tmp_path, "check")
    assert damaged.exit_code == 4
    assert "Zelle_%E4" in (tmp_path / "check" / "check.json").read_text(encoding="utf-8")


def test_names_that_differ_by_channel_are_told_how_to_pair_and_then_do(tmp_path, monkeypatch):
    make(tmp_path / "images", "s0_w2", "s1_w2")
    make(tmp_path / "dapi", "s0_w1", "s1_w1")
    told = "They pair with --pattern '{stem}_w1,{stem}_w2'."
    assert told in lacss(tmp_path, "annotate-lois", *DARK).stderr
    assert f"0 of 2 images have nuclei in {tmp_path / 'lois'}. {told}" in lacss(tmp_path, "graphcut").stderr
    assert f"no image has any. {told}" in lacss(tmp_path, "pick", "--auto").stderr
    assert lacss(tmp_path, "check").stderr.count(told) == 3  # tables, DAPI images, what is without an image
    # what was made before has its place, and the next step needs nothing else
    pattern = ("--pattern", "{stem}_w1,{stem}_w2")
    assert "2 were done already" in lacss(tmp_path, "annotate-lois", *DARK, *pattern).stderr
    assert "2 of 2 images have nuclei" in lacss(tmp_path, "graphcut", *pattern, "-o", "again").stderr
    assert names(tmp_path / "again") == ["graphcut.toml", "nuclei.csv", "s0.tif", "s1.tif"]
    monkeypatch.setenv("LACSS_PATTERN", pattern[1])
    picked = lacss(tmp_path, "pick", "--auto", "--candidates", "again")
    assert "2 paired by stem; 2 of them with LOIs" in picked.stderr
    assert names(tmp_path / "masks") == ["picks.csv", "s0.tif", "s1.tif"]
    checked = json.loads(lacss(tmp_path, "check", "--json").stdout)
    assert (checked["n_images"], checked["missing"]["lois"], checked["missing"]["dapi"]) == (2, [], [])
    assert lacss(tmp_path, "check", "--pattern", "_w1").exit_code == 2


def test_two_channels_in_one_folder_are_told_apart_by_a_pattern(tmp_path):
    make(tmp_path / "raw", "s0_w1", "s0_w2", "s1_w1", "s1_w2")
    told = "They are of 2 stains, by their names. Name the one to use: --pattern '{stem}_w1' or '{stem}_w2'."
    for command in (("annotate-lois", "raw", *DARK, "-o", "all"), ("graphcut", "raw", "-o", "cut")):
        assert told in lacss(tmp_path, *command).stderr
    nuclei = lacss(tmp_path, "annotate-lois", "raw", *DARK, "--pattern", "{stem}_w1").stderr
    assert "2 written" in nuclei
    assert "stains" not in nuclei
    assert names(tmp_path / "lois") == ["annotate-lois.toml", "s0.csv", "s1.csv"]
    assert "2 of 2 images have nuclei" in lacss(tmp_path, "graphcut", "raw", "--pattern", "{stem}_w2").stderr
