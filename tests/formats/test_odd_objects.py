"""Objects of GeoJSON, ImageJ and COCO that are no cells, or are written in another way: areas counted by hand."""

import json
from collections import Counter

import numpy as np
import pytest
import roifile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.formats.coco import read_coco
from lacss_tools.formats.geojson import read_geojson
from lacss_tools.formats.rois import read_rois

SHAPE = (60, 80)


def areas(outlines):
    return outlines.cells.areas().tolist(), dict(Counter(one.what for one in outlines.passed_over))


# ---- GeoJSON --------------------------------------------------------------------------------------------------------


def box(top, left, bottom, right):
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry, kind="detection", **properties):
    return {"type": "Feature", "geometry": geometry, "properties": {"objectType": kind, **properties}}


TEN, HOLED = feature(polygon(box(1, 1, 11, 11))), feature(polygon(box(20, 20, 40, 40), box(25, 25, 35, 35)))
REGION = polygon(box(0, 0, 60, 80))
WITHOUT, DAMAGED = "without a pixel in the image", "that cannot be read"


@pytest.mark.parametrize(
    ("more", "cells", "passed_over"),
    [
        (feature(REGION, "annotation", name="Region 1"), [], {"regions": 1}),
        (feature(REGION, classification={"name": "Region*"}), [], {"regions": 1}),
        (feature({"type": "Point", "coordinates": [5, 5]}), [], {"Points": 1}),
        (feature({"type": "LineString", "coordinates": [[0, 0], [9, 9]]}), [], {"LineStrings": 1}),
        (feature(None), [], {"objects without geometry": 1}),
        (feature(polygon(box(50, 50, 60, 60)), measurements={"Score": None}), [100], {}),
        (feature(polygon(box(50, 50, 60, 60)), measurements={"Score": float("nan")}), [100], {}),
        (feature(polygon(box(50, 50, 60, 60)), measurements=[{"name": "Area", "value": 3}]), [100], {}),
        (feature(polygon([[50, 50, 0], [60, 50, 0], [60, 60, 0], [50, 60, 0]])), [100], {}),
        (feature(polygon()), [], {WITHOUT: 1}),
        (feature(polygon(box(50.6, 50.6, 50.9, 50.9))), [], {WITHOUT: 1}),
        (feature({"type": "Polygon"}), [], {DAMAGED: 1}),
        (feature(polygon([[1, 2], [3], [4, 5]])), [], {DAMAGED: 1}),
        (feature(polygon([[1e300, 2], [3, 1e300], [4, 5]])), [], {DAMAGED: 1}),
        ("nonsense", [], {DAMAGED: 1}),
        (feature({"type": "MultiPolygon", "coordinates": [[box(40, 50, 50, 60)], [box(50, 60, 60, 70)]]}), [200], {}),
        (feature({"type": "MultiPolygon", "coordinates": [[box(40, 50, 50, 60)], [box(45, 50, 60, 60)]]}), [200], {}),
    ],
)
def test_one_odd_object_costs_itself(tmp_path, more, cells, passed_over):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [TEN, more, HOLED]}))
    assert areas(read_geojson(path, SHAPE)) == ([100, *cells, 300], passed_over)


def test_a_list_a_single_feature_a_cell_with_its_nucleus_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.geojson"
    nucleus = feature(polygon(box(1, 1, 11, 11)), "cell") | {"nucleusGeometry": polygon(box(3, 3, 6, 6))}
    for content in ([TEN], TEN, {"type": "FeatureCollection", "features": [nucleus]}):
        path.write_text(json.dumps(content), encoding="utf-8-sig")
        assert areas(read_geojson(path, SHAPE)) == ([100], {})


def test_annotations_that_are_cells_are_cells(tmp_path):
    cells = [feature(polygon(box(y, 5, y + 10, 15)), "annotation") for y in (0, 15, 30)]
    inner = feature(polygon(box(2, 7, 5, 10)), "annotation")  # a small cell on a large one
    region = feature(polygon(box(0, 0, 50, 20)), "annotation")
    (tmp_path / "a.geojson").write_text(json.dumps([*cells, inner, region]))
    assert areas(read_geojson(tmp_path / "a.geojson", SHAPE)) == ([100, 100, 100, 9], {"regions": 1})


# ---- ImageJ ---------------------------------------------------------------------------------------------------------

KIND, SUB = roifile.ROI_TYPE, roifile.ROI_SUBTYPE


def roi(kind=KIND.RECT, top=50, left=50, bottom=55, right=60, **more):
    return roifile.ImagejRoi(roitype=kind, top=top, left=left, bottom=bottom, right=right, **more)


HALF = {"options": roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION, "version": 227, "xd": 50.6, "yd": 50.6, "widthd": 3.0,
        "heightd": 2.0}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "cells", "passed_over"),
    [
        (roi(), [50], {}),
        (roi(subtype=SUB.TEXT, text="control"), [], {"texts": 1}),
        (roi(subtype=SUB.IMAGE), [], {"images": 1}),
        (roi(KIND.LINE, subtype=SUB.ARROW), [], {"lines": 1}),
        (roi(KIND.POINT), [], {"points": 1}),
        (roi(left=75, right=95), [25], {}),
        (roi(top=50, bottom=50), [], {WITHOUT: 1}),
        (roi(**HALF), [6], {}),
    ],
)
def test_one_odd_roi_costs_itself(tmp_path, more, cells, passed_over):
    roifile.roiwrite(tmp_path / "a.zip", [roi(top=0, bottom=10, name="first"), more], mode="w")
    assert areas(read_rois(tmp_path / "a.zip", SHAPE)) == ([100, *cells], passed_over)


