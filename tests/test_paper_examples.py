"""The three experiments of the paper run from folders to tables, on made-up cells."""

import csv
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from lacss_tools.train.history import read_metrics
from tests.made_up import made_up_image

SCRIPTS = Path(__file__).parent.parent / "examples" / "paper"
QUICK = ("--recipe", "paper", "--preset", "small", "--minutes", "0.02", "--crop", "64")


@pytest.fixture(autouse=True)
def quick(tiny_preset, no_curves, one_thread, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


def run(name, *line):
    sys.modules.pop("common", None)
    before = sys.argv
    sys.argv = [name, *map(str, line)]
    try:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    finally:
        sys.argv = before


def write(folder, names):
    for seed, name in enumerate(names):
        image, labels, lois = made_up_image(seed)
        dapi = np.zeros(labels.shape, np.float32)
        y, x = np.indices(labels.shape)
        for centre in lois:
            dapi += np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 18)
        pixels = np.interp(image[0], (image.min(), image.max()), (0, 4000))
        kinds = {"images": pixels.astype(np.uint16), "dapi": (dapi * 900 + 40).astype(np.uint16)}
        for kind, plane in {**kinds, "labels": labels.astype(np.uint16)}.items():
            path = folder / kind / f"{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, plane)


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_cell_image_library(tmp_path, capsys):
    write(tmp_path / "cil", [f"F{k:02}" for k in range(10)])
    run("cil", tmp_path / "cil", "--out", tmp_path / "out", "--repeat", 1, "--steps", 2, *QUICK)
    weak, full = rows(tmp_path / "out" / "table.csv")
    assert (weak["supervision"], full["supervision"]) == ("weak", "full")
    assert (weak["AP50 (paper)"], full["AP50 (paper)"]) == ("0.933", "0.937")
    assert all(0 <= float(row["AP50"]) <= 1 for row in (weak, full))
    assert sorted(p.name for p in (tmp_path / "out" / "validation" / "images").iterdir()) == ["F00.tif", "F09.tif"]
    assert not set((tmp_path / "out" / "train" / "images").iterdir()) & {tmp_path / "F00.tif"}
    assert (tmp_path / "out" / "report" / "ap_fnr.png").is_file()
    assert [read_metrics(tmp_path / "out" / "train" / "runs" / name)[-1].step for name in ("weak", "full")] == [2, 2]
    assert "$ lacss train" in capsys.readouterr().out


def squares(labels):
    """Return a polygon around the bounding box of each cell."""
    for number in range(1, labels.max() + 1):
        (y0, x0), (y1, x1) = (f(np.argwhere(labels == number), axis=0) for f in (np.min, np.max))
        yield [[float(v) for v in (x0, y0, x1 + 1, y0, x1 + 1, y1 + 1, x0, y1 + 1)]]


def test_livecell(tmp_path):
    names = [f"{line}_Phase_{k}" for line in ("A172", "Other") for k in range(2)]
    write(tmp_path, names)
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cell"}]}
    for number, name in enumerate(names):
        coco["images"].append({"id": number, "file_name": f"{name}.tif", "height": 128, "width": 128})
        for polygon in squares(tifffile.imread(tmp_path / "labels" / f"{name}.tif")):
            coco["annotations"].append(
                {"id": len(coco["annotations"]) + 1, "image_id": number, "segmentation": polygon, "category_id": 1,
                 "iscrowd": 0, "bbox": [0, 0, 1, 1], "area": 1}
            )  # fmt: skip
    (tmp_path / "all.json").write_text(json.dumps(coco))
    run("livecell", tmp_path / "images", tmp_path / "all.json", tmp_path / "all.json", "--out", tmp_path / "out",
        "--lines", "A172", *QUICK)  # fmt: skip
    (row,) = rows(tmp_path / "out" / "table.csv")
    assert (row["line"], row["AP50, paper"]) == ("A172", "68.0")
    assert {"AP50, full", "AP50, weak", "mAP, weak-auxnet"} <= set(row)
    assert len(list((tmp_path / "out" / "A172" / "train" / "images").iterdir())) == 2
    assert (tmp_path / "out" / "curves.png").is_file()


def test_a431(tmp_path):
    write(tmp_path / "other", ["a", "b"])
    write(tmp_path / "own", ["c", "d", "e", "f"])
    for name in ("c", "d", "e"):
        (tmp_path / "own" / "labels" / f"{name}.tif").unlink()
    run("a431", tmp_path / "other", tmp_path / "own", "--out", tmp_path / "out", *QUICK)
    before, after = rows(tmp_path / "out" / "table.csv")
    assert (before["AP50 (paper)"], after["AP50 (paper)"]) == ("", "0.840")
    assert sorted(p.stem for p in (tmp_path / "out" / "own" / "images").iterdir()) == ["c", "d", "e"]
