"""Cellpose 3 on the same card: its architecture from random weights, full outlines, the same split and seconds.

Needs cellpose==3.1.1.2 with fastremap, fill_voids, natsort and roifile, beside numba, opencv and tqdm.
"""

import contextlib
import sys
import tempfile
import time
from functools import partial
from typing import Any

import numpy as np

from lacss_tools.cells import cells_from_labels
from lacss_tools.metrics.metrics import evaluate

from bench import Bench, forget, peak, seconds_of

COMPILE, SHORT, LONG = 1, 2, 12
"""epochs of the runs before: the first compiles, the others tell how long an epoch takes, and what is around them"""
BATCH = 8


def cellpose(bench: Bench) -> None:
    """Train for the seconds of a lesson on the cell stain alone, and with nuclei as the second channel."""
    with contextlib.suppress(KeyError):
        del sys.modules["roifile"]  # which the other phases do without
    for channels, name in ((1, "one channel"), (2, "with nuclei")):
        if not bench.late:
            bench.keep("cellpose", name, compare(bench, channels))


def compare(bench: Bench, channels: int) -> dict[str, Any]:
    """Return what Cellpose has learned after as many epochs as fit into the time; compiled and timed beforehand."""
    from cellpose import dynamics

    forget(bench.device)
    images = [bench.set.image(k, channels) for k in bench.set.training]
    flows = dynamics.labels_to_flows(
        [bench.set.labels[k].astype(np.int32) for k in bench.set.training], device=bench.device
    )
    seconds = bench.learn_seconds * (bench.scale if bench.rehearsed else 1)
    run = partial(fit, bench, images, flows, channels)
    run(COMPILE)
    most = SHORT + 1 if bench.rehearsed else LONG
    short, long = (seconds_of(partial(run, count), bench.device) for count in (SHORT, most))
    epochs = max(1, SHORT + round((seconds - short) * (most - SHORT) / (long - short)))
    start = time.perf_counter()
    model = run(epochs)
    spent = time.perf_counter() - start
    return {
        "epochs": epochs, "seconds": round(spent, 1), "crops_per_second": round(epochs * len(images) / spent, 1),
        "memory_gb": peak(bench.device), **judged(bench, model, channels),
    }  # fmt: skip


def fit(bench: Bench, images: list[np.ndarray], flows: list[np.ndarray], channels: int, epochs: int) -> Any:
    """Return a network trained for so many epochs as Cellpose does by default."""
    import torch
    from cellpose import models, train

    torch.manual_seed(0)
    model = models.CellposeModel(gpu=bench.device.type == "cuda", device=bench.device, pretrained_model=False)
    with tempfile.TemporaryDirectory() as folder:
        train.train_seg(
            model.net, images, flows, channels=[1, 2] if channels == 2 else [1, 0], channel_axis=0, batch_size=BATCH,
            n_epochs=epochs, save_path=folder,
        )  # fmt: skip
    model.diam_labels = model.net.diam_labels.item()
    return model


def judged(bench: Bench, model: Any, channels: int) -> dict[str, float]:
    """Return the figures of its label images, which have no scores."""
    pairs, spent = [], 0.0
    for image in bench.set.judged(channels):
        start = time.perf_counter()
        found = model.eval(image.pixels, channels=[1, 2] if channels == 2 else [1, 0], channel_axis=0)[0]
        spent += time.perf_counter() - start
        pairs.append((cells_from_labels(found.astype(np.int32)), image.truth))
    result = evaluate(pairs)
    return {
        "accuracy50": round(result.accuracy50 or 0, 4),
        "ap50_without_scores": round(result.ap50 or 0, 4),
        "map_without_scores": round(result.map or 0, 4),
        "ms_per_image": round(1000 * spent / len(pairs), 1),
    }
