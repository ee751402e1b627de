"""Prediction at scale: the same cells in tiles, memory of a slide, images per second, cost per pixel and cell, kills.

    python benchmarks/predict.py PART DATA MODEL [--out DIR]     # PART: identity memory throughput linear kills

DATA holds images/ (fields of one size), MODEL is a run folder or a .safetensors file. Set OMP_NUM_THREADS=1. The load
of the machine is printed, since times mean little on one that has other work.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from lacss_tools.io.native import read_image, read_labels, write_table
from lacss_tools.io.project import list_images

MOSAIC, TILES = 2048, (256, 384, 640)
SLIDE = 16384
FIELDS, WARM, SIDE = 200, 20, 512
SIDES = (256, 512, 1024, 2048, 4096, 8192, 16384)
PARTS_WITH_CELLS = (0.0, 0.25, 0.5, 0.75, 1.0)
CANVAS = (12288, 4096)
"""of the series over cells: in full (20,000 of them and more), and quick"""
KILLS, SMALL_FILES, SMALL_SIDE = 50, 300, 128


def mosaic(data: Path, side: int, rows: int | None = None) -> np.ndarray:
    """Return real fields side by side, uint16; with `rows`, only so many rows of them hold cells."""
    fields = [read_image(path)[0].astype(np.uint16) for path in list_images(data / "images").values()]
    tall, wide = fields[0].shape
    canvas = np.full((side, side), int(np.median([field.min() for field in fields])), np.uint16)
    number = 0
    for y in range(0, side, tall):
        for x in range(0, side, wide):
            if rows is None or y // tall < rows:
                canvas[y : y + tall, x : x + wide] = fields[number % len(fields)][: side - y, : side - x]
            number += 1
    return canvas


def command(*words: Any) -> list[str]:
    """Return `lacss predict` as a command line."""
    return [sys.executable, "-m", "lacss_tools", "predict", *map(str, words)]


def run(*words: Any) -> float:
    """Run `lacss predict` and return its seconds."""
    start = time.perf_counter()
    subprocess.run(command(*words), check=True, capture_output=True)
    return time.perf_counter() - start


# ---- the same cells -------------------------------------------------------------------------------------------------


def identity(data: Path, model: Path, out: Path) -> None:
    """Compare tiles of three sizes with one piece on a mosaic of real fields."""
    from lacss_tools.metrics.overlap import iou_matrix
    from lacss_tools.predict.predictor import load_predictor
    from lacss_tools.predict.tiles import plan

    predictor, image = load_predictor(model, "cpu"), mosaic(data, MOSAIC)[None].astype(np.float32)
    whole = predictor(image)
    frame = predictor.frame(image.shape)
    print(f"  {MOSAIC}x{MOSAIC} in one piece ({frame.size[0]} working pixels): {len(whole)} cells")
    for side in TILES:
        tiled = replace(predictor, tiling=replace(predictor.tiling, tile=side))
        seams = sorted({tile.core[0] for tile in plan(frame.size, side, predictor.halo)} - {0})
        found = tiled(image)
        iou = iou_matrix(whole, found).toarray()
        best = iou.max(axis=1)
        factor = frame.factor[0]
        crossing = [
            any(b[0] < seam * factor < b[2] or b[1] < seam * factor < b[3] for seam in seams)
            for b in whole.boxes.tolist()
        ]
        cut = int(np.count_nonzero(best[crossing] < 0.99))
        print(f"  tiles of {side}: {len(found)} cells, least IoU {best.min():.4f}, ", end="")
        print(f"{sum(crossing)} cells on seams, {cut} of them cut; equal masks: {int((best == 1).sum())}")


# ---- memory ---------------------------------------------------------------------------------------------------------


def memory(data: Path, model: Path, out: Path) -> None:
    """Predict a slide, tiled and compressed as scanners write it, and print time and peak memory."""
    tifffile.imwrite(out / "slide.tif", mosaic(data, SLIDE), tile=(512, 512), compression="zlib")
    for formats in ("labels", "labels,csv"):
        seconds = run(
            model, out / "slide.tif", "-o", out / "slide", "--format", formats, "--device", "cpu", "--overwrite"
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        cells = int(read_labels(out / "slide" / "slide.tif").max())
        print(f"  {SLIDE}x{SLIDE} to {formats}: {seconds / 60:.1f} minutes, peak so far {peak:.2f} GB, {cells} cells")


# ---- images per second ----------------------------------------------------------------------------------------------


def fill(folder: Path, data: Path, number: int, side: int) -> None:
    """Write `number` fields cut to `side` pixels."""
    folder.mkdir(parents=True)
    files = list(list_images(data / "images").values())
    for k in range(number):
        pixels = read_image(files[k % len(files)])[0, :side, :side].astype(np.uint16)
        tifffile.imwrite(folder / f"{k:05}.tif", pixels, compression="zlib")


def throughput(data: Path, model: Path, out: Path, release: str | None = None) -> None:
    """Print images per second from TIFF to label TIFF, steady state, and which part of the work is the network.

    `release` is the python of an environment with the authors' release, which is timed in the same run.
    """
    fill(out / "few", data, WARM, SIDE)
    fill(out / "many", data, FIELDS, SIDE)
    for workers in (1, 2):
        seconds, cpu = {}, {}
        for name in ("few", "many"):
            before = _cpu()
            seconds[name] = run(
                model, out / name, "-o", out / f"{name}{workers}", "--format", "labels", "--workers", workers
            )
            cpu[name] = _cpu() - before
        steady = FIELDS - WARM
        rate, work = steady / (seconds["many"] - seconds["few"]), (cpu["many"] - cpu["few"]) / steady
        print(f"  {workers} workers: {rate:.1f} images of {SIDE}x{SIDE} per second", end="")
        print(f", {1000 * work:.0f} ms of CPU each" if workers == 1 else "", end="")  # workers are nobody's children
        print(f" (start and {WARM} images: {seconds['few']:.1f} s)")
    shares(data, model, out)
    rival(model)
    if release:
        print("  the authors' release, all cores:")
        subprocess.run([release, Path(__file__).with_name("release.py")], check=True, stderr=subprocess.DEVNULL)


def _cpu() -> float:
    """Return the CPU seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rival(model: Path) -> None:
    """Print CPU seconds of one pass of the network and of Cellpose 3's `cyto` architecture (random weights)."""
    import torch

    from lacss_tools.network.device import autocast
    from lacss_tools.predict.predictor import load_predictor

    try:
        from cellpose.resnet_torch import CPnet
    except ImportError as error:
        print(f"  not compared with Cellpose 3: {error}")
        return
    torch.set_num_threads(1)
    cyto, predictor = CPnet([2, 32, 64, 128, 256], 3, sz=3).eval(), load_predictor(model, "cpu")
    passes = {"Cellpose cyto float32": (cyto, 2, False), "Cellpose cyto bfloat16": (cyto, 2, True),
              "this model": (predictor.model, predictor.model.settings.channels, True)}  # fmt: skip
    for name, (network, channels, fast) in passes.items():
        times, image = [], torch.randn(1, channels, SIDE, SIDE)
        with torch.inference_mode(), autocast(predictor.device) if fast else nullcontext():
            for _ in range(5):
                start = time.process_time()
                network(image)
                times.append(time.process_time() - start)
        print(f"  {name}: {min(times):.3f} CPU seconds per pass over {SIDE}x{SIDE}")