def test_what_is_passed_over_is_said(tmp_path):
    import tifffile

    for folder in ("images", "rois"):
        (tmp_path / folder).mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", np.zeros(SHAPE, np.uint8))
    texts = [roi(subtype=SUB.TEXT, text="control", name=name) for name in ("my note", "another")]
    roifile.roiwrite(tmp_path / "rois" / "a.zip", [roi(), *texts], mode="w")
    result = CliRunner().invoke(app, ["convert", "rois", "--project", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert f"passed over, no cells: 2 texts (first {tmp_path / 'rois' / 'a.zip'}: 'my note')" in result.stderr


# ---- COCO -----------------------------------------------------------------------------------------------------------

SQUARE = [[1, 1, 11, 1, 11, 11, 1, 11]]
RUNS = {"size": [60, 80], "counts": [61, 10, 50, 10, 4669]}


def coco(tmp_path, *annotations, images=None, categories=(), encoding="utf-8", **more):
    images = images or [{"id": 1, "file_name": "a.tif", "height": 60, "width": 80}]
    listed = [{"image_id": 1, "category_id": 1, "segmentation": SQUARE, **one} for one in annotations]
    data = {"images": images, "annotations": listed, "categories": list(categories), **more}
    (tmp_path / "c.json").write_text(json.dumps(data), encoding=encoding)
    return tmp_path / "c.json"


@pytest.mark.parametrize(
    ("annotation", "cells", "passed_over"),
    [
        ({"segmentation": RUNS}, [20], {}),
        ({"segmentation": SQUARE[0]}, [100], {}),
        ({"segmentation": [*SQUARE, [20, 20, 30, 20, 30, 30, 20, 30], [1, 1, 2, 2]]}, [200], {}),
        ({"segmentation": []}, [], {DAMAGED: 1}),
        ({"segmentation": {"size": [60, 80], "counts": "o" * 99}}, [], {DAMAGED: 1}),
        ({"segmentation": {"size": [60, 80], "counts": [0, 4801]}}, [], {DAMAGED: 1}),
        ({"segmentation": {"size": [60, 80], "counts": [float("inf")]}}, [], {DAMAGED: 1}),
        ({"segmentation": [[90, 90, 99, 90, 99, 99]]}, [], {WITHOUT: 1}),
        ({"image_id": "1", "score": None}, [100], {}),
        ({"image_id": 1.0, "score": "0.5"}, [100], {}),
    ],
)
def test_one_odd_annotation_costs_itself(tmp_path, annotation, cells, passed_over):
    found = read_coco(coco(tmp_path, {}, annotation, {}, encoding="utf-8-sig")).outlines("a")
    assert areas(found) == ([100, *cells, 100], passed_over)


def test_compressed_and_plain_run_lengths_are_those_of_pycocotools(tmp_path):
    from pycocotools import mask

    code = mask.frPyObjects(RUNS, *SHAPE)["counts"].decode()
    text = coco(tmp_path, {"segmentation": {"size": [60, 80], "counts": code}})
    assert np.argwhere(read_coco(text).cells("a").mask(0)).tolist() == [[y, x] for y in range(10) for x in range(2)]


def test_annotations_by_number(tmp_path):
    path = coco(tmp_path)
    data = json.loads(path.read_text())
    data["annotations"] = {"5": {"image_id": 1, "segmentation": SQUARE}, "6": {"image_id": 1, "segmentation": RUNS}}
    path.write_text(json.dumps(data))
    assert areas(read_coco(path).outlines("a")) == ([100, 20], {})


def test_one_image_with_two_ids_has_each_outline_once(tmp_path):
    images = [{"id": k, "file_name": "a.tif", "height": 60, "width": 80} for k in (1, 2)]
    path = coco(tmp_path, {}, {"image_id": 2}, {"image_id": 2, "segmentation": RUNS}, images=images)
    assert areas(read_coco(path).outlines("a")) == ([100, 20], {})


@pytest.mark.parametrize(
    ("wanted", "cells"), [("cell", [100]), ("2", [20]), ("cell,debris", [100, 20]), ("all", [100, 20])]
)
def test_cells_are_of_the_category_that_is_said(tmp_path, wanted, cells):
    categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "debris"}, {"id": 3, "name": "unused"}]
    path = coco(tmp_path, {}, {"category_id": 2, "segmentation": RUNS}, categories=categories)
    with pytest.raises(InputError, match="has the categories cell, debris"):
        read_coco(path)
    assert areas(read_coco(path, category=wanted).outlines("a")) == (cells, {})
    result = CliRunner().invoke(app, ["convert", "c.json", "--category", "cells", "--project", str(tmp_path)])
    assert "Say with --category which of them are cells, or all." in result.stderr


def test_crowds_are_no_cells_and_said(tmp_path):
    coco(tmp_path, {}, {"iscrowd": 1, "segmentation": RUNS})
    result = CliRunner().invoke(app, ["convert", "c.json", "--project", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "1 crowds (iscrowd), which are many cells in one, were left out" in result.stderr
    path = coco(tmp_path, {"iscrowd": 1})
    result = CliRunner().invoke(app, ["convert", str(path), "--project", str(tmp_path / "other")])
    assert result.exit_code == 3
    assert "c.json holds no cell (a), but 1 crowds (iscrowd), which are many cells in one." in result.stderr


@pytest.mark.parametrize("size", [(0, 80), (10**9, 80), (float("inf"), 80), (10**6, 10**6), ("high", 80)])
def test_sizes_that_no_image_has_are_refused(tmp_path, size):
    images = [{"id": 1, "file_name": "a.tif", "height": size[0], "width": size[1]}]
    with pytest.raises(InputError, match=r"c\.json"):
        read_coco(coco(tmp_path, {}, images=images))
