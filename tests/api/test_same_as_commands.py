"""The functions give what the commands write, to the pixel, on the sample data."""

import csv
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lacss_tools.api import Segmenter, cut_candidates, evaluate, find_lois, pick_candidate, sample_data, train
from lacss_tools.cli import app
from lacss_tools.demo import DATA
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels, read_mask, write_labels
from lacss_tools.network.settings import PRESETS
from lacss_tools.train.settings import TrainSettings
from tests.train.worker import TINY

IMAGES = 9
"""of those to train on: more than it takes for a usual area per LOI"""
SHORT = TrainSettings(batch=2, crop=64)
LINE = ("--steps", "2", "--batch", "2", "--crop", "64", "--seed", "5", "--device", "cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread_and_a_tiny_network():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "small", TINY)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data():
    whole = sample_data()
    return SimpleNamespace(
        names=whole.names[:IMAGES], images=whole.images[:IMAGES], dapi=whole.dapi[:IMAGES], validation=whole.validation
    )


@pytest.fixture(scope="module")
def lacss(tmp_path_factory, data):
    """Run a command in a project folder of the same images; return what it printed for programs."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("images", "dapi"):
        (root / folder).mkdir()
        for name in data.names:
            shutil.copy(DATA / "train" / folder / f"{name}.tif", root / folder)
    shutil.copytree(DATA / "validation", root / "validation")

    def run(*line):
        result = CliRunner().invoke(app, [*line, "--project", str(root)])
        assert result.exit_code == 0, result.output
        return result.stdout

    run.root = root
    return run


@pytest.fixture(scope="module")
def annotated(lacss):
    for line in (("annotate-lois", "dapi"), ("graphcut", "images"), ("pick", "--auto")):
        lacss(*line)
    return lacss.root


@pytest.fixture(scope="module")
def points(annotated, data):
    """As they are in the files, with two decimals."""
    return [read_lois(annotated / "lois" / f"{name}.csv")[0] for name in data.names]


@pytest.fixture(scope="module")
def masks(annotated, data):
    return [read_mask(annotated / "masks" / f"{name}.tif") for name in data.names]


@pytest.fixture(scope="module")
def watched(data):
    """What is validated on while training: the image of the fewest cells."""
    return data.validation.images[2:3], data.validation.labels[2:3], data.validation.dapi[2:3]


@pytest.fixture(scope="module")
def run(lacss, annotated):
    """The run folder of a training by command, with validation."""
    for folder in ("images", "labels", "dapi"):
        (annotated / "watched" / folder).mkdir(parents=True)
        shutil.copy(sorted((DATA / "validation" / folder).iterdir())[2], annotated / "watched" / folder)
    validation = ("--val-images", "watched/images", "--val-labels", "watched/labels")
    lacss("train", "--run", "weak", *validation, *LINE)
    return annotated / "runs" / "weak"


def as_written(points):
    return [[float(f"{value:.2f}") for value in point] for point in points]


def test_points(data, points):
    for mine, theirs in zip(find_lois(data.dapi), points, strict=True):
        np.testing.assert_array_equal(as_written(mine), theirs)


def test_points_by_the_papers_rule(lacss, data):
    lacss("annotate-lois", "dapi", "--sigma", "4.2", "5.0", "-o", "paper")
    found = find_lois(data.dapi, sigma=(4.2, 5.0))
    for name, mine in zip(data.names, found, strict=True):
        np.testing.assert_array_equal(as_written(mine), read_lois(lacss.root / "paper" / f"{name}.csv")[0])


def test_candidates_and_thresholds(annotated, data, points):
    masks, thresholds = cut_candidates(data.images, lois=points)
    for k, name in enumerate(data.names):
        theirs, levels = read_candidates(annotated / "candidates" / f"{name}.tif")
        np.testing.assert_array_equal(masks[k], theirs)
        assert thresholds[k] == pytest.approx(levels, rel=1e-8)


def test_candidates_with_nucleus_labels(lacss, data):
    labels = np.zeros(data.images[0].shape, np.int32)
    labels[100:130, 100:140], labels[200:220, 300:310] = 7, 3
    write_labels(lacss.root / "nucleus_labels" / f"{data.names[0]}.tif", labels)
    lacss("graphcut", "images", "--nuclei", "nucleus_labels", "-o", "with_labels")
    masks, _ = cut_candidates(data.images[0], nuclei=labels)
    np.testing.assert_array_equal(masks, read_candidates(lacss.root / "with_labels" / f"{data.names[0]}.tif")[0])
    both = cut_candidates(data.images[:2], nuclei=[labels, None], lois=[None, None])[0]
    np.testing.assert_array_equal(both[0], masks)
    np.testing.assert_array_equal(both[1], cut_candidates(data.images[1])[0])


def test_candidates_with_other_settings(lacss, data):
    words = ("--thresholds", "0.5,0.3", "--smoothness", "1", "--polarity", "dark", "--no-seeds", "-o", "dark")
    lacss("graphcut", "images", *words)
    masks, thresholds = cut_candidates(data.images[0], thresholds=[0.5, 0.3], smoothness=1.0, polarity="dark")
    np.testing.assert_array_equal(masks, read_candidates(lacss.root / "dark" / f"{data.names[0]}.tif")[0])
    assert thresholds == [0.3, 0.5]


def test_the_picked_mask(annotated, data, points, masks):
    candidates, _ = cut_candidates(data.images, lois=points)
    picked, numbers = pick_candidate(candidates, points, data.images, return_index=True)
    with (annotated / "masks" / "picks.csv").open() as stream:
        choices = {row["stem"]: int(row["choice"]) for row in csv.DictReader(stream)}
    assert [number + 1 for number in numbers] == [choices[name] for name in data.names]
    for mine, theirs in zip(picked, masks, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights(data, points, masks, watched, run, tmp_path):
    lines = []
    train(
        data.images, nuclei=data.dapi, lois=points, masks=masks, validation=watched, steps=2, seed=5, settings=SHORT,
        device="cpu", run=tmp_path / "run", progress=lines.append,
    )  # fmt: skip
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == (run / "best.safetensors").read_bytes()
    assert any("validation AP50" in line for line in lines)


def test_weights_from_masks_that_know_where_they_are_unsure(lacss, annotated, data, points, masks, run, tmp_path):
    lacss("train", "--run", "unsure", "--unsure", "0.3", *LINE)
    unsure = [read_mask(annotated / "masks" / "unsure" / f"{name}.tif") for name in data.names]
    train(
        data.images, nuclei=data.dapi, lois=points, masks=masks, unsure=unsure, steps=2, seed=5, device="cpu",
        settings=replace(SHORT, unsure=0.3), run=tmp_path / "run",
    )  # fmt: skip
    mine = (tmp_path / "run" / "best.safetensors").read_bytes()
    assert mine == (annotated / "runs" / "unsure" / "best.safetensors").read_bytes()
    assert mine != (run / "best.safetensors").read_bytes()


@pytest.mark.parametrize("supervision", ["full", "mixed"])
def test_weights_of_other_supervision(lacss, data, points, masks, tmp_path, supervision):
    """Full: the four outlined images. Mixed: two of them among the others, listed as their files are sorted."""
    home = lacss.root / supervision
    shutil.copytree(DATA / "validation", home, dirs_exist_ok=True)
    where = ["--images", f"{supervision}/images", "--labels", f"{supervision}/labels", "--run", supervision]
    outlined = data.validation
    images, annotation = list(outlined.images), {"labels": list(outlined.labels), "nuclei": outlined.dapi}
    if supervision == "mixed":
        for name in data.names:
            shutil.copy(lacss.root / "images" / f"{name}.tif", home / "images")
        images += data.images
        nothing, none = [None] * len(outlined.images), [None] * IMAGES
        annotation = {
            "labels": outlined.labels + none,
            "lois": nothing + points,
            "masks": nothing + masks,
        }  # nor all nuclei
        where += ["--lois", "lois", "--masks", "masks"]
    lacss("train", *where, *LINE)
    model = train(images, **annotation, steps=2, seed=5, settings=SHORT, device="cpu")
    theirs = lacss.root / "runs" / supervision / "best.safetensors"
    assert model.save(tmp_path).read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("how", ["found", "at points", "larger", "without nuclei"])
def test_label_images(lacss, data, run, how):
    lois, nuclei, options = None, data.validation.dapi, ["--min-score", "0.001"]
    if how == "without nuclei":
        nuclei, options = None, [*options, "--nuclei", "none"]
    if how == "at points":
        lacss("annotate-lois", "validation/dapi", "-o", "validation/lois")
        options = ["--lois", "validation/lois"]
        files = [lacss.root / "validation" / "lois" / f"{name}.csv" for name in data.validation.names]
        lois = [read_lois(file)[0] for file in files]
    if how == "larger":
        options += ["--diameter", "50"]
    lacss("predict", str(run), "validation/images", "-o", f"predictions {how}", "--device", "cpu", *options)
    model = Segmenter.load(run, device="cpu")
    found = model.segment(
        data.validation.images, nuclei=nuclei, lois=lois, diameter=50.0 if how == "larger" else None, min_score=0.001
    )  # fmt: skip
    theirs = [read_labels(lacss.root / f"predictions {how}" / f"{name}.tif") for name in data.validation.names]
    assert max(labels.max() for labels in theirs) > 0, "nothing to compare"
    for mine, other in zip(found, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_figures(lacss, data, run):
    where = ("--images", "validation/images", "--labels", "validation/labels")
    theirs = json.loads(lacss("eval", str(run), *where, "--json", "--device", "cpu"))
    del theirs["intervals"]
    seen = {"nuclei": data.validation.dapi, "all_detections": True}
    found = Segmenter.load(run, device="cpu").cells(data.validation.images, **seen)
    assert json.loads(json.dumps(evaluate(data.validation.labels, found).as_json())) == theirs
