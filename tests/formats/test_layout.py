"""Annotation beside its pictures, as other tools save it: what is a cell, what a picture, and which image is meant."""

import json

import numpy as np
import pytest
import roifile
import tifffile
from typer.testing import CliRunner

from lacss_tools.cells import cells_from_labels
from lacss_tools.cli import app
from lacss_tools.formats.geojson import write_geojson
from lacss_tools.formats.layout import Clues
from lacss_tools.formats.rois import write_rois
from lacss_tools.formats.sources import open_source
from lacss_tools.io.native import read_labels, write_labels, write_png

LABELS = np.zeros((40, 50), np.int32)
LABELS[2:12, 3:15], LABELS[15:30, 20:40] = 1, 2
PICTURE = np.random.default_rng(0).integers(0, 255, LABELS.shape).astype(np.uint8)
CELLS, NUMBERS = cells_from_labels(LABELS), np.array([1, 2])


def save(path):
    """Write the two cells in the format that the name of a file says."""
    path.parent.mkdir(exist_ok=True)
    name = path.name
    if name.endswith(".zip"):
        write_rois(path, CELLS, NUMBERS)
    elif name.endswith(".geojson"):
        write_geojson(path, CELLS, NUMBERS)
    elif name.endswith(".png"):
        write_png(path, LABELS.astype(np.uint8))
    elif name.endswith(".npy"):
        np.save(path, {"masks": LABELS.astype(np.uint16)})
    else:
        write_labels(path, LABELS)


def lacss(project, command, *arguments):
    return CliRunner().invoke(app, [command, *map(str, arguments), "--project", str(project)])


@pytest.fixture
def project(tmp_path):
    for folder in ("images", "data"):
        (tmp_path / folder).mkdir()
        for name in ("A.tif", "B.tif"):
            tifffile.imwrite(tmp_path / folder / name, PICTURE)
    return tmp_path


NAMES = ["A.zip", "A_rois.zip", "A.geojson", "A_masks.tif", "A_mask.png", "A_cp_masks.tif", "A_label.tif", "A_seg.npy"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_not_taken_for_its_annotation(project, name):
    save(project / "data" / name)
    result = lacss(project, "convert", "data", "--images", "data")
    assert result.exit_code == 0, result.output
    assert "cells of 1 images" in result.stderr
    assert f"without annotation, passed over: {project / 'data' / 'B.tif'}" in result.stderr
    assert (read_labels(project / "labels" / "A.tif") == LABELS).all()
    assert [path.name for path in (project / "lois").iterdir()] == ["A.csv"]


def test_predictions_in_several_formats_are_label_images(project):
    for name in ("A.tif", "A.zip", "A.geojson"):
        save(project / "found" / name)
    assert open_source(project / "found").kind == "label images"


def test_a_picture_beside_coco_of_all_is_not_its_annotation(project):
    save(project / "cells" / "A.tif")
    assert lacss(project, "convert", "cells", "--to", "coco", "-o", "c").exit_code == 0
    (project / "c" / "coco.json").rename(project / "data" / "coco.json")
    assert open_source(project / "data").kind == "COCO json"


def test_pictures_alone_are_refused(project):
    result = lacss(project, "convert", "data")
    assert result.exit_code == 3
    assert "A.tif is a picture or probabilities" in result.stderr
    assert not (project / "labels").exists()


def test_eval_takes_the_annotation_beside_the_picture(project):
    save(project / "data" / "A_rois.zip")
    save(project / "found" / "A_pred.tif")
    result = lacss(project, "eval", "found/A_pred.tif", "--images", "data", "--labels", "data")
    assert "truth: ImageJ ROIs, 1 paired by stem" in result.stderr
    assert "They pair with --pattern '{stem}_pred'" in result.stderr
    (project / "found" / "A_pred.tif").rename(project / "found" / "A_cp_masks.tif")
    result = lacss(project, "eval", "found", "--images", "data", "--labels", "data", "--json")
    assert (result.exit_code, json.loads(result.stdout)["n_truth"]) == (0, 2)


def test_any_other_suffix_can_be_said(project):
    save(project / "data" / "A_outlines.tif")
    result = lacss(project, "convert", "data", "--suffix", "_outlines")
    assert result.exit_code == 0, result.output
    assert (read_labels(project / "labels" / "A.tif") == LABELS).all()


def test_a_suffix_that_belongs_to_the_image_stays(tmp_path):
    for name in ("A_mask.tif", "B_mask.tif"):
        save(tmp_path / "l" / name)
    assert list(open_source(tmp_path / "l").files) == ["A", "B"]
    assert list(open_source(tmp_path / "l", Clues(("A_mask", "B_mask"))).files) == ["A_mask", "B_mask"]


def test_a_roi_set_without_the_name_of_its_image(project):
    save(project / "RoiSet.zip")
    several = lacss(project, "convert", "RoiSet.zip")
    assert several.exit_code == 3
    assert "with one that is called RoiSet" in several.stderr
    (project / "images" / "B.tif").unlink()
    assert lacss(project, "convert", "RoiSet.zip").exit_code == 0
    assert (read_labels(project / "labels" / "A.tif") == LABELS).all()


SCORES, PLACES, OWN = np.array([0.25, 0.75]), np.array([[3.5, 4.25], [29.0, 39.0]]), np.array([7, 300])


@pytest.mark.parametrize("kind", ["labels", "roi", "geojson", "coco"])
def test_scores_numbers_and_locations_survive(tmp_path, kind):
    """Predictions to one format and from it to all: what both hold is the same."""
    write_labels(tmp_path / "predictions" / "A.tif", np.array([0, 7, 300])[LABELS])
    rows = [f"{n},{y},{x},{s}" for n, (y, x), s in zip(OWN, PLACES, SCORES, strict=True)]
    (tmp_path / "predictions" / "A.csv").write_text("\n".join(["label,loi_y,loi_x,score", *rows]))
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "A.tif", PICTURE)
    assert lacss(tmp_path, "convert", "predictions", "--to", f"{kind},csv", "-o", "one").exit_code == 0
    lines = [line.split(",") for line in (tmp_path / "one" / "A.csv").read_text().split()]
    assert [dict(zip(lines[0], line, strict=True))["loi_x"] for line in lines[1:]] == ["4.25", "39.0"]
    if kind != "labels":
        (tmp_path / "one" / "A.csv").unlink()
    assert lacss(tmp_path, "convert", "one", "--to", "labels,csv,roi,geojson,coco", "-o", "all").exit_code == 0
    assert (read_labels(tmp_path / "all" / "A.tif") == np.array([0, 7, 300])[LABELS]).all()
    for file in ("A.json", "A.geojson", "A.zip"):
        place = tmp_path / "only" / file
        place.parent.mkdir(exist_ok=True)
        (tmp_path / "all" / file).rename(place)
        source = open_source(place, Clues(("A",)))
        found = source.outlines("A", LABELS.shape)
        assert found.numbers.tolist() == OWN.tolist()
        assert found.cells.scores.tolist() == SCORES.tolist()
    table = [line.split(",") for line in (tmp_path / "all" / "A.csv").read_text().split()]
    label, score = table[0].index("label"), table[0].index("score")
    assert [(line[label], line[score]) for line in table[1:]] == [("7", "0.25"), ("300", "0.75")]
    assert len(roifile.roiread(tmp_path / "only" / "A.zip")) == 2
