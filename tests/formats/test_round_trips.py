"""Cells out and in again: the same pixels; and each file opened by somebody else's reader."""

import json

import numpy as np
import pytest
import roifile
import shapely
from pycocotools import mask as rle
from pycocotools.coco import COCO

from lacss_tools.cells import cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.formats.coco import read_coco, write_coco
from lacss_tools.formats.geojson import read_geojson, write_geojson
from lacss_tools.formats.rois import read_rois, write_rois
from lacss_tools.formats.sources import is_source, open_source
from lacss_tools.io.native import write_labels
from tests.made_up import full_masks, overlapping

SEEDS = range(25)


def write(kind, path, cells):
    if kind == "coco":
        write_coco(path, {"a": ("a.tif", cells, places(cells))})
    else:
        {"rois": write_rois, "geojson": write_geojson}[kind](path, cells, places(cells))


def places(cells):
    return np.arange(1, len(cells) + 1)


def read(kind, path, shape):
    if kind == "coco":
        return read_coco(path).cells("a")
    return {"rois": read_rois, "geojson": read_geojson}[kind](path, shape).cells


@pytest.mark.parametrize("kind", ["coco", "rois", "geojson"])
def test_overlapping_cells_with_holes_come_back_pixel_for_pixel(tmp_path, kind):
    for seed in SEEDS:
        cells = overlapping(np.random.default_rng(seed), (14, 17))
        path = tmp_path / f"{seed}{'.zip' if kind == 'rois' else '.json'}"
        write(kind, path, cells)
        back = read(kind, path, cells.shape)
        assert (full_masks(back) == full_masks(cells)).all()
        np.testing.assert_allclose(back.scores, cells.scores, rtol=1e-6)
        assert (back.areas() == cells.areas()).all()


@pytest.mark.parametrize("kind", ["coco", "rois", "geojson"])
def test_a_label_image_comes_back_with_its_numbers(tmp_path, kind):
    labels = np.zeros((30, 40), np.int32)
    labels[2:12, 3:9], labels[12:20, 3:30], labels[0:5, 20:40] = 1, 2, 3
    labels[15, 10] = 0
    path = tmp_path / ("a.zip" if kind == "rois" else "a.json")
    write(kind, path, cells_from_labels(labels))
    assert (cells_to_labels(read(kind, path, labels.shape)) == labels).all()


old_numpy = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own


@old_numpy
def test_pycocotools_reads_masks_boxes_areas_and_scores(tmp_path):
    cells = [overlapping(np.random.default_rng(seed), (14, 17)) for seed in SEEDS]
    write_coco(tmp_path / "c.json", {str(k): (f"{k}.tif", one, places(one)) for k, one in enumerate(cells)})
    coco = COCO(str(tmp_path / "c.json"))
    for k, one in enumerate(cells):
        found = coco.loadAnns(coco.getAnnIds(imgIds=[k + 1]))
        assert len(found) == len(one)
        for j, (annotation, mask) in enumerate(zip(found, full_masks(one), strict=True)):
            assert (coco.annToMask(annotation).astype(bool) == mask).all()
            assert annotation["area"] == mask.sum() == rle.area(annotation["segmentation"])
            assert annotation["bbox"] == rle.toBbox(annotation["segmentation"]).tolist()
            assert annotation["score"] == one.scores[j]


def test_roifile_reads_simple_cells_as_traced_and_others_as_composites(tmp_path):
    labels = np.zeros((12, 12), np.int32)
    labels[1:4, 2:6] = 1
    labels[6:11, 6:11] = 2
    labels[8, 8] = 0
    write("rois", tmp_path / "r.zip", cells_from_labels(labels))
    simple, composite = roifile.roiread(tmp_path / "r.zip")
    assert (simple.roitype, simple.name) == (roifile.ROI_TYPE.TRACED, "0001")
    assert (simple.top, simple.left, simple.bottom, simple.right) == (1, 2, 4, 6)
    assert simple.coordinates().tolist() == [[2, 1], [6, 1], [6, 4], [2, 4]]
    assert simple.properties == {"score": "1"} or "score" in simple.props
    assert composite.composite
    assert len(composite.coordinates(multi=True)) == 2


def test_rectangles_ovals_and_polygons_drawn_in_fiji(tmp_path):
    kinds = roifile.ROI_TYPE
    box = {"top": 2, "left": 3, "bottom": 8, "right": 11}
    polygon = roifile.ImagejRoi.frompoints(np.array([[1.0, 1.0], [5.0, 1.0], [5.0, 4.0], [1.0, 4.0]]))
    square = roifile.ImagejRoi(roitype=kinds.RECT, name="r", **box)
    oval = roifile.ImagejRoi(roitype=kinds.OVAL, name="o", **box)
    rois = [square, oval, polygon, roifile.ImagejRoi(roitype=kinds.LINE, name="line", x2=5.0, y2=5.0)]
    roifile.roiwrite(tmp_path / "f.zip", rois)
    cells = read_rois(tmp_path / "f.zip", (20, 20)).cells
    assert len(cells) == 3  # a line is no area
    assert cells.boxes.tolist() == [[2, 3, 8, 11], [2, 3, 8, 11], [1, 1, 4, 5]]
    assert cells.areas()[0] == 48
    assert cells.areas()[1] == pytest.approx(np.pi * 3 * 4, rel=0.08)
    assert cells.areas()[2] == 12


