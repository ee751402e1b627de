import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from typer.testing import CliRunner

from lacss_tools.cells import cells_from_labels
from lacss_tools.cli import app
from lacss_tools.formats.coco import write_coco
from lacss_tools.formats.rois import write_rois
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels, read_mask, write_labels, write_mask

LABELS = np.zeros((40, 50), np.int32)
LABELS[2:12, 3:15], LABELS[15:30, 20:40], LABELS[30:36, 2:9] = 1, 2, 3


def convert(project, *arguments):
    return CliRunner().invoke(app, ["convert", *map(str, arguments), "--project", str(project)])


def square(y, x, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


@pytest.fixture
def coco(tmp_path):
    """A cell, the same outlined twice, a small cell inside a large one, and a second image."""
    images = [{"id": k, "file_name": f"{name}.tif", "height": 40, "width": 50} for k, name in ((1, "a"), (2, "b"))]
    shapes = [(1, square(2, 2, 10)), (1, square(2, 2, 10)), (1, square(15, 15, 20)), (1, square(20, 20, 6)),
              (2, square(5, 5, 8))]  # fmt: skip
    annotations = [{"id": k, "image_id": i, "segmentation": s} for k, (i, s) in enumerate(shapes)]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path / "c.json"


def test_coco_becomes_a_project_without_doubles_and_with_overlapping_cells(tmp_path, coco):
    result = convert(tmp_path, "c.json")
    assert result.exit_code == 0, result.output
    assert "COCO json: cells of 2 images" in result.stderr
    assert "1 outlines are duplicates" in result.stderr
    labels = read_labels(tmp_path / "labels" / "a.tif")
    assert {int(n): int((labels == n).sum()) for n in np.unique(labels)} == {0: 1500, 1: 100, 3: 400 - 36, 4: 36}
    points, _ = read_lois(tmp_path / "lois" / "a.csv")
    assert len(points) == 3
    assert (read_mask(tmp_path / "masks" / "a.tif") == (labels > 0)).all()
    assert "2 were done already" in convert(tmp_path, "c.json").stderr


def test_cellpose_masks_and_seg_files_become_projects(tmp_path):
    write_labels(tmp_path / "cp" / "a_cp_masks.tif", LABELS)
    tifffile.imwrite(tmp_path / "cp" / "a.tif", LABELS.astype(np.uint8))
    assert convert(tmp_path / "one", tmp_path / "cp").exit_code == 0
    (tmp_path / "seg").mkdir()
    np.save(tmp_path / "seg" / "a_seg.npy", {"masks": LABELS.astype(np.uint16)})
    assert convert(tmp_path / "two", tmp_path / "seg").exit_code == 0
    for project in ("one", "two"):
        assert (read_labels(tmp_path / project / "labels" / "a.tif") == LABELS).all()
        assert len(read_lois(tmp_path / project / "lois" / "a.csv")[0]) == 3


def test_rois_need_the_size_of_the_image(tmp_path):
    (tmp_path / "rois").mkdir()
    write_rois(tmp_path / "rois" / "a.zip", cells_from_labels(LABELS), np.array([1, 2, 3]))
    result = convert(tmp_path, "rois")
    assert result.exit_code == 3
    assert "Give the folder of the images (--images)" in result.stderr
    (tmp_path / "pictures").mkdir()
    tifffile.imwrite(tmp_path / "pictures" / "a.tif", LABELS.astype(np.uint8))
    result = convert(tmp_path, "rois", "--images", "pictures")
    assert result.exit_code == 0, result.output
    assert (read_labels(tmp_path / "labels" / "a.tif") == LABELS).all()


@pytest.mark.parametrize("inverted", [False, True])
def test_the_authors_train_json_with_upright_or_inverted_masks(tmp_path, inverted):
    source, project = tmp_path / "source", tmp_path / "project"
    source.mkdir()
    tifffile.imwrite(source / "a.tif", LABELS.astype(np.uint16) * 100)
    write_mask(source / "a_mask.tif", (LABELS > 0) != inverted)
    entry = {"img_id": 1, "image_file": "a.tif", "mask_file": "a_mask.tif", "locations": [[7, 9], [22, 30], [32.5, 5]]}
    (source / "train.json").write_text(json.dumps([entry]))
    result = convert(project, source / "train.json")
    assert result.exit_code == 0, result.output
    assert ("1 masks are white on background and are inverted" in result.stderr) == inverted
    assert (read_mask(project / "masks" / "a.tif") == (LABELS > 0)).all()
    assert read_lois(project / "lois" / "a.csv")[0].tolist() == entry["locations"]
    assert (tifffile.imread(project / "images" / "a.tif") == LABELS * 100).all()
    assert "1 were done already" in convert(project, source / "train.json").stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"locations": [[9, 7, 1]]}, "entry 1 lacks"),
        ({"locations": [[7, 49], [7, 50]]}, "1 locations lie outside"),
        ({"image_file": None}, "entry 1 lacks"),
        ({"mask_file": "none.tif"}, "none.tif does not exist"),
    ],
)
def test_bad_entries_of_a_train_json_are_named(tmp_path, change, message):
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.uint16))
    write_mask(tmp_path / "m.tif", LABELS > 0)
    entry = {"img_id": 1, "image_file": "a.tif", "mask_file": "m.tif", "locations": [[7, 9]], **change}
    (tmp_path / "train.json").write_text(json.dumps([entry]))
    result = convert(tmp_path / "p", tmp_path / "train.json")
    assert result.exit_code == 3
    assert message in result.stderr


