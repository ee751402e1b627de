"""How long five cuts take, as ratios within one run, and how much memory a large one needs.

    python benchmarks/cuts.py DATA           # a folder with images/
    python benchmarks/cuts.py DATA --memory [SIDE]  # a mosaic, SIDE (4096) pixels square, from file to file

The yardstick is the plain use of PyMaxflow on the same energy: every pixel a node, one graph per threshold. Whole is
building and solving, flow the solving alone; of the five thresholds the slowest counts. Medians over the images.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import maxflow
import numpy as np
import tifffile

from lacss_tools.annotate.candidates.candidates import cut_at
from lacss_tools.annotate.candidates.graphcut import EDGE, Smoothness, cut
from lacss_tools.annotate.candidates.intensity import automatic_centre, normalise
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.io.native import read_image
from lacss_tools.io.project import list_images

IMAGES, REPEATS, SIDE = 8, 3, 512


def plain(q: np.ndarray, threshold: float, smoothness: float) -> tuple[np.ndarray, float, float]:
    """Return the mask, the seconds of building and solving, and those of solving alone."""
    start = time.perf_counter()
    q = np.clip(q.astype(np.float64), EDGE, 1 - EDGE)
    evidence = np.log(q) - np.log1p(-q) - np.log(threshold) + np.log1p(-threshold)
    graph = maxflow.GraphFloat(q.size, 4 * q.size)
    nodes = graph.add_grid_nodes(q.shape)
    graph.add_grid_edges(nodes, smoothness, structure=np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]]), symmetric=True)
    graph.add_grid_tedges(nodes, np.maximum(evidence, 0), np.maximum(-evidence, 0))
    before = time.perf_counter()
    graph.maxflow()
    flow = time.perf_counter() - before
    mask = ~graph.get_grid_segments(nodes)
    return mask, time.perf_counter() - start, flow


def seconds(work: Callable[[], object]) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(image: np.ndarray, settings: CutSettings) -> np.ndarray:
    """Return seconds: five cuts, slowest plain solve, its flow alone, five plain solves, `cut_at`; and differences."""
    q = normalise(image, settings)
    thresholds = [float(t) * automatic_centre(q) for t in settings.thresholds]
    smoothness = Smoothness(settings.weight)
    masks = cut(q, thresholds, smoothness)
    rows = []
    for _ in range(REPEATS):
        alone = [plain(q, t, settings.weight) for t in thresholds]
        rows.append(
            [
                seconds(lambda: cut(q, thresholds, smoothness)),
                max(run[1] for run in alone),
                max(run[2] for run in alone),
                sum(run[1] for run in alone),
                seconds(lambda: cut_at(image, settings, thresholds[2])),
                float(np.mean([mask != run[0] for mask, run in zip(masks, alone, strict=True)])),
            ]
        )
    return np.median(rows, axis=0)


def speed(data: Path) -> None:
    """Print the table for a few images, each cropped to 512x512."""
    paths = list(list_images(data / "images").values())
    chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, IMAGES).astype(int))]
    print(f"{data.name}, {len(chosen)} images of at most {SIDE}x{SIDE}, medians over images of medians of {REPEATS}")
    print("smoothness  five cuts  slowest plain (flow)  five plain  five/slowest (flow)  plain/ours  cut_at  differ")
    for weight in (0.1, 0.2, 0.5):
        settings = CutSettings(smoothness=weight, polarity="bright")
        table = np.array([measure(read_image(path)[:, :SIDE, :SIDE], settings) for path in chosen])
        ours, slowest, flow, five, at, differ = np.median(table, axis=0)
        ratios = np.median([table[:, 0] / table[:, 1], table[:, 0] / table[:, 2], table[:, 3] / table[:, 0]], axis=1)
        times = f"{weight:10.1f} {ours:9.3f}s {slowest:12.3f}s ({flow:.3f}s) {five:9.3f}s"
        print(f"{times} {ratios[0]:12.2f} ({ratios[1]:.2f}) {ratios[2]:14.2f} {at:8.3f}s {differ:9.1e}")


def memory(data: Path, side: int) -> None:
    """Print the peak memory and time of a cut of `side` x `side` pixels from file to file, each in a process."""
    path = next(iter(list_images(data / "images").values()))
    plane = tifffile.imread(path)
    repeats = [-(-side // size) for size in plane.shape]
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.tif"
        mosaic = np.block([[plane[:: (-1) ** y, :: (-1) ** x] for x in range(repeats[1])] for y in range(repeats[0])])
        tifffile.imwrite(large, mosaic[:side, :side])
        for words in ([], ["--contrast"], ["--smoothness", "1"]):
            start = time.perf_counter()
            line = [sys.executable, __file__, str(large), "--child", *words]
            done = subprocess.run(line, check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - start
            print(f"{side}x{side} {' '.join(words) or 'default'}: {done.stdout.strip()}, {seconds:.0f} s", flush=True)


def child(path: Path, words: list[str]) -> None:
    """Cut one file as the command does and print the peak of this process."""
    from lacss_tools.annotate.candidates.steps import cut_file
    from lacss_tools.io.candidates import read_cut_notes
    from lacss_tools.jobs.batch import Job

    weight = float(words[1]) if words[:1] == ["--smoothness"] else None
    output = path.with_name("candidates.tif")
    cut_file(Job(path.stem, (path,), output), CutSettings(contrast="--contrast" in words, smoothness=weight))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak {peak:.2f} GiB, seam {read_cut_notes(output).seam:.1e}")


def main(words: list[str]) -> None:
    """Choose by the words of the command line."""
    path = Path(words[0])
    if "--child" in words:
        child(path, words[2:])
    elif "--memory" in words:
        memory(path, int(words[2]) if len(words) > 2 else 4096)
    else:
        speed(path)


if __name__ == "__main__":
    main(sys.argv[1:])
