"""Both stains in one file, several images in one file: said once, every command gives what it gives for plain files."""

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.annotate.pick.page.shelf import Shelf
from lacss_tools.annotate.pick.session import open_session
from lacss_tools.cli import app
from lacss_tools.io.native import read_labels
from lacss_tools.io.project import Project
from lacss_tools.io.stains import stains
from lacss_tools.network.weights import read_header
from lacss_tools.train.checkpoint import read_config
from tests.made_up import made_up_image, nuclei

CPU = ("--device", "cpu")
QUICK = ("train", "--batch", 1, "--crop", 64, "--steps", 1, *CPU)
PAPER = ("--sigma", "2.5", "3")
SIZE, IMAGES = 80, 2


def done(project, *words):
    result = CliRunner().invoke(app, [*map(str, words), "--project", str(project)])
    assert result.exit_code == 0, result.output
    return result.stderr


def refused(project, *words):
    result = CliRunner().invoke(app, [*map(str, words), "--project", str(project)])
    assert result.exit_code == 3, result.output
    return result.stderr


def field(seed):
    """Return the nuclei and the cells of an image."""
    image, _, lois = made_up_image(seed, SIZE)
    return nuclei(lois, SIZE).astype(np.uint16), (image[0] * 1000).clip(0).astype(np.uint16)


