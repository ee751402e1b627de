"""What `lacss predict` writes, with a network stood in for: every file opened by a reader of other people."""

import json

import numpy as np
import pandas as pd
import pytest
import roifile
import shapely
import tifffile
import torch
from pycocotools.coco import COCO
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.predict import predictor as prediction
from lacss_tools.predict.found import Found
from lacss_tools.predict.original import Frame

SHAPE = (40, 50)
EVERYTHING = "labels,coco,roi,geojson,csv,contours"


class TwoCells(prediction.Predictor):
    """Finds two overlapping cells in every image of one channel."""

    device = torch.device("cpu")

    def __init__(self):
        """Need no network."""

    trained_on = (False, None, None)
    cell_diameter, probable, knows_nuclei = 18.0, True, False

    def is_small(self, frame):
        return True

    def frame(self, shape):
        return Frame(shape[1:], shape[1:])

    def find(self, source, lois=None):
        assert source.shape == (1, *SHAPE)
        boxes = np.array([[5, 5, 15, 15], [10, 10, 30, 30]])
        crops = tuple(np.full((side, side), code, np.uint8) for side, code in ((10, 230), (20, 178)))
        scores, places = np.array([0.8, 0.6]), np.array([[9.5, 9.5], [20.0, 20.0]])
        return Found(SHAPE, scores, places, boxes, crops, scores, np.zeros(2, bool))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "load_predictor", lambda *_, **__: TwoCells())
    (tmp_path / "m").write_bytes(b"weights")
    (tmp_path / "images").mkdir()
    picture = np.stack([np.full(SHAPE, 7, np.uint16), np.arange(2000, dtype=np.uint16).reshape(SHAPE)])
    metadata = {"axes": "CYX", "Channel": {"Name": ["actin", "DAPI"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(tmp_path / "images" / "a.ome.tif", picture, metadata=metadata)
    return tmp_path


def predict(project, *arguments):
    return CliRunner().invoke(app, ["predict", "m", "images", *arguments, "--project", str(project)])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_every_format_is_written_and_read_by_others(project):
    result = predict(project, "--format", EVERYTHING, "--channel", "actin")
    assert result.exit_code == 0, result.output
    assert "a.ome.tif: axes C=2 Y=40 X=50, uint16, channels actin, DAPI, 0.25 x 0.5 µm per pixel" in result.stderr
    out = project / "predictions"
    with tifffile.TiffFile(out / "a.tif") as tiff:
        labels = tiff.asarray()
        assert tiff.imagej_metadata["unit"] == "um"
        x, y = (tiff.pages.first.tags[name].value for name in ("XResolution", "YResolution"))
        assert (x[0] / x[1], y[0] / y[1]) == (pytest.approx(2), pytest.approx(4))
    assert [(labels == k).sum() for k in (1, 2)] == [100, 400 - 25]
    coco = COCO(str(out / "coco.json"))
    masks = [coco.annToMask(annotation).sum() for annotation in coco.dataset["annotations"]]
    assert masks == [100, 400]  # overlapping cells stay whole
    assert [annotation["score"] for annotation in coco.dataset["annotations"]] == [0.8, 0.6]
    assert [roi.name for roi in roifile.roiread(out / "a.zip")] == ["0001", "0002"]
    features = json.loads((out / "a.geojson").read_text())["features"]
    assert [shapely.from_geojson(json.dumps(f["geometry"])).area for f in features] == [100, 400]
    table = pd.read_csv(out / "a.csv")
    assert table["area_um2"].tolist() == [12.5, 375 / 8]
    assert table["mean_0"].tolist() == [7, 7]
    assert table["score"].tolist() == [0.8, 0.6]
    assert tifffile.imread(project / "images" / "a.ome.tif").shape == (2, *SHAPE)
    assert (out / "contours" / "a.png").stat().st_size > 100


def test_done_formats_are_skipped_and_new_ones_added(project):
    assert "1 written" in predict(project, "--channel", "1").stderr
    assert {path.name for path in (project / "predictions").iterdir()} == {"a.tif", "a.csv", "predict.toml"}
    assert "1 were done already" in predict(project, "--channel", "1").stderr
    assert "1 written" in predict(project, "--channel", "1", "--format", "labels,roi").stderr
    assert (project / "predictions" / "a.zip").exists()


def test_wrong_formats_and_channels_are_explained(project):
    result = predict(project, "--format", "labels,svg")
    assert result.exit_code == 2
    assert "no format called 'svg'. Choose from labels,coco,roi,geojson,csv,contours" in result.stderr
    result = predict(project, "--channel", "GFP")
    assert result.exit_code == 3
    assert "has no channel 'GFP'; it has 2 called actin, DAPI" in result.stderr


def test_predictions_are_judged_with_the_scores_of_their_table(project):
    assert predict(project, "--channel", "0").exit_code == 0
    truth = np.zeros(SHAPE, np.uint16)
    truth[10:30, 10:30] = 1
    (project / "labels").mkdir()
    tifffile.imwrite(project / "labels" / "a.tif", truth)
    result = CliRunner().invoke(app, ["eval", "predictions", "--json", "--project", str(project)])
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert (numbers["ap50"], numbers["score_cut"]) == (0.5, 0.6)  # the wrong cell ranks first
