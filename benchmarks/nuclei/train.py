"""Train the nucleus network that ships in the wheel.

    python benchmarks/nuclei/train.py pack DSB2018_MIXED DSB2018_NUCLEI -o scratch/nuclei.npz
    python benchmarks/nuclei/train.py fit scratch/nuclei.npz -o scratch/first.safetensors --minutes 5 --batch 24
    python benchmarks/nuclei/train.py pack --validation DSB2018_MIXED DSB2018_NUCLEI -o scratch/all.npz
    python benchmarks/nuclei/train.py fit scratch/all.npz -o scratch/nuclei.safetensors --minutes 3 --batch 24 \
        --init scratch/first.safetensors --learning-rate 7e-4 --seed 1

`pack` gathers the images of training (and, with --validation, those of validation) in one file. `fit` trains on it by
full supervision with the project's own trainer, on any device, for --minutes or --steps.
Each image is resized so that its typical nucleus is as large as the network expects, and, so that the network also
knows nuclei of other sizes, again to about half and twice that size. Copies have other edges (nuclei that the edge of
an image cuts count), longer or wider nuclei, and the faults of microscopes (corrupt.py).
"""

import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from corrupt import at_random
from scipy import ndimage

from lacss_tools.formats.weak import inner_points
from lacss_tools.jobs.processes import cores
from lacss_tools.network.device import choose_device, tune
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import scaled_size
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import load_weights, save_weights
from lacss_tools.network.working import normalise, resize, to_working
from lacss_tools.train.crops import TrainingImage
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import run_steps, start

from data import NucleusImage, pack, read_folder, unpack

SIZES = ModelSettings(
    widths=(32, 48, 96, 128, 192), blocks=(1, 2, 3, 3, 2), pyramid=96, patch_size=64, cell_diameter=20.0, auxnet=False
)
RECIPE = TrainSettings(
    supervision="full", auxnet=False, lpn_radius=6.5, jitter=1.0, scale_range=0.9, gain=0.3, offset=0.15, noise=0.15,
    gamma=0.5, blur=1.5, location_weight=1.0, muon_decay=0.1,
)  # fmt: skip
OTHER_SIZES = (0.5, 2.2)
LEAST_SIDE = 60
LEAST_DIAMETER = 4.5
"""working pixels"""
MOST_REPEATS = 6
EDGE = 1.5
"""typical diameters that are cut off the edges of an image at most"""
DIRTY = 0.5
"""fraction of changed copies that are also corrupted"""
STRETCH = 2.0
"""most that a nucleus becomes longer for its width"""
RING = 3
"""pixels around an outline, of which it must be brighter"""
LOG_SECONDS = 20.0

app = typer.Typer(add_completion=False)


@app.command("pack")
def pack_command(
    folders: list[Path],
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("scratch/nuclei.npz"),
    validation: bool = False,
) -> None:
    """Gather the training images of folders, each with dapi/ and labels/, in one file."""
    parts = ("train", "validation") if validation else ("train",)
    images = [image for folder in folders for image in read_folder(folder, parts)]
    output.parent.mkdir(parents=True, exist_ok=True)
    pack(output, images)
    print(f"{len(images)} images, {output.stat().st_size / 1e6:.1f} MB in {output}")


