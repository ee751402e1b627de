"""Check the metrics on real data and on size: python benchmarks/metrics.py [FOLDER]

FOLDER holds LIVECell images and their COCO file (livecell_coco_val.json). They must convert to a project, and evaluate
against themselves to 1.0 at every threshold; a perturbed copy must give the values that follow from what was changed.
Without FOLDER only the speed of 3,000 against 3,000 cells is measured.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lacss_tools.cells import Cells, code_mask
from lacss_tools.formats import steps
from lacss_tools.formats.coco import read_coco, write_coco
from lacss_tools.formats.geojson import read_geojson, write_geojson
from lacss_tools.formats.rois import read_rois, write_rois
from lacss_tools.formats.sources import open_source
from lacss_tools.formats.weak import distinct
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels
from lacss_tools.io.project import Project
from lacss_tools.metrics.metrics import compare, evaluate, summarise

SIDE, CELLS, RADIUS = 2048, 3000, 18


def crowd(jitter: float, seed: int) -> Cells:
    """Return discs on a grid, moved at random."""
    rng = np.random.default_rng(seed)
    per_row = int(np.ceil(CELLS**0.5))
    grid = np.argwhere(np.ones((per_row, per_row)))[:CELLS] * (SIDE - 2 * RADIUS - 4) / per_row + RADIUS + 2
    centres = (grid + rng.normal(0, jitter, grid.shape)).round().clip(RADIUS, SIDE - RADIUS - 1).astype(int)
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    disc = code_mask(np.hypot(y, x) < RADIUS - 0.5)
    boxes = np.concatenate([centres - RADIUS, centres + RADIUS + 1], axis=1)
    return Cells((SIDE, SIDE), rng.random(CELLS), centres.astype(float), boxes, (disc,) * CELLS)


def measure_speed() -> None:
    """Print the time of 3,000 against 3,000 cells."""
    found, truth = crowd(3, 1), crowd(0, 2)
    start = time.perf_counter()
    matched = compare(found, truth)
    half = time.perf_counter()
    result = summarise([matched], 0.0)
    end = time.perf_counter()
    print(f"{CELLS} against {CELLS} cells, {SIDE} px: matching {half - start:.2f} s, all {end - start:.2f} s")
    print(f"  AP50 {result.ap50:.3f}, AJI+ {result.rates.aji_plus:.3f}")


def check_livecell(folder: Path) -> None:
    """Compare the cells of a LIVECell file with themselves and with changed copies; convert; write and read."""
    coco = read_coco(next(folder.glob("*coco*.json")))
    truth = {stem: coco.cells(stem) for stem in coco.shapes}
    itself = evaluate([(cells, cells) for cells in truth.values()])
    assert itself.ap == itself.ap_coco == [1.0] * 10, itself.ap
    assert itself.accuracy50 == itself.rates.aji_plus == itself.rates.seg == 1.0
    print(f"LIVECell: {len(truth)} images, {itself.n_truth} cells; against itself every AP is 1.0")
    _check_perturbed(truth)
    _check_conversion(coco.path, truth)
    for stem, cells in truth.items():
        _check_round_trips(stem, cells)
    print("  COCO, ROI zip and GeoJSON come back pixel for pixel, overlaps included")


def _check_perturbed(truth: dict[str, Cells]) -> None:
    """Every third cell dropped: all that is left is right, so AP, recall and accuracy are what is left over all."""
    kept = [(cells.select(np.flatnonzero(np.arange(len(cells)) % 3 > 0)), cells) for cells in truth.values()]
    share = sum(len(found) for found, _ in kept) / sum(len(cells) for _, cells in kept)
    result = evaluate(kept)
    for value in (result.ap50, result.map, result.accuracy50, result.rates.recall[9], result.rates.seg):
        assert abs(value - share) < 1e-9
    # every cell twice, doubles ranked last: AP is unharmed, precision and accuracy are halved
    double = []
    for cells in truth.values():
        twice = cells.select(np.tile(np.arange(len(cells)), 2))
        scores = np.repeat([1.0, 0.5], len(cells))
        double.append((Cells(twice.shape, scores, twice.locations, twice.boxes, twice.crops), cells))
    result = evaluate(double, score_cut=0.0)
    assert result.ap == [1.0] * 10
    assert result.accuracy50 == result.rates.precision[0] == 0.5
    print(f"  every third cell dropped: AP {share:.4f} at every threshold; every cell doubled: accuracy 0.5")


def _check_conversion(path: Path, truth: dict[str, Cells]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, source = Project(Path(folder)), open_source(path)
        for job in steps.conversion_jobs(source, home):
            steps.convert_image(job, source, {}, home)
            expected = len(distinct(truth[job.stem]))
            files = steps.outputs_of(job.stem, home)
            assert len(read_lois(files.lois)[0]) == expected
            lost = expected - len(np.unique(read_labels(files.labels))) + 1
            assert lost == 0, f"{lost} cells of {job.stem} lost in the label image"
        labels = open_source(home.labels)
        pairs = [(labels.cells(stem), labels.cells(stem)) for stem in labels.files]
        assert evaluate(pairs).ap == [1.0] * 10
        against = evaluate([(labels.cells(stem), truth[stem]) for stem in labels.files])
    dropped = _doubles(truth)
    print(f"  converted: {dropped} doubles dropped, no cell lost; flattened AP50 {against.ap50:.4f}")


def _doubles(truth: dict[str, Cells]) -> int:
    return sum(len(cells) - len(distinct(cells)) for cells in truth.values())


def _check_round_trips(stem: str, cells: Cells) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, numbers = Path(folder), np.arange(1, len(cells) + 1)
        write_coco(path / "c.json", {stem: (f"{stem}.tif", cells, numbers)})
        write_rois(path / "r.zip", cells, numbers)
        write_geojson(path / "g.geojson", cells, numbers)
        back = (
            read_coco(path / "c.json").cells(stem),
            read_rois(path / "r.zip", cells.shape).cells,
            read_geojson(path / "g.geojson", cells.shape).cells,
        )
    for again in back:
        assert (again.boxes == cells.boxes).all()
        assert all((ours == theirs).all() for ours, theirs in zip(again.crops, cells.crops, strict=True))


if __name__ == "__main__":
    measure_speed()
    if len(sys.argv) > 1:
        check_livecell(Path(sys.argv[1]))