FIELDS = [field(seed) for seed in range(IMAGES)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A project of plain files, annotated; nothing of it changes."""
    project = tmp_path_factory.mktemp("plain")
    for folder in ("images", "dapi"):
        (project / folder).mkdir(parents=True)
    for k, (dapi, cells) in enumerate(FIELDS):
        tifffile.imwrite(project / "images" / f"p_{k}.tif", cells)
        tifffile.imwrite(project / "dapi" / f"p_{k}.tif", dapi)
    for words in (("annotate-lois", *PAPER), ("graphcut",), ("pick", "--auto"), ("check",)):
        done(project, *words)
    return project


def same_annotation(one, other, stems):
    for stem in stems:
        for name in (f"lois/{stem}.csv", f"candidates/{stem}.tif", f"masks/{stem}.tif"):
            if name.endswith("csv"):
                assert (one / name).read_text() == (other / name).read_text()
            else:
                assert (tifffile.imread(one / name) == tifffile.imread(other / name)).all()
    checks = [json.loads((project / "check" / "check.json").read_text()) for project in (one, other)]
    assert checks[0]["images"] == checks[1]["images"]
    assert checks[0]["nucleus_diameter"] == checks[1]["nucleus_diameter"]
    assert not checks[0]["failed"]


@pytest.fixture
def both(tmp_path):
    """The same, with both stains in one file."""
    (tmp_path / "both" / "images").mkdir(parents=True)
    for k, two in enumerate(FIELDS):
        metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
        tifffile.imwrite(tmp_path / "both" / "images" / f"p_{k}.ome.tif", np.stack(two), metadata=metadata)
    return tmp_path / "both"


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_the_channel_of_the_nuclei_is_said_once(plain, both):
    assert f"If {both / 'images'} shows the nuclei too, give that folder and the --channel." in refused(
        both, "annotate-lois"
    )
    assert "has 2 channels where one grey channel is needed" in refused(
        both, "annotate-lois", "images", "--method", "pieces"
    )
    assert not (both / "lois").exists()
    done(both, "annotate-lois", "images", "--channel", "DAPI", *PAPER)
    said = done(both, "graphcut")
    assert (
        "p_0.ome.tif has 2 channels (DAPI, GFP): all but that of the nuclei, DAPI, are cut. --channel names one" in said
    )
    for words in (("pick", "--auto"), ("check",)):
        done(both, *words)
    same_annotation(plain, both, [f"p_{k}" for k in range(IMAGES)])
    assert "as annotated: nuclei_channel DAPI" in done(both, *QUICK)
    told = read_header(both / "runs" / "first")
    assert (told.model.channels, told.model.nuclei, told.nuclei_channel) == (2, 1, "DAPI")
    settings, _ = read_config(both / "runs" / "first")
    assert (settings.channel, settings.nuclei_channel) == (None, "DAPI")
    said = done(both, "predict", "runs/first", "images", "--min-score", 0.01, *CPU)
    assert "with nuclei from channel DAPI" in said


def test_the_page_shows_the_channel_of_the_nuclei_beside_the_cells(plain, both):
    done(both, "annotate-lois", "images", "--channel", "0", *PAPER)
    done(both, "graphcut")
    shown = []
    for project in (plain, both):
        home = Project(project)
        cells, dapi, light = stains(home, home.images, home.lois, home.candidates)
        shelf = Shelf(open_session(home.images, home.candidates, home.lois, home.masks, dapi, cells, light))
        shown.append((shelf.image(0).pixels, shelf.dapi(0), shelf.thumbnail(0)))
    assert shown[0] == shown[1]


def test_channels_that_are_named_win_over_what_is_remembered(plain, both):
    done(both, "annotate-lois", "images", "--channel", "DAPI", *PAPER)
    assert "are cut" not in done(both, "graphcut", "--channel", "GFP")
    (both / "candidates" / "graphcut.toml").unlink()
    (both / "lois" / "annotate-lois.toml").unlink()  # nothing is remembered
    words = ("--channel", "GFP", "--dapi", "images", "--dapi-channel", "DAPI")
    done(both, "pick", "--auto", *words)
    done(both, "check", *words)
    same_annotation(plain, both, [f"p_{k}" for k in range(IMAGES)])


def test_a_nucleus_image_of_two_channels_is_asked_about(plain, both):
    (both / "lois").symlink_to(plain / "lois")
    result = CliRunner().invoke(app, ["check", "--dapi", "images", "--project", str(both), "-o", "report"])
    assert "2 channels where one grey channel is needed. Name the --dapi-channel to use." in result.stderr


def test_all_channels_that_are_cut_together_are_named(both):
    said = done(both, "graphcut")
    assert "p_0.ome.tif has 2 channels (DAPI, GFP): all 2 together, are cut. --channel names one" in said


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_channels_in_files_of_their_own_are_those_of_one_image(plain, tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    for k, two in enumerate(FIELDS):
        for number, pixels in enumerate(two, 1):
            tifffile.imwrite(tmp_path / "raw" / f"p_{k}_w{number}.tif", pixels)
    monkeypatch.setenv("LACSS_PATTERN", "{stem}_w{channel}")
    done(tmp_path, "annotate-lois", "raw", "--channel", "w1", *PAPER)
    said = done(tmp_path, "graphcut", "raw")
    assert "p_0_{w1|w2}.tif has 2 channels (w1, w2): all but that of the nuclei, w1, are cut." in said
    done(tmp_path, "pick", "--auto", "--images", "raw")
    done(tmp_path, "check", "--images", "raw")
    same_annotation(plain, tmp_path, [f"p_{k}" for k in range(IMAGES)])
    assert "as annotated: nuclei_channel w1" in done(tmp_path, *QUICK, "--images", "raw")
    said = done(tmp_path, "predict", "runs/first", "raw", "--format", "coco", "--min-score", 0.01, "--workers", 2, *CPU)
    assert "with nuclei from channel w1" in said
    named = json.loads((tmp_path / "predictions" / "coco.json").read_text())["images"]
    assert [image["file_name"] for image in named] == ["p_0.tif", "p_1.tif"]
    (tmp_path / "raw" / "p_1_w2.tif").unlink()
    assert "lacks channel w2 of 'p_1'" in refused(tmp_path, "graphcut", "raw", "-o", "other")


@pytest.fixture
def plate(tmp_path):
    """The same, with all images of a stain in one file."""
    for folder, stain in (("dapi", 0), ("images", 1)):
        (tmp_path / "plate" / folder).mkdir(parents=True)
        with tifffile.TiffWriter(tmp_path / "plate" / folder / "p.ome.tif", ome=True) as tiff:
            for k, two in enumerate(FIELDS):
                tiff.write(two[stain], metadata={"axes": "YX", "Name": str(k)}, compression="zlib")
    return tmp_path / "plate"


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_all_scenes_of_a_file_are_images_of_their_own(plain, plate):
    assert "p.ome.tif holds 2 scenes, 0 0, 1 1: which one is meant? Name it as --scene, or all." in refused(
        plate, "annotate-lois", *PAPER
    )
    done(plate, "annotate-lois", "--scene", "all", *PAPER)
    for words in (("graphcut",), ("pick", "--auto"), ("check",)):
        done(plate, *words)
    same_annotation(plain, plate, [f"p_{k}" for k in range(IMAGES)])
    assert "as annotated: scene all" in done(plate, *QUICK)
    for folder, words in ((plain, ()), (plate, ("--scene", "all"))):
        where = (folder / "images", "-o", f"of_{folder.name}", *words)
        how = ("--nuclei", "none", "--min-score", 0.01, "--format", "labels,coco")
        done(plate, "predict", "runs/first", *where, *how, *CPU)
    named = json.loads((plate / "of_plate" / "coco.json").read_text())["images"]
    assert [image["file_name"] for image in named] == ["p_0.tif", "p_1.tif"]
    for k in range(IMAGES):
        one, other = (read_labels(plate / f"of_{folder.name}" / f"p_{k}.tif") for folder in (plain, plate))
        assert (one == other).all()


def test_one_scene_keeps_the_name_of_its_file_and_is_not_mixed_with_another(plain, plate):
    done(plate, "annotate-lois", "--scene", "1", *PAPER)
    assert (plate / "lois" / "p.csv").read_text() == (plain / "lois" / "p_1.csv").read_text()
    assert "with other scene (1) than now" in refused(plate, "annotate-lois", "--scene", "0", *PAPER)
