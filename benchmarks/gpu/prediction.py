"""Images of 512 x 512 per second: from arrays, and from TIFF files to label TIFFs and tables."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from lacss_tools.predict import predictor
from lacss_tools.predict.predictor import Predictor, load_predictor

import data
from bench import Bench, Card, Spent, forget, peak, seconds_of, wrapped

SIDE = 512
BATCHES = (1, 16, 64)
FILES = 2400
CASES = (
    ("labels", 8),
    ("labels", 1),
    ("labels", 12),
    ("labels", 4),
    ("labels,csv", 8),
)
"""formats and processes"""
MOST = 60.0
"""seconds of one run"""


def arrays(bench: Bench, loaded: Predictor) -> None:
    """Print images per second from arrays by size of batch, and the milliseconds of each part."""
    images = [bench.set.image(k, 1)[:, :SIDE, :SIDE] for k in range(len(bench.set.stems))]
    for batch in BATCHES:
        group = [images[k % len(images)] for k in range(batch)]
        forget(bench.device)
        loaded.find_batch(group)
        rounds, start, cells = 0, time.perf_counter(), 0
        while time.perf_counter() - start < bench.scale or not rounds:
            cells = sum(len(found) for found in loaded.find_batch(group))
            rounds += 1
        rate = rounds * batch / (time.perf_counter() - start)
        facts: dict[str, Any] = {"images_per_second": round(rate, 1), "memory_gb": peak(bench.device)}
        bench.keep(
            "prediction", f"arrays, batch {batch}", facts | {"cells": cells / batch} | parts(bench, loaded, group)
        )


def parts(bench: Bench, loaded: Predictor, group: list[np.ndarray]) -> dict[str, float]:
    """Return milliseconds per image, each part waited for."""
    spent = Spent(bench.device)
    with (
        wrapped(Predictor, "_maps", spent.timed("maps")),
        wrapped(predictor, "normalise", spent.timed("normalise")),
        wrapped(predictor, "resize", spent.timed("resize")),
        wrapped(predictor, "propose", spent.timed("propose")),
        wrapped(predictor, "cut", spent.timed("cut")),
        wrapped(Predictor, "_finish", spent.timed("finish")),
    ):
        whole = seconds_of(lambda: loaded.find_batch(group), bench.device)
    return {
        f"ms {name}": round(1000 * value / len(group), 3) for name, value in {**spent.seconds, "all": whole}.items()
    }


def files(bench: Bench) -> None:
    """Print images per second of `lacss predict`, by number of processes, in steady state."""
    with tempfile.TemporaryDirectory() as folder:
        _files(bench, Path(folder))


def _files(bench: Bench, folder: Path) -> None:
    source = folder / "images"
    source.mkdir()
    count, different = 16 if bench.rehearsed else FILES, len(bench.set.stems)

    def write(k: int) -> None:
        pixels = bench.set.cells[k][:SIDE, :SIDE]
        tifffile.imwrite(source / f"{k:05}.tif", pixels, compression="zlib")

    with ThreadPoolExecutor(data.THREADS) as pool:
        list(pool.map(write, range(min(count, different))))
    for k in range(different, count):
        os.link(source / f"{k % different:05}.tif", source / f"{k:05}.tif")
    for formats, workers in CASES[:2] if bench.rehearsed else CASES:
        if bench.late:
            return
        name = f"files to {formats}, {workers} processes"
        with Card(bench.device) as card:
            try:
                seconds, rate = command(bench, source, formats, workers)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                bench.keep("prediction", name, {"failed": str(error)[-1500:]})
                continue
        facts = {"images_per_second": round(rate, 1), "seconds": round(seconds, 1)}
        bench.keep("prediction", name, facts | card.facts())


def command(bench: Bench, source: Path, formats: str, workers: int) -> tuple[float, float]:
    """Run `lacss predict` and return its seconds, and images per second after a quarter of them."""
    target = source.parent / f"out-{formats.replace(',', '-')}-{workers}"
    words = [bench.weights, source, "-o", target, "--format", formats, "--overwrite"]
    words += ["--workers", workers, "--device", bench.device.type]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    start = time.perf_counter()
    line = [sys.executable, "-m", "lacss_tools", "predict", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=MOST)
    if done.returncode:
        raise RuntimeError(f"lacss predict failed: {done.stderr[-1500:]}")
    seconds = time.perf_counter() - start
    times = sorted(path.stat().st_mtime for path in target.glob("*.tif"))
    first = len(times) // 4
    return seconds, (len(times) - 1 - first) / max(times[-1] - times[first], 1e-3)


def prediction(bench: Bench) -> None:
    """Measure arrays, then files."""
    if not bench.weights.is_file():
        raise RuntimeError("the phase learning left no weights")
    loaded = load_predictor(bench.weights, str(bench.device))
    arrays(bench, loaded)
    files(bench)
