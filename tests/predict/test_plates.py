"""A plate goes through the commands as a folder of its images does."""

import json
import re
import shutil

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from lacss_tools import read_images
from lacss_tools.cli import app
from lacss_tools.io import zarr_labels
from lacss_tools.io.lock import owned
from lacss_tools.io.plates import attributes
from lacss_tools.io.project import list_images
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from tests.io.test_plates import STEMS, write_plate
from tests.predict.test_tiles import SMALL

zarr = pytest.importorskip("zarr")
SURE = ("--device", "cpu", "--min-score", 0.05, "--channel", "actin")
pytestmark = pytest.mark.usefixtures("one_thread")


def lacss(project, *words, code=0):
    result = CliRunner().invoke(app, [*map(str, words), "--project", str(project)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(params=["0.4", "0.5"])
def plate(request, tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "m.safetensors", Lacss(SMALL), 0.8)
    write_plate(tmp_path / "p.zarr", request.param)
    return tmp_path / "p.zarr"


def written(plate, name="cells"):
    """Return the labels of each image, read by zarr, as its lists have them."""
    found = {}
    for stem, image in list_images(plate).items():
        if name in attributes(image / "labels").get("labels", []):
            found[stem] = zarr.open_group(str(image), mode="r")[f"labels/{name}/0"][...]
    return found


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_cells_are_written_into_the_plate_as_the_files_have_them(plate):
    project, version = plate.parent, "0.5" if (plate / "zarr.json").exists() else "0.4"
    before = files_of(plate)
    lacss(project, "predict", "m.safetensors", plate, "--into", "cells", *SURE)
    after = files_of(plate)
    assert {path: after[path] for path in before} == before
    labels = written(plate)
    assert list(labels) == STEMS
    assert all(pixels.any() for pixels in labels.values())
    for stem, image in list_images(plate).items():
        assert np.array_equal(labels[stem], tifffile.imread(project / "predictions" / f"{stem}.tif"))
        table = image / "tables" / "cells" / "table.csv"
        assert table.read_bytes() == (project / "predictions" / f"{stem}.csv").read_bytes()
        known = attributes(image / "labels" / "cells")
        scales = known["multiscales"][0]
        assert known["image-label"] == {"version": version, "source": {"image": "../../"}}
        assert (scales.get("version") or known["version"]) == version
        assert [(axis["name"], axis["unit"]) for axis in scales["axes"]] == [("y", "nanometer"), ("x", "nanometer")]
        assert scales["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [250.0, 125.0]}]
        assert scales["coordinateTransformations"] == [{"type": "scale", "scale": [2.0, 2.0]}]
        assert attributes(image / "tables")["tables"] == ["cells"]
        assert attributes(image / "tables" / "cells")["region"] == {"path": "../labels/cells"}
    assert np.array_equal(zarr.open_group(str(image), mode="r")["0"][...].shape, (2, 64, 64))
    assert "4 were done already" in lacss(project, "predict", "m.safetensors", plate, "--into", "cells", *SURE)
    assert files_of(plate) == after
    shutil.rmtree(image / "labels")
    (image / "labels").write_text("in the way")
    said = lacss(project, "predict", "m.safetensors", plate, "--into", "cells", *SURE, code=4)
    assert "3 were done already, 1 failed" in said
    assert f"{image} cannot be written into" in said


@pytest.mark.parametrize(("plate", "killed_at"), [("0.4", "_describe"), ("0.5", "_list")], indirect=["plate"])
def test_a_run_that_is_killed_leaves_no_half_labels_and_the_next_one_finishes(plate, killed_at, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*arguments):
        raise Killed

    project = plate.parent
    words = ("predict", "m.safetensors", plate, "--into", "cells", *SURE)
    with monkeypatch.context() as patch:
        patch.setattr(zarr_labels, killed_at, killed)
        patch.setattr(zarr_labels.shutil, "rmtree", lambda *_, **__: None)  # nobody tidies up after a kill
        with pytest.raises(Killed):
            lacss(project, *words)
    assert list((plate / "A" / "01" / "0" / "labels").iterdir())
    assert written(plate) == {}
    lacss(project, *words)
    assert list(written(plate)) == STEMS
    resumed = files_of(plate)
    for image in list_images(plate).values():
        shutil.rmtree(image / "labels")
        shutil.rmtree(image / "tables")
    lacss(project, *words)
    assert files_of(plate) == resumed


@pytest.mark.parametrize("plate", ["0.5"], indirect=True)
def test_labels_of_another_run_stay_unless_told_otherwise(plate):
    project, words = plate.parent, ("--into", "cells", "--device", "cpu", "--channel", "actin")
    lacss(project, "predict", "m.safetensors", plate, *words, "--min-score", 0.05)
    before = files_of(plate)
    other = ("predict", "m.safetensors", plate, *words, "--min-score", 1, "-o", "other")
    said = lacss(project, *other, code=3)
    assert "holds tables 'cells' that m.safetensors made" in said
    assert "Give another --into, or --overwrite." in said
    assert files_of(plate) == before
    lacss(project, *other[:4], "none", *other[5:])
    assert list(written(plate, "none")) == list(written(plate)) == STEMS
    lacss(project, *other, "--overwrite")
    assert not any(pixels.any() for pixels in written(plate).values())
    assert attributes(list_images(plate)["p_A01_0"] / "labels")["labels"] == ["none", "cells"]
    assert not list(plate.rglob(".cells*"))


@pytest.mark.parametrize("plate", ["0.5"], indirect=True)
def test_one_run_at_a_time_writes_into_a_plate(plate):
    words = ("--into", "cells", *SURE)
    images = list_images(plate)
    with owned(plate, "another run"):
        said = lacss(plate.parent, "predict", "m.safetensors", plate, *words, code=3)
        assert "p.zarr is in use: another run, process" in said
        assert "give other images" in said
        lacss(plate.parent, "predict", "m.safetensors", plate, *SURE)  # which but reads it
        assert written(plate) == {}
    with owned(images["p_A01_0"], "another run"):
        lacss(plate.parent, "predict", "m.safetensors", images["p_A01_1"], *words, "-o", "one")
    assert list(written(plate)) == ["p_A01_1"]
    assert not list(plate.rglob(".lacss*"))


def test_levels_are_those_of_the_image(plate, tmp_path):
    image = list_images(plate)["p_A01_0"]
    form = "zarr.json" if (image / "zarr.json").exists() else ".zattrs"
    content = json.loads((image / form).read_text())
    scales = (content["attributes"]["ome"] if form == "zarr.json" else content)["multiscales"][0]
    change = [{"type": "scale", "scale": [1.0, 500.0, 250.0]}, {"type": "translation", "translation": [0.0, 125, 62.5]}]
    scales["datasets"].append({"path": "half", "coordinateTransformations": change})
    (image / form).write_text(json.dumps(content))
    group = zarr.open_group(str(image), mode="r+")
    group.create_array("half", shape=(2, 32, 32), chunks=(1, 32, 32), dtype="u2")
    labels = np.kron(np.arange(25).reshape(5, 5), np.ones((13, 13)))[:64, :64]
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint16))
    zarr_labels.write_labels(image, "cells", tmp_path / "labels.tif", {})
    assert np.array_equal(zarr.open_group(str(image), mode="r")["labels/cells/1"][...], labels[1::2, 1::2])
    level = attributes(image / "labels" / "cells")["multiscales"][0]["datasets"][1]
    assert level["path"] == "1"
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [500.0, 250.0]},
        {"type": "translation", "translation": [125, 62.5]},
    ]