@app.command("fit")
def fit_command(
    packed: Path,
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("scratch/nuclei.safetensors"),
    minutes: float | None = None,
    steps: int = 4000,
    batch: int = 4,
    crop: int = 256,
    variants: int = 2,
    seed: int = 0,
    learning_rate: float = RECIPE.learning_rate,
    init: Annotated[Path | None, typer.Option(help="Weights to go on from.")] = None,
    device: str = "auto",
    compiled: bool = False,
) -> None:
    """Train on a packed file and write the averaged weights in float16."""
    began, chosen = time.perf_counter(), choose_device(device)
    tune(chosen)
    fields = training_fields(unpack(packed), variants)
    print(f"{len(fields)} fields after {time.perf_counter() - began:.0f} s, {chosen}", flush=True)
    settings = replace(
        RECIPE, minutes=minutes, steps=steps, batch=batch, crop=crop, seed=seed, compile=compiled,
        learning_rate=learning_rate,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = load_weights(init)[0].float() if init else Lacss(SIZES)
    state = start(model, settings, chosen)
    shown = time.perf_counter()
    for report in run_steps(state, fields, settings, chosen):
        if time.perf_counter() - shown > LOG_SECONDS:
            shown = time.perf_counter()
            print(f"step {report.step} {report.progress:.3f} {report.numbers()}", flush=True)
            write(output, state.average)
    write(output, state.average)
    print(f"{state.step} steps in {state.elapsed():.0f} s, {output.stat().st_size / 1e6:.2f} MB in {output}")


def write(path: Path, model: Lacss) -> None:
    """Write the weights in float16; the working scale is found per image, so that of the file means nothing."""
    import copy

    save_weights(path, copy.deepcopy(model).half(), scale=1.0)


def training_fields(images: list[NucleusImage], variants: int) -> list[TrainingImage]:
    """Return `variants` times each image, at its working scale and others, as it is and corrupted.

    Images of a size that few have come several times, so that each size counts by about the root of its nuclei.
    """
    nuclei: dict[tuple[int, ...], int] = {}
    for image in images:
        nuclei[image.dapi.shape] = nuclei.get(image.dapi.shape, 0) + len(image.diameters)
    most = max(nuclei.values())
    repeats = [min(MOST_REPEATS, round(np.sqrt(most / max(nuclei[image.dapi.shape], 1)))) for image in images]
    todo = [(image, n) for image, count in zip(images, repeats, strict=True) for n in range(variants * count)]
    with ThreadPoolExecutor(cores()) as pool:
        return [field for fields in pool.map(lambda item: fields_of(*item), todo) for field in fields]


def fields_of(image: NucleusImage, number: int) -> list[TrainingImage]:
    """Return one image as it is and, at its working scale and at what is useful of half and twice that, changed.

    Changed are its edges, its shape and its light. Useful is no image of more than twice the original side, and none
    of few pixels. `number` seeds what is random.
    """
    rng = np.random.default_rng([zlib.crc32(image.name.encode()), number])
    typical = float(np.median(image.diameters)) if len(image.diameters) else SIZES.cell_diameter
    scale = SIZES.cell_diameter / typical
    others = [scale * factor for factor in OTHER_SIZES]
    useful = [other for other in others if other <= 2 and other * min(image.dapi.shape) > LEAST_SIDE]
    fields = [field_at(image, np.full(2, scale))] if number % 2 == 0 else []
    for s in (scale, *useful):
        part = cut_edges(image, typical * EDGE, rng)
        if rng.random() < DIRTY:
            part = replace(part, dapi=at_random(part.dapi, typical, rng))
        fields.append(field_at(part, s * stretch(rng)))
    return fields


def cut_edges(image: NucleusImage, most: float, rng: np.random.Generator) -> NucleusImage:
    """Cut up to `most` pixels from each side, so that other nuclei are cut by the edge of the image."""
    height, width = image.dapi.shape
    margin = min(most, height / 8, width / 8)
    top, left, bottom, right = rng.integers(0, int(margin) + 1, 4)
    rows, columns = slice(top, height - bottom), slice(left, width - right)
    return replace(image, dapi=image.dapi[rows, columns], labels=image.labels[rows, columns])


def stretch(rng: np.random.Generator) -> np.ndarray:
    """Return factors (y, x) that make nuclei longer in one direction and keep their area; half of the time 1, 1."""
    root = np.exp(rng.uniform(-1, 1) * np.log(STRETCH) / 2) if rng.random() < 0.5 else 1.0
    return np.array([root, 1 / root])


def field_at(image: NucleusImage, scale: np.ndarray) -> TrainingImage:
    """Return the image as the trainer takes it, resized by `scale` (y, x).

    Nuclei too small to be seen then, and those that an outline has but the image has not, have no LOI.
    """
    shape = image.dapi.shape
    size = (scaled_size(shape, float(scale[0]))[0], scaled_size(shape, float(scale[1]))[1])
    numbers = (np.bincount(image.labels.ravel()) > 0).cumsum() - (image.labels == 0).any()
    dense = numbers[image.labels] * (image.labels > 0)
    labels = F.interpolate(torch.from_numpy(dense).float()[None, None], size=size, mode="nearest-exact")[0, 0]
    across = np.sqrt(4 / np.pi * np.bincount(dense.ravel())[1:] * scale.prod())
    seen = torch.from_numpy((across >= LEAST_DIAMETER) & brighter(image.dapi, dense))
    lois = to_working(torch.from_numpy(inner_points(dense)).float(), shape, size)
    own = torch.arange(1, len(seen) + 1).float()
    pixels = resize(normalise(image.dapi[None]), size)
    return TrainingImage(pixels, (labels > 0).float(), labels, lois[seen], own[seen], outlined=True)


def brighter(dapi: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which nuclei (labels 1 to n) are brighter than the background around them; some outlines are empty."""
    rings = ndimage.grey_dilation(labels, size=2 * RING + 1) * (labels == 0)
    inside, pixels = sums(dapi, labels)
    around, free = sums(dapi, rings, len(pixels))
    noise = float(np.median(np.abs(np.diff(dapi, axis=1))))
    brighter: np.ndarray = inside / pixels > around / np.maximum(free, 1) + noise
    return brighter | (free == 0)


def sums(dapi: np.ndarray, labels: np.ndarray, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of the intensities under each label from 1 on, and the number of its pixels."""
    flat = labels.ravel()
    least = 1 + (int(flat.max()) if count is None else count)
    return np.bincount(flat, dapi.ravel(), least)[1:], np.bincount(flat, minlength=least)[1:]


if __name__ == "__main__":
    app()
