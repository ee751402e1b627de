"""A plate goes through the commands as a folder of its images does."""

import re

import pytest
import tifffile
import torch
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.io.project import list_images
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from tests.io.test_plates import STEMS, write_plate
from tests.predict.test_tiles import SMALL

pytestmark = pytest.mark.usefixtures("one_thread")


def lacss(project, *words):
    result = CliRunner().invoke(app, [*map(str, words), "--project", str(project)])
    assert result.exit_code == 0, result.output
    return result.output


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
    for source, name in ((plate, "of_plate"), (tmp_path / "images", "of_files")):
        sure = ("--device", "cpu", "--min-score", 0.05, "--channel", "actin", "--format", "labels,csv,coco")
        said = lacss(tmp_path, "predict", "m.safetensors", source, "-o", name, *sure)
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
    lacss(tmp_path, "eval", tmp_path / "of_plate", "--images", plate, "--labels", tmp_path / "of_files")