@pytest.fixture
def labelled(tmp_path):
    for name in ("images", "found"):
        (tmp_path / name).mkdir()
    picture = np.stack([LABELS * 10, LABELS + 5]).astype(np.uint16)
    metadata = {"axes": "CYX", "Channel": {"Name": ["actin", "DAPI"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(tmp_path / "images" / "a.ome.tif", picture, metadata=metadata)
    write_labels(tmp_path / "found" / "a.tif", LABELS)
    return tmp_path


def test_labels_become_every_other_format_without_a_model(labelled):
    result = convert(labelled, "found", "--to", "labels,coco,roi,geojson,csv,contours", "-o", "out")
    assert result.exit_code == 0, result.output
    assert "label images: cells of 1 images, 1 with an image" in result.stderr
    out = labelled / "out"
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {
        "a.tif", "a.csv", "a.json", "coco.json", "a.zip", "a.geojson", "contours/a.png"
    }  # fmt: skip
    with tifffile.TiffFile(out / "a.tif") as tiff:
        assert (tiff.asarray() == LABELS).all()
        assert tiff.is_imagej
        assert tiff.imagej_metadata["unit"] == "um"
        top, bottom = tiff.pages[0].tags["XResolution"].value
        assert top / bottom == pytest.approx(2.0)  # pixels per micrometre
    assert len(roifile.roiread(out / "a.zip")) == 3
    assert json.loads((out / "coco.json").read_text())["images"][0]["file_name"] == "a.ome.tif"
    table = pd.read_csv(out / "a.csv")
    assert table["area"].tolist() == [120, 300, 42]
    assert table["area_um2"].tolist() == [30, 75, 10.5]
    assert table["mean_actin"].tolist() == [10, 20, 30]
    assert table["sum_DAPI"].tolist() == [6 * 120, 7 * 300, 8 * 42]
    assert table["std_actin"].tolist() == [0, 0, 0]
    assert (table["y_um"] == table["y"] / 2).all()
    assert table["circularity"].between(0, 1).all()
    assert "1 were done already" in convert(labelled, "found", "--to", "labels,coco", "-o", "out").stderr


def test_a_scene_of_a_file_is_measured(labelled):
    (labelled / "images" / "a.ome.tif").unlink()
    with tifffile.TiffWriter(labelled / "images" / "a.ome.tif", ome=True) as tiff:
        for k in range(2):
            tiff.write((LABELS * (10 + k)).astype(np.uint16), metadata={"axes": "YX", "Name": f"well {k}"})
    write_labels(labelled / "found" / "a_well_1.tif", LABELS)
    result = convert(labelled, "found", "--to", "csv,coco", "-o", "out", "--scene", "all")
    assert result.exit_code == 0, result.output
    assert "cells of 2 images, 1 with an image" in result.stderr
    assert pd.read_csv(labelled / "out" / "a_well_1.csv")["mean_0"].tolist() == [11, 22, 33]
    assert json.loads((labelled / "out" / "a_well_1.json").read_text())["images"][0]["file_name"] == "a_well_1.tif"


def test_labels_of_a_project_under_another_name_are_told(labelled):
    write_labels(labelled / "labels" / "a_masks.tif", LABELS)
    told = convert(labelled, "labels").stderr
    assert "1 keep their names, by which no labels are found: call a_masks.tif a.tif" in " ".join(told.split())


def test_outputs_come_back_as_the_labels_they_were(labelled):
    assert convert(labelled, "found", "--to", "coco,roi,geojson", "-o", "out").exit_code == 0
    for name, pattern in (("coco", "coco.json"), ("roi", "a.zip"), ("geo", "a.geojson")):
        (labelled / name).mkdir()
        (labelled / "out" / pattern).rename(labelled / name / pattern)
        source = labelled / name / (pattern if name == "coco" else "")
        result = convert(labelled / f"back_{name}", source, "--images", labelled / "images")
        assert result.exit_code == 0, result.output
        assert (read_labels(labelled / f"back_{name}" / "labels" / "a.tif") == LABELS).all()


def test_coco_of_all_images_numbers_anew(labelled):
    write_labels(labelled / "found" / "b.tif", LABELS[::-1].copy())
    assert convert(labelled, "found", "--to", "coco", "-o", "out").exit_code == 0
    data = json.loads((labelled / "out" / "coco.json").read_text())
    assert [image["id"] for image in data["images"]] == [1, 2]
    assert [a["id"] for a in data["annotations"]] == list(range(1, 7))
    assert [a["image_id"] for a in data["annotations"]] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["found", "--to", "xml"], 2, "no format called 'xml'"),
        (["found", "--to", ","], 2, "no format in the list"),
        (["found", "-o", "out"], 2, "-o goes with --to"),
        (["found", "--to", "csv", "-o", "found"], 3, "both input and output"),
        (["nowhere"], 3, "nowhere does not exist"),
        (["found", "--to", "csv", "--images", "nowhere"], 3, "nowhere does not exist"),
    ],
)
def test_wrong_calls_are_explained(labelled, arguments, code, message):
    result = convert(labelled, *arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_bad_labels_are_named_and_the_rest_is_written(labelled):
    bad = {"f.tif": LABELS / np.float32(2), "n.tif": LABELS.astype(np.int16) - 1, "rgb.tif": None, "e.tif": LABELS * 0}
    bad["m.tif"] = np.where(LABELS > 1, LABELS, -1).astype(np.int32)
    for name, pixels in bad.items():
        if pixels is None:
            pixels = np.stack([LABELS, LABELS + 1, LABELS], -1).astype(np.uint8)
        tifffile.imwrite(labelled / "found" / name, pixels, photometric="rgb" if name == "rgb.tif" else "minisblack")
    result = convert(labelled, "found")
    assert result.exit_code == 4
    for text in (
        "f.tif holds fractions",
        "n.tif holds both labels 1 and -1",
        "m.tif holds -1 and no 0",
        "rgb.tif has 3 channels",
        "e.tif holds no cell",
    ):
        assert text in result.stderr
    assert [path.name for path in (labelled / "labels").iterdir()] == ["a.tif"]


def test_coco_scores_survive(tmp_path):
    cells = cells_from_labels(LABELS)
    scored = type(cells)(cells.shape, np.array([0.5, 0.25, 1.0]), cells.locations, cells.boxes, cells.crops)
    write_coco(tmp_path / "s.json", {"a": ("a.tif", scored, np.array([1, 2, 3]))})
    assert convert(tmp_path, "s.json", "--to", "roi,csv", "-o", "out").exit_code == 0
    assert pd.read_csv(tmp_path / "out" / "a.csv")["score"].tolist() == [0.5, 0.25, 1.0]
    with zipfile.ZipFile(tmp_path / "out" / "a.zip") as archive:
        assert archive.namelist() == ["0001.roi", "0002.roi", "0003.roi"]


def test_a_folder_of_coco_alone_is_a_source(labelled):
    assert convert(labelled, "found", "--to", "coco", "-o", "out").exit_code == 0
    result = convert(labelled / "again", labelled / "out")
    assert result.exit_code == 0, result.output
    assert "COCO json: cells of 1 images" in result.stderr
    assert (read_labels(labelled / "again" / "labels" / "a.tif") == LABELS).all()