def test_what_is_no_ome_zarr_is_named(tmp_path):
    save_weights(tmp_path / "m.safetensors", Lacss(SMALL), 0.8)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8))
    words = ("predict", "m.safetensors", tmp_path / "a.tif", "--device", "cpu")
    assert "a.tif is no OME-Zarr image" in lacss(tmp_path, *words, "--into", "cells", code=3)
    assert "cannot be '../cells'" in lacss(tmp_path, *words, "--into", "../cells", code=2)
    assert "Name labels in" in lacss(tmp_path, *words, "--into", "cells", "--format", "csv", code=2)
    assert not (tmp_path / "predictions").exists() or not list((tmp_path / "predictions").glob("*.tif"))


def results(folder, *endings):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in endings}


def test_a_plate_and_its_images_as_tiff_give_the_same_files(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "m.safetensors", Lacss(SMALL), 0.8)
    plate = tmp_path / "p.zarr"
    (tmp_path / "images").mkdir()
    for stem, pixels in write_plate(plate, "0.5").items():
        facts = {"axes": "CYX", "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25, "Channel": {"Name": ["actin", "DAPI"]}}
        tifffile.imwrite(tmp_path / "images" / f"{stem}.ome.tif", pixels, metadata=facts, photometric="minisblack")
    for source, name, *into in ((plate, "of_plate", "--into", "cells"), (tmp_path / "images", "of_files")):
        sure = ("--device", "cpu", "--min-score", 0.05, "--channel", "actin", "--format", "labels,csv,coco")
        said = lacss(tmp_path, "predict", "m.safetensors", source, "-o", name, *sure, *into)
        assert "cells in 4 images" in said
        assert re.search(r"^p_A01_0(\.ome\.tif)?: axes C=2", said, re.MULTILINE)
        lacss(tmp_path, "annotate-lois", source, "-o", f"lois_{name}", "--channel", "DAPI", "--method", "pieces")
    for folder in ("{}", "lois_{}"):
        one, other = (results(tmp_path / folder.format(name), ".tif", ".csv") for name in ("of_plate", "of_files"))
        assert one == other
    assert list(list_images(tmp_path / "of_plate")) == STEMS
    assert '"p_A01_0.tif"' in (tmp_path / "of_plate" / "coco.json").read_text()
    lacss(tmp_path, "graphcut", plate, "--channel", "actin", "--lois", "lois_of_plate")
    assert list(list_images(tmp_path / "candidates")) == STEMS
    lacss(tmp_path, "table", "of_plate", "--group", r"_([A-Z]+\d+)_[^_]+$")
    groups = (tmp_path / "tables" / "groups.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in groups] == ["group", "A01", "B12"]
    inside = plate / "labels" / "cells"
    lacss(tmp_path, "eval", "of_plate", inside, "--images", plate, "--labels", inside)
    of_folder, of_labels = json.loads((tmp_path / "eval" / "evaluation.json").read_text())["models"].values()
    assert of_folder["n_detections"] > 0
    assert of_folder == of_labels
    lacss(tmp_path, "convert", inside, "--images", plate, "--to", "labels", "-o", "of_labels")
    assert results(tmp_path / "of_labels", ".tif") == results(tmp_path / "of_plate", ".tif")
    assert "has labels 'nuclei'" in lacss(tmp_path, "convert", plate / "labels" / "nuclei", code=3)


def test_a_plate_is_read_from_python(tmp_path):
    images = write_plate(tmp_path / "p.zarr", "0.4")
    read = dict(read_images(tmp_path / "p.zarr", channel="DAPI"))
    assert list(read) == STEMS
    assert all(np.array_equal(image, images[stem][1:]) for stem, image in read.items())
    ((stem, image),) = read_images(tmp_path / "p.zarr" / "A" / "01" / "0")
    assert (stem, image.dtype, image.tolist()) == ("p_A01_0", np.float32, images["p_A01_0"].tolist())
