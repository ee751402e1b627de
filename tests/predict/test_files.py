"""Large files read, segmented and written part by part; many files in batches, processes and on a cluster."""

import os
import shutil
import time
import tomllib
from dataclasses import replace

import dask
import numpy as np
import pandas as pd
import pytest
import tifffile
import tomli_w
import torch
from distributed import LocalCluster
from typer.testing import CliRunner

from lacss_tools.cells import cells_from_labels, cells_to_labels
from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.formats.nuclei import whole
from lacss_tools.formats.outputs import Segmented, write_outputs
from lacss_tools.formats.table import measure
from lacss_tools.io import parts
from lacss_tools.io.image import Loaded, channels_first, load
from lacss_tools.io.lock import OWNER, owned
from lacss_tools.io.lois import read_lois, write_lois
from lacss_tools.io.native import read_labels, write_label_bands, write_labels, write_png
from lacss_tools.io.source import InFile, InMemory, OpenImage, open_image
from lacss_tools.jobs.batch import Job
from lacss_tools.jobs.job import Outcome
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from lacss_tools.predict import outputs
from lacss_tools.predict.counts import Tally, outliers, summary, tally, tally_of_table
from lacss_tools.predict.found import Found
from lacss_tools.predict.stream import Stages, stream
from tests.predict.test_tiles import SMALL, picture

# equal to the bit: with two threads, sums are made in another order for another size of batch or of tile
pytestmark = pytest.mark.usefixtures("one_thread")


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 4096, shape).astype(np.uint16)


# ---- reading --------------------------------------------------------------------------------------------------------