def shares(data: Path, model: Path, out: Path) -> None:
    """Print the seconds per image of each stage, in one thread."""
    import torch

    from lacss_tools.io.source import open_image
    from lacss_tools.network.lacss import Lacss
    from lacss_tools.network.segmentor import Segmentor
    from lacss_tools.predict.outputs import write_found
    from lacss_tools.predict.predictor import load_predictor

    torch.set_num_threads(1)
    predictor = load_predictor(model, "cpu")
    for path in list_images(out / "few").values():  # warm
        with open_image(path) as field:
            predictor.find(field.source)
    spent: dict[str, float] = {}
    with _timed(Lacss, "forward", "maps", spent), _timed(Segmentor, "patch_logits", "patches", spent):
        for path in list(list_images(out / "few").values()):
            start = time.perf_counter()
            with open_image(path) as field:
                read = time.perf_counter()
                found = predictor.find(field.source)
                done = time.perf_counter()
                write_found(out / "shares", path.stem, field, found, ("labels",))
            for name, seconds in (("read", read - start), ("find", done - read), ("write", time.perf_counter() - done)):
                spent[name] = spent.get(name, 0.0) + seconds
    total, network = spent["read"] + spent["find"] + spent["write"], spent["maps"] + spent["patches"]
    print("  ms per image:", {name: round(1000 * value / WARM, 1) for name, value in spent.items()})
    print(f"  the network is {100 * network / total:.0f} % of the work")


