"""Train the starter model `cells`, and it without one of the sets of images, all at the same time on one GPU.

    python benchmarks/starter/fit.py --out weights --seconds 170 [--fits cells no_cil ...] [--device cpu]

Each fit is a process of its own with its part of the cores; it writes weights/NAME.safetensors (float32, its scale is
1: cells 30 pixels across) now and then and at the end, and weights/NAME.json, with the images that it saw. Full
supervision by the outlines that prepare.py packed, cells of 0.6 to 1.6 times that, nuclei blanked in half of the crops.
A fit that was cut short is ended, by a falling learning rate, in so many steps:

    python benchmarks/starter/fit.py --out ended --begun weights --end-steps 150 --fits cells_and_nuclei
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lacss_tools.network.device import choose_device, tune
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK, CEILING, ROOT_GAIN
from lacss_tools.network.settings import PRESETS
from lacss_tools.network.weights import load_weights, save_weights
from lacss_tools.settings import Values
from lacss_tools.train.crops import TrainingImage
from lacss_tools.train.initial import fit_sizes
from lacss_tools.train.level import calibrated
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import State, run_steps, start

SIZES = PRESETS["small"]
STEP = ROOT_GAIN * CEILING**0.5 / 255
"""of normalised intensities per unit of the bytes that are packed"""
CIL, PHASE, NUCLEI = "cil", "t98g_phase", "dsb2018_mixed"
FITS = {
    "cells": (CIL, PHASE),
    "no_cil": (PHASE,),
    "no_t98g": (CIL,),
    "cells_and_nuclei": (CIL, PHASE, NUCLEI),
    "no_cil_and_nuclei": (PHASE, NUCLEI),
    "no_t98g_and_nuclei": (CIL, NUCLEI),
}
RECIPE = TrainSettings(
    supervision="full", auxnet=False, seed=0, blank_nuclei=0.5, scale_range=0.6, gain=0.3, offset=0.15, noise=0.1,
    gamma=0.5, blur=1.0,
)  # fmt: skip
END: Values = {"seed": 1, "learning_rate": 4e-4, "warmup": 0.0, "decay": 1.0}
PARTS = ("image", "labels", "lois", "own")
PACKED = Path(__file__).parent / "packed" / "images.npz"
LOG_SECONDS = 20.0


def unpack(path: Path, sets: tuple[str, ...]) -> dict[str, TrainingImage]:
    """Return the images of some sets by name, each with its nuclei as the last channel."""
    stored = np.load(path)
    names = [key.removesuffix(" image") for key in stored.files if key.endswith(" image")]
    images = {}
    for name in (name for name in names if name.split("/")[0] in sets):
        pixels, labels, lois, own = (torch.from_numpy(stored[f"{name} {what}"]) for what in PARTS)
        image, labels = pixels.expand(2, -1, -1).float() * STEP + BLACK, labels.float()
        images[name] = TrainingImage(image, (labels > 0).float(), labels, lois, own, outlined=True, nuclei=True)
    return images


def fit(name: str, options: argparse.Namespace) -> None:
    """Train one model and write it."""
    device = choose_device(options.device)
    tune(device)
    images = unpack(options.packed, FITS[name])
    fields = list(images.values())
    settings = replace(RECIPE, minutes=options.seconds / 60, batch=options.batch)
    if options.begun:
        settings = replace(settings, **END, minutes=None, steps=options.end_steps)
    torch.manual_seed(settings.seed)
    model = Lacss(fit_sizes(SIZES, settings, channels=2, nuclei=True))
    if options.begun:
        model = load_weights(options.begun / f"{name}.safetensors")[0]
    state = start(model, settings, device, trained=options.begun is not None)
    path, shown = options.out / f"{name}.safetensors", time.perf_counter()
    for report in run_steps(state, fields, settings, device):
        if time.perf_counter() - shown > LOG_SECONDS:
            shown = time.perf_counter()
            print(f"{name}: step {report.step} {report.progress:.2f} {report.numbers()}", flush=True)
            save_weights(path, state.average, 1.0)
    save_weights(path, calibrated(state.average, fields, device), 1.0)
    tell(path, state, settings, list(images))


def tell(path: Path, state: State, settings: TrainSettings, names: list[str]) -> None:
    """Write beside the weights what they were made of."""
    steps, seconds = state.step, round(state.elapsed(), 1)
    facts = {"steps": steps, "seconds": seconds, "settings": vars(settings), "images": names}
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{path}: {steps} steps of {settings.batch} crops in {seconds} s, {len(names)} images", flush=True)


def main() -> None:
    """Start a process for each fit and wait for all of them; one fit alone runs here."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--packed", type=Path, default=PACKED)
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--fits", nargs="+", choices=FITS, default=list(FITS))
    parser.add_argument("--seconds", type=float, default=170.0)
    parser.add_argument("--begun", type=Path, help="folder of fits that were cut short")
    parser.add_argument("--end-steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if len(options.fits) == 1:
        return fit(options.fits[0], options)
    cores = sorted(os.sched_getaffinity(0))
    given = [item for k, item in enumerate(sys.argv[1:]) if item not in FITS and item != "--fits"]
    processes = []
    for k, name in enumerate(options.fits):
        own = cores[k :: len(options.fits)] or cores
        call = ["taskset", "-c", ",".join(map(str, own)), sys.executable, __file__, *given, "--fits", name]
        processes.append(subprocess.Popen(call))
    sys.exit(max(process.wait() for process in processes))


if __name__ == "__main__":
    main()