LAYOUTS = {
    "plain": (pixels(70, 90), {}),
    "strips": (pixels(70, 90), {"compression": "zlib", "rowsperstrip": 16}),
    "tiles": (pixels(70, 90), {"compression": "zlib", "tile": (32, 48)}),
    "rgb": (pixels(70, 90, 3), {"photometric": "rgb", "compression": "lzw", "tile": (16, 32)}),
    "planes": (pixels(2, 70, 90), {"metadata": {"axes": "CYX"}, "compression": "zlib", "tile": (32, 32),
                                   "photometric": "minisblack", "ome": True}),
    "negative": (pixels(70, 90), {"photometric": "miniswhite", "compression": "zlib", "tile": (32, 32)}),
    "imagej": (pixels(2, 70, 90), {"imagej": True, "metadata": {"axes": "CYX"}}),
    "planar": (pixels(3, 70, 90), {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channel", [None, "0"])
def test_parts_of_a_file_are_parts_of_its_image(layout, channel, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "WHOLE_PIXELS", 1000)
    monkeypatch.setattr(parts, "CACHE_BYTES", 4000)
    path, (values, options) = tmp_path / "a.tif", LAYOUTS[layout]
    tifffile.imwrite(path, values, **options)
    expected = channels_first(path, load(path), channel)
    with open_image(path, channel) as opened:
        assert isinstance(opened.source, InFile) == (layout != "planar")  # which is read whole
        assert opened.source.shape == expected.shape
        assert opened.note.describe() == load(path).describe()
        for top, bottom, left, right in ((0, 70, 0, 90), (10, 50, 20, 80), (31, 33, 47, 49), (69, 70, 0, 1)):
            part = opened.source.read(top, bottom, left, right)
            assert np.array_equal(part, expected[:, top:bottom, left:right])


def test_a_large_file_cut_short_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "WHOLE_PIXELS", 1000)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels(70, 90), compression="zlib", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"a\.tif"), open_image(path) as opened:
        opened.source.read(0, 70, 0, 90)


@pytest.mark.parametrize("axes", ["yx", "cyx", "tczyx"])
@pytest.mark.parametrize("whole_pixels", [10, parts.WHOLE_PIXELS])
def test_ome_zarr_is_read_in_parts_where_it_is_large(axes, whole_pixels, tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    monkeypatch.setattr(parts, "WHOLE_PIXELS", whole_pixels)
    values = pixels(*(1, 2, 1)[-len(axes[:-2]) :] if axes == "tczyx" else (2,) * (len(axes) - 2), 40, 50)
    group = zarr.open_group(str(tmp_path / "a.ome.zarr"), mode="w")
    array = group.create_array("0", shape=values.shape, chunks=(*(1,) * (len(axes) - 2), 16, 16), dtype=values.dtype)
    array[...] = values
    group.attrs["multiscales"] = [{"axes": [{"name": name} for name in axes], "datasets": [{"path": "0"}]}]
    with open_image(tmp_path / "a.ome.zarr") as opened:
        assert opened.in_memory == (whole_pixels > 40 * 50)
        assert np.array_equal(opened.source.read(5, 30, 10, 45), values.reshape(-1, 40, 50)[:, 5:30, 10:45])
    with pytest.raises(InputError, match=r"b\.zarr cannot be read as OME-Zarr"), open_image(tmp_path / "b.zarr"):
        pass


# ---- writing --------------------------------------------------------------------------------------------------------


def found(shape=(90, 70), count=25):
    rng = np.random.default_rng(5)
    corners = rng.integers(0, 55, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(4, 14, (count, 2))], axis=1)
    crops = tuple(rng.integers(0, 256, (d - b, e - c), dtype=np.uint8) for b, c, d, e in boxes.tolist())
    scores = np.sort(rng.random(count))[::-1]
    return Found(shape, scores, corners + 4.5, boxes, crops, scores, np.zeros(len(crops), bool))


@pytest.mark.parametrize("most", [30, 70000])
@pytest.mark.parametrize("pixel_size", [None, (0.25, 0.5)])
def test_labels_written_in_bands_are_those_written_at_once(most, pixel_size, tmp_path):
    labels = np.kron(pixels(13, 10), np.ones((4, 4)))[:50].astype(np.int32) % most  # scattered pixels are no cells
    bands = (labels[y : y + 16] for y in range(0, 50, 16))
    write_label_bands(tmp_path / "a.tif", bands, labels.shape, most, pixel_size)
    assert np.array_equal(read_labels(tmp_path / "a.tif"), labels)
    loaded = load(tmp_path / "a.tif")
    assert loaded.pixels.dtype == (np.uint16 if most < 2**16 else np.uint32)
    assert loaded.pixel_size == (pixel_size and pytest.approx(pixel_size))


@pytest.mark.parametrize("pixel_size", [None, (0.25, 0.5)])
def test_bands_measure_and_paint_what_the_whole_image_would_give(pixel_size, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "BAND", 16)
    cells, image = found(), pixels(2, 90, 70).astype(np.float32)
    opened = OpenImage(tmp_path / "a.tif", replace(load_of(image), pixel_size=pixel_size), InMemory(image))
    labels = cells_to_labels(cells)
    assert np.array_equal(np.concatenate(list(outputs.label_bands(cells))), labels)
    header, rows = outputs.measure_in_bands(opened, cells)
    expected = measure(labels, cells, image, pixel_size)
    assert header == expected[0]
    assert rows == expected[1]
    assert len(rows) > 15
    nuclei = whole(np.kron(np.arange(1, 64).reshape(9, 7) % 50, np.ones((10, 10), int)).astype(np.int32))
    assert outputs.measure_in_bands(opened, cells, nuclei) == measure(labels, cells, image, pixel_size, nuclei=nuclei)


def load_of(image):
    return Loaded(image, "CYX")


def test_both_ways_of_writing_give_the_same_files(tmp_path, monkeypatch):
    cells, image = found(), pixels(1, 90, 70).astype(np.float32)
    opened = OpenImage(tmp_path / "a.tif", load_of(image), InMemory(image))
    outputs.write_found(tmp_path / "whole", "a", opened, cells, ("labels", "csv", "coco"))
    monkeypatch.setattr(outputs, "WHOLE_PIXELS", 10)
    outputs.write_found(tmp_path / "bands", "a", opened, cells, ("labels", "csv", "coco"))
    for name in ("a.csv", "a.json"):
        assert (tmp_path / "whole" / name).read_text() == (tmp_path / "bands" / name).read_text()
    assert np.array_equal(*(read_labels(tmp_path / place / "a.tif") for place in ("whole", "bands")))


# ---- the stream -----------------------------------------------------------------------------------------------------


def jobs(folder, *stems):
    return [Job(stem, (folder / f"{stem}.tif",), folder / f"{stem}.out") for stem in stems]


def test_neighbours_of_one_kind_are_computed_together_and_errors_stay_alone(tmp_path):
    groups = []

    def read(job):
        if job.stem == "unreadable":
            raise InputError("unreadable is damaged.")
        return job.stem

    def compute(names):
        groups.append(names)
        if "bad" in names:
            raise ValueError("bad")
        return [name.upper() for name in names]

    def write(job, name, value):
        if name == "full":
            raise InputError("The disk is full.")
        return f"{name} {value}"

    stages = Stages(read, lambda name: None if name == "alone" else len(name), compute, write)
    names = ["a", "b", "c", "full", "alone", "x", "bad", "abc", "unreadable", "y"]
    outcomes = {job.stem: outcome for job, outcome in stream(jobs(tmp_path, *names), stages, batch=2)}
    assert groups == [["a", "b"], ["c"], ["full"], ["alone"], ["x"], ["bad", "abc"], ["bad"], ["abc"], ["y"]]
    assert {name: outcome.value for name, outcome in outcomes.items() if not outcome.error} == {
        name: f"{name} {name.upper()}" for name in ("a", "b", "c", "alone", "x", "abc", "y")
    }
    assert outcomes["unreadable"] == Outcome("unreadable is damaged.")
    assert outcomes["full"] == Outcome("The disk is full.")
    assert "unexpected ValueError: bad" in outcomes["bad"].error


def test_a_stream_does_not_run_ahead_of_who_takes_from_it(tmp_path):
    read = []
    stages = Stages(lambda job: read.append(job.stem), lambda _: 0, lambda items: items, lambda *_: None)
    results = stream(jobs(tmp_path, *map(str, range(50))), stages, batch=2)
    next(results)
    assert len(read) < 20
    results.close()
    assert len(read) < 20


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """Nine fields of three sizes and one bad file, and a network that knows nothing."""
    torch.manual_seed(0)
    save_weights(tmp_path / "m.safetensors", Lacss(SMALL), 0.8)
    (tmp_path / "images").mkdir()
    for k in range(9):
        image = picture(70 + 10 * (k // 4), 90, seed=k)[0]
        tifffile.imwrite(tmp_path / "images" / f"f{k}.tif", (image * 1000).astype(np.uint16))
    (tmp_path / "images" / "g.tif").write_bytes(b"II*\0 no more of it")
    return tmp_path


SURE = ("--device", "cpu", "--min-score", "0.05")
"""which the network never is by itself"""


def lacss(project, *words):
    words = ["predict", "m.safetensors", "images", "--project", str(project), *SURE, *map(str, words)]
    return CliRunner().invoke(app, words)


def contents(folder):
    files = (path for path in folder.iterdir() if path.is_file() and path.name != "predict.toml")
    return {path.name: path.read_bytes() for path in files}


def test_the_same_files_wherever_they_are_made(project):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
    ):
        places = {
            "one": ("--workers", 1, "--batch-size", 1),
            "batches": ("--workers", 1, "--batch-size", 3),
            "processes": ("--workers", 2),
            "cluster": ("--scheduler", cluster.scheduler_address),
        }
        for name, words in places.items():
            result = lacss(project, "-o", name, *words)
            assert result.exit_code == 4, result.output
            assert "9 written, 1 failed" in result.output
            assert "g.tif cannot be read" in result.output
            assert "cells in 9 images" in result.output
    one, *others = (contents(project / name) for name in places)
    assert len(one) == 18
    assert sum(text.count(b"\n") - 1 for name, text in one.items() if name.endswith(".csv")) > 30
    assert others == [one, one, one]


def test_a_run_goes_on_where_it_was_and_counts_all(project):
    (project / "images" / "g.tif").unlink()
    first = lacss(project)
    counted = next(line for line in first.output.splitlines() if "cells in 9 images" in line)
    before = contents(project / "predictions")
    for name, age in ((".f3.tif.abc.part", 7200), (".f5.csv.xyz.part", 10)):
        (project / "predictions" / name).write_bytes(b"half")
        os.utime(project / "predictions" / name, (time.time() - age,) * 2)
    (project / "predictions" / "f3.tif").unlink()
    (project / "predictions" / "f5.csv").unlink()
    result = lacss(project)
    assert "2 written, 7 were done already" in result.output
    assert counted in result.output
    (project / "predictions" / ".f5.csv.xyz.part").unlink()  # of another run perhaps; the old one is gone
    assert contents(project / "predictions") == before


def test_a_folder_that_another_command_works_in_is_left_alone(project):
    with owned(project / "predictions", "lacss predict"):
        result = lacss(project, "--overwrite")
        assert [path.name for path in (project / "predictions").iterdir()] == [OWNER]
    assert result.exit_code == 3
    assert "is in use: lacss predict, process" in result.stderr


def test_the_cells_of_another_model_are_not_mixed_in(project):
    (project / "few").mkdir()
    name = sorted((project / "images").iterdir())[0].name
    shutil.copy(project / "images" / name, project / "few")
    words = ["predict", "m.safetensors", "few", "--device", "cpu", "--project", str(project)]
    assert CliRunner().invoke(app, words).exit_code == 0
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0
    assert "1 were done already" in again.stderr
    for other in (["--min-score", "0.3"], ["--diameter", "50"]):
        refused = CliRunner().invoke(app, [*words, *other])
        assert refused.exit_code == 3
        assert "m.safetensors" in refused.stderr
    torch.manual_seed(1)
    save_weights(project / "m.safetensors", Lacss(SMALL), 0.9)
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 3
    assert "Give another --output, or --overwrite." in refused.stderr
    assert CliRunner().invoke(app, [*words, "--overwrite"]).exit_code == 0
    assert CliRunner().invoke(app, words).exit_code == 0
    (project / "predictions" / "predict.toml").write_text("= broken")
    assert CliRunner().invoke(app, words).exit_code == 3


def test_the_settings_beside_predictions_find_the_same_cells(project):
    (project / "images" / "g.tif").unlink()
    words = ("--set", "max_overlap=0.2", "--set", "min_area=1", "--diameter", "50", "--tile", "64")
    assert lacss(project, *words).exit_code == 0
    line = ["predict", "m.safetensors", "images", "--project", str(project), "--config", "predictions/predict.toml"]
    again = CliRunner().invoke(app, [*line, "-o", "again", "--device", "cpu"])
    assert again.exit_code == 0, again.output
    assert contents(project / "again") == contents(project / "predictions")
    records = [(project / folder / "predict.toml").read_bytes() for folder in ("predictions", "again")]
    assert records[0] == records[1]
    mixed = lacss(project, "--config", "predictions/predict.toml", "--set", "max_overlap=1")
    assert (mixed.exit_code, "with other max_overlap (0.2) than now" in mixed.stderr) == (3, True)


def test_a_record_of_an_earlier_version_still_guards_its_folder(project):
    assert lacss(project).exit_code == 4
    path = project / "predictions" / "predict.toml"
    data = tomllib.loads(path.read_text())["data"]
    old = {**data, "min_score": 0.05, "diameter": "as trained", "channel": "all"}
    path.write_text(tomli_w.dumps(old))
    assert "other" not in lacss(project).stderr
    path.write_text(tomli_w.dumps(old | {"min_score": 0.25}))
    assert "with other min_score (0.25) than now" in lacss(project).stderr


def test_overwriting_leaves_nothing_of_the_model_before(project):
    (project / "images" / "g.tif").unlink()
    folder, words = project / "predictions", ("--format", "labels,csv,coco,contours")
    assert lacss(project, *words).exit_code == 0
    before = contents(folder)
    torch.manual_seed(1)
    save_weights(project / "m.safetensors", Lacss(SMALL), 0.9)
    (project / "few").mkdir()
    for name in ("f0", "f1"):
        shutil.copy(project / "images" / f"{name}.tif", project / "few")
    fewer = ["predict", "m.safetensors", "few", "--device", "cpu", "--project", str(project), "--overwrite"]
    refused = CliRunner().invoke(app, fewer)
    assert refused.exit_code == 3
    assert "7 other images, such as f2" in refused.stderr
    assert contents(folder) == before
    (project / "images" / "f8.tif").write_bytes(b"damaged")
    assert lacss(project, "--format", "labels", "--overwrite").exit_code == 4
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        *(f"f{k}.tif" for k in range(8)), "predict.toml"
    }  # fmt: skip
    assert list((folder / "contours").iterdir()) == []


def test_images_in_memory_and_in_their_files_are_not_confused(project, monkeypatch):
    (project / "images" / "g.tif").unlink()
    for k in range(1, 9, 2):
        pixels = tifffile.imread(project / "images" / f"f{k}.tif")
        (project / "images" / f"f{k}.tif").unlink()
        write_png(project / "images" / f"f{k}.png", (pixels // 16).astype(np.uint8))
    assert lacss(project, "-o", "one", "--workers", 1, "--batch-size", 1).exit_code == 0
    monkeypatch.setattr(parts, "WHOLE_PIXELS", 0)
    assert lacss(project, "-o", "mixed", "--workers", 1, "--batch-size", 4).exit_code == 0
    assert contents(project / "mixed") == contents(project / "one")


@pytest.fixture
def pointed(project):
    """The project with LOIs for images f0 and f1 of three."""
    for path in (project / "images").iterdir():
        if path.stem not in ("f0", "f1", "f2"):
            path.unlink()
    for stem in ("f0", "f1"):
        height, width = tifffile.imread(project / "images" / f"{stem}.tif").shape
        points = np.mgrid[15 : height - 15 : 30, 15 : width - 15 : 30].reshape(2, -1).T + 0.25
        write_lois(project / "lois" / f"{stem}.csv", points, np.ones(len(points)))
    return project


def test_cells_at_given_points_of_files(pointed):
    result = lacss(pointed, "--lois", "lois")
    assert result.exit_code == 4
    assert "2 written, 1 failed" in result.output
    assert "f2.tif has no LOIs" in result.output
    for stem in ("f0", "f1"):
        table = pd.read_csv(pointed / "predictions" / f"{stem}.csv")
        given = read_lois(pointed / "lois" / f"{stem}.csv")[0]
        distance = np.abs(table[["loi_y", "loi_x"]].to_numpy()[:, None] - given).max(axis=2)
        assert len(table) > 3
        assert (distance.min(axis=1) < 0.05).all()
        assert len(set(distance.argmin(axis=1))) == len(table)
    result = lacss(pointed, "--lois", "lois", "-o", "two", "--workers", 2)
    assert contents(pointed / "two") == contents(pointed / "predictions")
    refused = lacss(pointed)
    assert refused.exit_code == 3
    assert "other lois" in refused.stderr
    assert lacss(pointed, "--lois", "none").exit_code == 3


def test_nuclei_are_measured_in_the_tables(pointed):
    for stem in ("f0", "f1"):
        shape = tifffile.imread(pointed / "images" / f"{stem}.tif").shape
        write_labels(pointed / "nuclei" / f"{stem}.tif", (np.indices(shape).sum(axis=0) % 2).astype(np.int32))
    write_labels(pointed / "nuclei" / "f2.tif", np.ones((9, 9), np.int32))
    result = lacss(pointed, "--lois", "lois", "--nuclei-labels", "nuclei")
    assert "2 written, 1 failed" in result.output
    for words in ((), ("--workers", 2)):
        folder = pointed / f"again{len(words)}"
        lacss(pointed, "--lois", "lois", "--nuclei-labels", "nuclei", "-o", folder.name, *words)
        assert contents(folder) == contents(pointed / "predictions")
    for stem in ("f0", "f1"):
        table = pd.read_csv(pointed / "predictions" / f"{stem}.csv")
        labels, nuclei = (read_labels(pointed / place / f"{stem}.tif") for place in ("predictions", "nuclei"))
        assert table["nucleus_area"].tolist() == [nuclei[labels == k].sum() for k in table["label"]]
    write_lois(pointed / "lois" / "f2.csv", np.array([[40.0, 40.0]]), np.ones(1))
    assert "f2.tif is (9, 9) pixels" in lacss(pointed, "--lois", "lois", "--nuclei-labels", "nuclei").output
    assert "other nuclei_labels" in lacss(pointed, "--lois", "lois").stderr


def test_points_outside_the_image_are_named(pointed):
    write_lois(pointed / "lois" / "f2.csv", np.array([[5.0, 5.0], [5.0, 5000.0]]), np.ones(2))
    result = lacss(pointed, "--lois", "lois")
    assert "f2.csv has 1 LOIs outside" in result.output
    assert "2 written, 1 failed" in result.output


def test_large_images_go_in_tiles_of_any_size(project, monkeypatch):
    monkeypatch.setattr(parts, "WHOLE_PIXELS", 1000)
    monkeypatch.setattr(outputs, "WHOLE_PIXELS", 1000)
    (project / "slide").mkdir()
    image = (picture(120, 1250)[0] * 1000).astype(np.uint16)
    tifffile.imwrite(project / "slide" / "s.tif", image, tile=(64, 256), compression="zlib")
    for name, side in (("a", 2048), ("b", 64), ("c", 160)):
        words = ["predict", "m.safetensors", "slide", "-o", name, "--tile", str(side), "--set", "small=1"]
        result = CliRunner().invoke(app, [*words, "--project", str(project), *SURE])
        assert result.exit_code == 0, result.output
    assert read_labels(project / "a" / "s.tif").max() > 50
    assert contents(project / "a") == contents(project / "b") == contents(project / "c")


def test_another_magnification_is_told_by_the_diameter(project):
    (project / "images" / "g.tif").unlink()
    (project / "double").mkdir()
    for path in (project / "images").iterdir():
        large = tifffile.imread(path).repeat(2, axis=0).repeat(2, axis=1)
        tifffile.imwrite(project / "double" / path.name, large)
    as_trained = SMALL.cell_diameter / 0.8
    for name, images, words in (
        ("plain", "images", ()),
        ("said", "images", ("--diameter", as_trained, "--workers", 2)),
        ("large", "double", ("--diameter", 2 * as_trained)),
        ("wrong", "double", ()),
    ):
        line = ["predict", "m.safetensors", images, "-o", name, "--project", str(project), *SURE, *map(str, words)]
        assert CliRunner().invoke(app, line).exit_code == 0
    assert contents(project / "said") == contents(project / "plain")
    counts = {name: sum(int(read_labels(path).max()) for path in (project / name).glob("*.tif"))
              for name in ("plain", "large", "wrong")}  # fmt: skip
    assert abs(counts["large"] - counts["plain"]) <= 0.1 * counts["plain"]
    assert counts["wrong"] > 2 * counts["plain"]


@pytest.mark.parametrize("text", ["0", "many"])
def test_a_batch_size_that_is_none_is_refused(text, project):
    result = lacss(project, "--batch-size", text)
    assert result.exit_code == 2
    assert f"--batch-size {text} is neither auto nor a number of images" in result.output


# ---- counts ---------------------------------------------------------------------------------------------------------


def tallies(counts):
    return {name: Tally(count) for name, count in counts.items()}


def test_images_unlike_the_others_are_named():
    counts = {f"f{k}": 50 + k % 5 for k in range(20)} | {"empty": 0, "crowd": 400}
    assert outliers(counts) == {"crowd": 400, "empty": 0}
    text = summary(tallies(counts))
    assert text[0] == "1440 cells in 22 images, 52 in the median one (0 to 400)"
    assert text[1] == "2 unlike the others, look at them: crowd (400), empty (0)"


def test_no_cell_anywhere_comes_with_advice():
    assert "lower `min_score`, check `diameter`" in summary(tallies({"a": 0, "b": 0}))[1]
    assert len(summary(tallies({"a": 0, "b": 1}))) == 1


def test_counting_noise_and_few_images_are_no_outliers():
    assert outliers({f"f{k}": 50 for k in range(20)} | {"a": 60}) == {}
    assert outliers({"a": 0, "b": 100, "c": 3}) == {}
    assert summary({}) == []


def test_giants_are_named_in_the_terminal_and_in_the_table(tmp_path):
    cells = found(count=25)
    areas = [301, 301, 300, *[100] * 22]
    sized = replace(cells, crops=tuple(np.full((1, area), 200, np.uint8) for area in areas))
    assert (tally(sized).cells, tally(sized).giants) == (25, 2)
    assert tally(sized.select(np.arange(4))).giants == 0  # four cells have no usual size
    text = summary({"a": Tally(25), "b": Tally(30, giants=1), "c": Tally(30, giants=2)})
    assert text[1] == (
        "3 cells are more than 3 times as large as the median cell of their image (relative_area in the tables): "
        "c (2), b (1)"
    )
    labels = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((5, 5), int)).astype(np.int32)
    labels = np.pad(labels, (0, 20))
    labels[15:, 15:] = 1  # cell 1 has 25 + 400 pixels, the others 25
    flat = cells_from_labels(labels)
    write_outputs(tmp_path, Segmented("a", "a.tif", flat, labels), ["csv"])
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["relative_area"].tolist() == [17, 1, 1, 1, 1, 1, 1, 1, 1]
    assert tally_of_table(tmp_path / "a.csv") == Tally(9, giants=1, area=625.0, score=1.0)
    (tmp_path / "old.csv").write_text("label,y,x\n1,2,3\n", encoding="utf-8")
    assert tally_of_table(tmp_path / "old.csv") == Tally(1)


def test_low_scores_and_cells_of_another_size_are_told():
    usual = {"a": Tally(9, area=8100.0, score=0.9), "b": Tally(1, area=900.0, score=0.7), "empty": Tally(0)}
    assert len(summary(usual, 34.0)) == 1  # a disc of 900 pixels is 33.9 across
    (line,) = summary(usual, 20.0)[1:]
    assert line == "cells are 34 px across and the model expects 20: set `diameter` to 34 and compare."
    assert "expects 60" in summary(usual, 60.0)[1]
    (line,) = summary({**usual, "a": Tally(9, area=8100.0, score=0.3)}, 34.0)[1:]
    assert line.startswith("the model is unsure: the median cell scores 0.50,")
    assert len(summary({**usual, "a": Tally(9, area=8100.0, score=0.3)}, 34.0, probable=False)) == 1
    assert len(summary({"a": Tally(9, points=9, area=8100.0, score=0.3)}, 34.0)) == 1  # points say where cells are
    assert tally(found()).score == np.median(found().scores)
    assert tally(found()).area == found().areas().sum()


def test_cells_in_pieces_and_points_without_cells_are_told():
    assert len(summary({"a": Tally(100, in_pieces=10, points=100)})) == 1
    (line,) = summary({"a": Tally(100, in_pieces=11)})[1:]
    assert line.startswith("11 % of the cells came in several pieces")
    (line,) = summary({"a": Tally(40, points=100), "b": Tally(60, points=100)})[1:]
    assert line.startswith("only 40 cells at 100 points: a (40).")