@contextmanager
def _timed(kind: Any, name: str, label: str, spent: dict[str, float]) -> Iterator[None]:
    plain = getattr(kind, name)

    def timed(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = plain(*arguments)
        spent[label] = spent.get(label, 0.0) + time.perf_counter() - start
        return result

    setattr(kind, name, timed)
    try:
        yield
    finally:
        setattr(kind, name, plain)


# ---- cost against size ----------------------------------------------------------------------------------------------


def linear(data: Path, model: Path, out: Path, quick: bool = False) -> None:
    """Write linear.csv and linear.png: CPU seconds against pixels, and against cells on one canvas."""
    rows: list[list[Any]] = []
    _cost(mosaic(data, SIDES[0]), model, out)  # what only the first image costs
    for side in SIDES[:5] if quick else SIDES:
        rows.append(["pixels", side, *_cost(mosaic(data, side), model, out)])
        print("  ", *rows[-1], flush=True)
    side = CANVAS[quick]
    tall = read_image(next(iter(list_images(data / "images").values()))).shape[1]
    for part in PARTS_WITH_CELLS:
        rows.append(["cells", side, *_cost(mosaic(data, side, round(part * side / tall)), model, out)])
        print("  ", *rows[-1], flush=True)
    write_table(out / "linear.csv", ["series", "side", "cpu_seconds", "cells"], rows)
    plot(rows, out / "linear.png")


def _cost(pixels: np.ndarray, model: Path, out: Path) -> tuple[float, int]:
    """Return CPU seconds (which other work on the machine changes least), less those of the start, and cells."""
    from lacss_tools.io.source import open_image
    from lacss_tools.predict.outputs import write_found
    from lacss_tools.predict.predictor import load_predictor

    tifffile.imwrite(out / "a.tif", pixels)
    predictor = load_predictor(model, "cpu")
    start = time.process_time()
    with open_image(out / "a.tif") as field:
        found = predictor.find(field.source)
        write_found(out / "linear", "a", field, found, ("labels", "csv"))
    return round(time.process_time() - start, 2), len(found)


def plot(rows: list[list[Any]], path: Path) -> None:
    """Draw both series, logarithmic in pixels and plain in cells."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    pixels = np.array([(row[1] ** 2 / 1e6, row[2]) for row in rows if row[0] == "pixels"])
    left.loglog(pixels[:, 0], pixels[:, 1], "o-")
    left.loglog(pixels[:, 0], pixels[-1, 1] / pixels[-1, 0] * pixels[:, 0], ":", color="grey", label="proportional")
    left.set(xlabel="megapixels", ylabel="CPU seconds")
    left.legend()
    cells = np.array([(row[3], row[2]) for row in rows if row[0] == "cells"])
    side = rows[-1][1]
    right.plot(cells[:, 0], cells[:, 1], "o-", label=f"{side} x {side} pixels")
    right.set(xlabel="cells", ylabel="CPU seconds", xlim=(0, None), ylim=(0, None))
    right.locator_params(axis="x", nbins=6)
    right.legend()
    figure.savefig(path, dpi=110)


# ---- kills ----------------------------------------------------------------------------------------------------------


def kills(data: Path, model: Path, out: Path) -> None:
    """Kill a run many times at random, let it finish, and compare with one that was left alone."""
    fill(out / "small", data, SMALL_FILES, SMALL_SIDE)
    run(model, out / "small", "-o", out / "calm", "--workers", 1)
    dice, killed = random.Random(0), 0
    words = command(model, out / "small", "-o", out / "killed", "--workers", 1)
    while killed < KILLS:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(list((out / "killed").glob("*.csv"))) if (out / "killed").exists() else 0
        if before >= SMALL_FILES - 5:  # start again, so that every kill hits work
            process.kill()
            process.wait()
            _compare(out / "calm", out / "killed", partly=True)
            shutil.rmtree(out / "killed")
            continue
        while process.poll() is None:
            time.sleep(dice.uniform(0.01, 0.3))
            now = len(list((out / "killed").glob("*.csv"))) if (out / "killed").exists() else 0
            if now > before:  # at work
                time.sleep(dice.uniform(0, 0.2))
                process.send_signal(signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
    run(model, out / "small", "-o", out / "killed", "--workers", 1)
    left = len(list((out / "killed").glob(".*.part")))
    print(f"  {killed} kills in runs of {SMALL_FILES} files; {left} temporary files left")
    _compare(out / "calm", out / "killed", partly=False)


def _compare(calm: Path, other: Path, partly: bool) -> None:
    expected = {path.name: path.read_bytes() for path in calm.iterdir()}
    found = {path.name: path.read_bytes() for path in other.iterdir() if not path.name.startswith(".")}
    assert all(expected[name] == content for name, content in found.items()), "a file differs"
    assert partly or found.keys() == expected.keys(), "files are missing"
    print(f"  {len(found)} files whole and equal to the byte")


PARTS = {f.__name__: f for f in (identity, memory, throughput, linear, kills)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--quick", action="store_true", help="linear: up to 4096 pixels only")
    parser.add_argument("--release", help="throughput: python of an environment with lacss 0.15.2, see release.py")
    parser.add_argument("--out", type=Path, help="keep what is written here")
    options = parser.parse_args()
    print(f"{options.part}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        place = options.out or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        extra: dict[str, Any] = {"quick": True} if options.quick else {}
        extra |= {"release": options.release} if options.release else {}
        PARTS[options.part](options.data, options.model, place, **extra)
    print(f"  load at the end {os.getloadavg()[0]:.2f}")
