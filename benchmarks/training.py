"""How well and how fast the network trains: weak labels from outlines, from DAPI alone, and full labels.

    python benchmarks/training.py PART DATA [--minutes 30 | --steps N] [--seed 0] [--close PX] [--model RUN] [--out DIR]
    [-- more for lacss train]

PART: weak (LOIs and cell area from the outlines; with --close the area without gaps up to so wide, so that outlines
touch and something must part the cells), dapi (LOIs from DAPI, masks by graph cut and automatic choice; no outline
enters), full (the outlines), stained (as dapi, on all images and without validation: which of the outlined cells that
have stain does `lacss predict` find, and how do its cells compare with the points; outlines may be few or none), rival
(watershed on the validation fields, given their DAPI and graph-cut masks), speed (seconds per step, per prediction,
memory). DATA holds images/ and labels/, and dapi/ for three of the parts. Every 9th field, in the order of the names,
is validation; it is looked at while training and is what the figures are of.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pseudo_labels import IOUS, closed, stained_only

from lacss_tools.cells import cells_from_labels
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_image, read_labels, read_mask, write_mask
from lacss_tools.io.project import list_images
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.metrics.overlap import overlap
from lacss_tools.points import values_at
from lacss_tools.predict.counts import GIANT

EVERY = 9
MINUTES = 30.0
SMOOTH = 2.0
"""pixels, sigma before the plain watershed"""
SIDE, TIMED, WARM = 512, 60, 10
"""of an image and of a step in the figures of speed: 4 crops of 256 x 256 are as many pixels"""
ROUNDS = 7
"""in which the ways to make a step are timed, one after the other"""


def lacss(*words: Any) -> None:
    """Run a command of the package; its messages go where this script's go."""
    subprocess.run([sys.executable, "-m", "lacss_tools", *map(str, words)], check=True, stderr=subprocess.DEVNULL)


def split(data: Path, out: Path) -> None:
    """Copy the fields of DATA into the projects out/train and out/val."""
    for kind in ("images", "dapi", "labels"):
        for k, path in enumerate(list_images(data / kind).values() if (data / kind).is_dir() else ()):
            folder = out / ("train" if k % EVERY else "val") / kind
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)


def annotate(project: Path) -> None:
    """Make LOIs and masks from DAPI and images alone, by default options."""
    lacss("annotate-lois", "dapi", "--project", project)
    lacss("graphcut", "--project", project)
    lacss("pick", "--auto", "--project", project)


def close_gaps(project: Path, gap: int) -> None:
    """Close the gaps between outlines in the masks of a project."""
    for path in list_images(project / "masks").values():
        write_mask(path, closed(read_mask(path), gap))


def label_images(out: Path) -> None:
    """Print how good the label images of `lacss predict` are as written: found by itself, and at the nuclei in DAPI."""
    project, ways = out / "val", {"found": []}
    if (project / "dapi").is_dir():
        lacss("annotate-lois", "dapi", "--project", project)
        ways["at the nuclei"] = ["--lois", "lois"]
    for name, words in ways.items():
        folder = out / "predictions" / name
        lacss("predict", out / "run", "images", "-o", folder, "--project", project, *words)
        pairs = [
            (cells_from_labels(read_labels(folder / f"{stem}.tif")), cells_from_labels(read_labels(truth)))
            for stem, truth in list_images(project / "labels").items()
        ]
        print(f"  label images, cells {name}: TP/(TP+FP+FN) at IoU 0.5 {evaluate(pairs).accuracy50:.3f}")