def test_shapely_finds_every_geojson_polygon_valid(tmp_path):
    for seed in SEEDS:
        cells = overlapping(np.random.default_rng(seed), (14, 17))
        write("geojson", tmp_path / "g.geojson", cells)
        features = json.loads((tmp_path / "g.geojson").read_text())["features"]
        shapes = [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features]
        assert all(shapely.is_valid(shape) for shape in shapes)
        assert [shape.area for shape in shapes] == cells.areas().tolist()
        for shape, mask, feature in zip(shapes, full_masks(cells), features, strict=True):
            y, x = np.nonzero(mask)
            assert shape.bounds == (x.min(), y.min(), x.max() + 1, y.max() + 1)
            assert feature["properties"]["objectType"] == "detection"
            assert feature["properties"]["measurements"]["Area px^2"] == shape.area


def test_no_cells_are_a_valid_file_too(tmp_path):
    nothing = cells_from_labels(np.zeros((5, 5), np.int32))
    for kind, name in (("coco", "n.json"), ("rois", "n.zip"), ("geojson", "n.geojson")):
        write(kind, tmp_path / name, nothing)
        assert len(read(kind, tmp_path / name, (5, 5))) == 0


def coco_file(tmp_path, annotations, images=None):
    images = images or [{"id": 7, "file_name": "sub/a.tif", "height": 10, "width": 12}]
    annotations = [{"image_id": 7, "id": k, **a} for k, a in enumerate(annotations)]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path / "c.json"


SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


@old_numpy
def test_polygons_are_filled_as_coco_does(tmp_path):
    two = [[[0.4, 0.7, 6.2, 1.1, 3.3, 7.9]], [[0.4, 0.7, 6.2, 1.1, 3.3, 7.9], [8, 2, 11, 2, 11, 6]]]
    cells = read_coco(coco_file(tmp_path, [{"segmentation": s} for s in [*two, SQUARE]])).cells("a")
    coco = COCO(str(tmp_path / "c.json"))
    for mask, number in zip(full_masks(cells), range(3), strict=True):
        assert (coco.annToMask(coco.anns[number]).astype(bool) == mask).all()


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": [[50, 50, 60, 50, 60, 60]]}, r"a in .* has no cell .* without a pixel .*annotation 0\)"),
        ({"segmentation": [[1, 1]]}, r"annotation 0 \(no polygon of three points"),
        ({"segmentation": []}, r"cannot be read .* annotation 0 \(no segmentation"),
        ({"segmentation": [[1, 1, float("nan"), 5, 5, 5]]}, "not numbers"),
        ({"segmentation": [[1, 1, 1e12, 5, 5, 1e12]]}, "a border longer than the image has room for"),
        ({}, r"annotation 0 \(no segmentation"),
        ({"segmentation": SQUARE, "score": float("nan")}, "score nan"),
        ({"segmentation": {"size": [3, 3], "counts": [4, 5]}}, r"mask of \[3, 3\] pixels"),
        ({"segmentation": SQUARE, "image_id": 8}, "annotation of image 8, which it does not list"),
    ],
)
def test_bad_annotations_are_named(tmp_path, annotation, message):
    with pytest.raises(InputError, match=message):
        read_coco(coco_file(tmp_path, [annotation])).cells("a")


def test_ids_and_names_used_twice_are_named(tmp_path):
    image = {"id": 7, "file_name": "a.tif", "height": 10, "width": 12}
    with pytest.raises(InputError, match="two images for the id 7"):
        read_coco(coco_file(tmp_path, [], [image, {**image, "file_name": "b.tif"}]))
    with pytest.raises(InputError, match="the name a"):
        read_coco(coco_file(tmp_path, [], [image, {**image, "id": 8, "file_name": "other/a.tif"}]))


def test_a_list_of_results_takes_its_images_from_the_truth(tmp_path):
    truth = coco_file(tmp_path, [{"segmentation": SQUARE}])
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": 7, "segmentation": SQUARE, "score": 0.3, "category_id": 1}]))
    assert read_coco(results, truth).cells("a").scores.tolist() == [0.3]
    with pytest.raises(InputError, match="list of results"):
        read_coco(results)


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"images": []}', '{"images": [{}], "annotations": []}'])
def test_json_that_is_not_coco(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=r"x\.json"):
        open_source(tmp_path / "x.json")


def test_damaged_and_foreign_files_are_named(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"x\.zip cannot be read as ImageJ ROIs"):
        read_rois(tmp_path / "x.zip", (5, 5))
    (tmp_path / "x.geojson").write_text('{"features": 3}')
    with pytest.raises(InputError, match=r"x\.geojson cannot be read as GeoJSON"):
        read_geojson(tmp_path / "x.geojson", (5, 5))
    labels = np.ones((4, 4), np.int32)
    write("rois", tmp_path / "r.zip", cells_from_labels(np.pad(labels, ((20, 0), (20, 0)))))
    with pytest.raises(InputError, match=r"no cell with a pixel .* '0001'\). Is it of this image"):
        read_rois(tmp_path / "r.zip", (10, 10))


def test_what_a_folder_holds_is_recognised(tmp_path):
    labels = np.ones((4, 4), np.int32)
    write_labels(tmp_path / "l" / "a.tif", labels)
    write_labels(tmp_path / "cp" / "a_cp_masks.tif", labels)
    write_labels(tmp_path / "cp" / "a.tif", labels)
    (tmp_path / "r").mkdir()
    write("rois", tmp_path / "r" / "a.zip", cells_from_labels(labels))
    for folder, kind in (("l", "label images"), ("cp", "Cellpose masks"), ("r", "ImageJ ROIs")):
        source = open_source(tmp_path / folder)
        assert (source.kind, list(source.files)) == (kind, ["a"])
        assert len(source.cells("a", (4, 4))) == 1
        assert is_source(tmp_path / folder)
    with pytest.raises(InputError, match="Give the folder of the images"):
        open_source(tmp_path / "r").cells("a")
    write("rois", tmp_path / "r" / "a.roi.zip", cells_from_labels(labels))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no labels"):
        open_source(tmp_path / "empty")