def train(kind: str, options: argparse.Namespace) -> None:
    """Train on one kind of labels and print the looks at the validation fields."""
    out: Path = options.out
    project = out / "train"
    split(options.data, out)
    if kind == "weak":
        lacss("convert", "labels", "--project", project)
        if options.close:
            close_gaps(project, options.close)
    if kind == "dapi":
        annotate(project)
    if kind != "full":
        shutil.rmtree(project / "labels")  # nothing can learn from them by mistake
    labels = ["--supervision", "full", "--labels", "labels"] if kind == "full" else []
    budget = ["--steps", options.steps] if options.steps else ["--minutes", options.minutes]
    validation = ["--val-images", out / "val/images", "--val-labels", out / "val/labels"]
    words = [*labels, *budget, *validation, "--seed", options.seed, *options.more]
    print("  lacss train", *(str(word).replace(str(out), "OUT") for word in words), flush=True)
    start = time.perf_counter()
    lacss("train", "--project", project, "--run", out / "run", *words)
    minutes = (time.perf_counter() - start) / 60
    rows = [json.loads(line) for line in (out / "run/metrics.jsonl").read_text().splitlines()]
    looks = [row for row in rows if "val_ap50" in row]
    print("  | step | minutes | AP50 | AP75 | mAP |")
    for row in looks:
        figures = " | ".join(f"{row[f'val_{name}']:.3f}" for name in ("ap50", "ap75", "map"))
        print(f"  | {row['step']} | {row['seconds'] / 60:.1f} | {figures} |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"  {minutes:.1f} minutes with start and looks, largest process {peak:.2f} GB")
    label_images(out)


def stained(options: argparse.Namespace) -> None:
    """Train without outlines on all images, predict the same and print how the cells compare with outlines and LOIs."""
    out: Path = options.out
    for kind in ("images", "dapi"):
        shutil.copytree(options.data / kind, out / kind)
    annotate(out)
    budget = ["--steps", options.steps] if options.steps else ["--minutes", options.minutes]
    words = [*budget, "--seed", options.seed, *options.more]
    print("  lacss train", *(str(word).replace(str(out), "OUT") for word in words), flush=True)
    start = time.perf_counter()
    lacss("train", "--project", out, "--run", out / "run", *words)
    print(f"  {(time.perf_counter() - start) / 60:.1f} minutes")
    lacss("predict", out / "run", "images", "-o", out / "predictions", "--project", out)
    truth = list_images(options.data / "labels") if (options.data / "labels").is_dir() else {}
    best = []
    for stem in list_images(out / "images"):
        found, mask = read_labels(out / f"predictions/{stem}.tif"), read_mask(out / f"masks/{stem}.tif")
        compare_with_points(stem, found, read_lois(out / f"lois/{stem}.csv")[0], mask)
        if stem in truth:
            best.append(best_overlaps(found, read_labels(truth[stem]), mask))
    if best:
        met = " / ".join(f"{(np.concatenate(best) >= iou).mean():.3f}" for iou in IOUS)
        print(f"  {len(np.concatenate(best))} outlined cells with stain: met at IoU 0.5 / 0.75 {met}")


def compare_with_points(stem: str, found: np.ndarray, lois: np.ndarray, mask: np.ndarray) -> None:
    """Print how many cells and LOIs on the mask there are, how many LOIs a cell holds, how many cells are too large."""
    lois = lois[values_at(mask, lois)]
    held = np.bincount(values_at(found, lois), minlength=found.max() + 1)
    areas = np.bincount(found.ravel())[1:]
    giants = int((areas > GIANT * np.median(areas)).sum()) if len(areas) else 0
    holding = ", ".join(f"{name} {count}" for name, count in holders(held[1:]).items())
    print(
        f"  {stem}: {len(areas)} cells, {len(lois)} LOIs on the mask ({held[0]} in no cell); cells with {holding}",
        end="",
    )
    print(f" LOIs; {giants} over {GIANT:g} times the median")


def holders(held: np.ndarray) -> dict[str, int]:
    """Return how many cells hold no LOI, one, two, more."""
    return {str(k): int((held == k).sum()) for k in range(3)} | {"more": int((held > 2).sum())}


def best_overlaps(found: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the best IoU that each outlined cell with stain has with a cell."""
    cells = cells_from_labels(stained_only(truth, mask))
    guessed = cells_from_labels(found)
    return overlap(guessed, cells).iou().max(axis=0).toarray().ravel() if len(guessed) else np.zeros(len(cells))


def rival(options: argparse.Namespace) -> None:
    """Print the figures of seeded watersheds that are given DAPI and masks of the validation fields themselves.

    plain: on smoothed intensity, one pixel per seed, by scikit-image; discs: our pseudo-labels.
    """
    from skimage.filters import gaussian
    from skimage.segmentation import watershed

    from lacss_tools.annotate.pseudo.labels import pseudo_labels
    from lacss_tools.annotate.pseudo.names import DARK
    from lacss_tools.network.working import normalise

    project = options.out / "val"
    split(options.data, options.out)
    annotate(project)
    pairs: dict[str, list[Any]] = {"plain": [], "discs": []}
    for stem, path in list_images(project / "images").items():
        lois, mask = read_lois(project / f"lois/{stem}.csv")[0], read_mask(project / f"masks/{stem}.tif")
        image = normalise(read_image(path)).mean(0).numpy()
        truth, seeds = cells_from_labels(read_labels(project / f"labels/{stem}.tif")), np.zeros(image.shape, np.int32)
        seeds[tuple(np.rint(lois).astype(int).T)] = np.arange(1, len(lois) + 1)
        plain = watershed(-gaussian(image, SMOOTH), seeds, mask=np.asarray(mask, bool)).astype(np.int32)
        pairs["plain"].append((cells_from_labels(plain), truth))
        pairs["discs"].append((cells_from_labels(pseudo_labels(image, mask, lois, DARK)), truth))
    for name, both in pairs.items():
        result = evaluate(both)
        print(f"  {name} watershed: TP/(TP+FP+FN) at IoU 0.5 {result.accuracy50:.3f}, AP50 {result.ap50:.3f}")


def compare_ways(model: Any, images: list[Any], settings: Any) -> None:
    """Print the seconds of a step by one thread, by all, and by processes of one thread, in turns."""
    import torch

    from lacss_tools.network.device import threads
    from lacss_tools.train.distributed import ALONE
    from lacss_tools.train.team import possible, seconds, together

    cores, processes = torch.get_num_threads(), possible(settings, torch.device("cpu"), ALONE)
    times: dict[str, list[float]] = {"one thread": [], f"{cores} threads": [], f"{processes} processes": []}
    with together(model, images, settings, processes) as team:
        for _ in range(ROUNDS):
            for count, found in zip((1, cores), times.values(), strict=False):
                with threads(count):
                    found.append(seconds(model, images, settings, ALONE))
            times[f"{processes} processes"].append(seconds(model, images, settings, team))
    first = np.array(times["one thread"])
    for way, found in times.items():
        times_as_fast = np.median(first / np.array(found))
        print(f"  {way}: {np.median(found):.3f} s a step of 4 crops of 256x256, {times_as_fast:.2f} times one thread")


def speed(options: argparse.Namespace) -> None:
    """Print medians of the seconds of a step and of a prediction by `--model`, and the memory of this process."""
    from lacss_tools.network.device import choose_device, tune
    from lacss_tools.network.lacss import Lacss
    from lacss_tools.network.settings import PRESETS
    from lacss_tools.predict.predictor import load_predictor
    from lacss_tools.train.folders import TrainingFolders, load_training_data
    from lacss_tools.train.settings import TrainSettings
    from lacss_tools.train.trainer import start

    split(options.data, options.out)
    project = options.out / "train"
    lacss("convert", "labels", "--project", project)
    settings, device = TrainSettings(seed=options.seed), choose_device("cpu")
    tune(device)
    folders = TrainingFolders(project / "images", project / "lois", project / "masks", None, None, None)
    data = load_training_data(folders, "weak", PRESETS["small"].cell_diameter)
    compare_ways(start(Lacss(PRESETS["small"]), settings, device).model, data.images, settings)
    if options.model:
        predictor, counts = load_predictor(options.model, "cpu"), []
        fields = [read_image(path)[:, :SIDE, :SIDE] for path in list_images(options.data / "images").values()]
        seconds = []
        for field in fields[:TIMED]:
            before = time.perf_counter()
            counts.append(len(predictor(field)))
            seconds.append(time.perf_counter() - before)
        print(f"  array of up to {SIDE}x{SIDE} to masks: {np.median(seconds[WARM:]):.3f} s", end="")
        print(f", {np.median(counts[WARM:]):.0f} cells in the median field")
    print(f"  memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB at most")


PARTS = {"weak": train, "dapi": train, "full": train, "stained": stained, "rival": rival, "speed": speed}


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--close", type=int, help="weak: pixels, gaps between outlines up to so wide become cell area")
    parser.add_argument(
        "--model", type=Path, help="speed: a trained network, since one that finds no cells is too fast"
    )
    parser.add_argument("--out", type=Path, help="keep what is written here")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:end])
    options.more = sys.argv[end + 1 :]
    print(f"{options.part} {options.data.name}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        options.out = (options.out or Path(folder)).absolute()
        part = PARTS[options.part]
        part(options.part, options) if part is train else part(options)
    print(f"  load at the end {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
