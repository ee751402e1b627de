"""Train the nucleus network that ships in the wheel.

    python benchmarks/nuclei/train.py pack DSB2018_MIXED DSB2018_NUCLEI -o scratch/nuclei.npz
    python benchmarks/nuclei/train.py fit scratch/nuclei.npz -o scratch/first.safetensors --minutes 3 --batch 24
    python benchmarks/nuclei/train.py pack --validation DSB2018_MIXED DSB2018_NUCLEI -o scratch/all.npz
    python benchmarks/nuclei/train.py fit scratch/all.npz -o scratch/nuclei.safetensors --minutes 3 --batch 24 \
        --init scratch/first.safetensors --learning-rate 7e-4 --seed 1

`pack` gathers the images of training (and, with --validation, those of validation) in one file. `fit` trains on it by
full supervision with the project's own trainer, on any device, for --minutes or --steps.
Each image is resized so that its typical nucleus is as large as the network expects, and, so that the network also
knows nuclei of other sizes, again to about half and twice that size; each comes as it is and corrupted (corrupt.py).
"""

import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from corrupt import at_random
from jaxtyping import Float
from torch import Tensor

from lacss_tools.formats.weak import inner_points
from lacss_tools.jobs.processes import cores
from lacss_tools.network.device import choose_device, tune
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import normalise, resize, scaled_size, to_working
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import load_weights, save_weights
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


@dataclass(frozen=True)
class Outlined:
    """An image with its labels numbered from 1 without gaps, and of each nucleus an inner point and its diameter."""

    image: NucleusImage
    labels: Float[Tensor, "1 1 y x"]
    lois: Float[Tensor, "n 2"]
    diameters: np.ndarray

    @property
    def typical(self) -> float:
        """The median diameter in pixels."""
        return float(np.median(self.diameters)) if len(self.diameters) else SIZES.cell_diameter


def outlined(image: NucleusImage) -> Outlined:
    """Return an image with what all of its copies share."""
    names, dense = np.unique(image.labels, return_inverse=True)
    labels = torch.from_numpy(dense.reshape(image.labels.shape) + (names[0] > 0)).float()[None, None]
    return Outlined(image, labels, torch.from_numpy(inner_points(image.labels)).float(), image.diameters)


def training_fields(images: list[NucleusImage], variants: int) -> list[TrainingImage]:
    """Return `variants` times each image at its working scale, as it is and corrupted, and at other scales.

    Images of a size that few have come several times, so that each size counts by about the root of its nuclei.
    """
    nuclei: dict[tuple[int, ...], int] = {}
    for image in images:
        nuclei[image.dapi.shape] = nuclei.get(image.dapi.shape, 0) + len(image.diameters)
    most = max(nuclei.values())
    repeats = [min(MOST_REPEATS, round(np.sqrt(most / max(nuclei[image.dapi.shape], 1)))) for image in images]
    with ThreadPoolExecutor(cores()) as pool:
        sources = list(pool.map(outlined, images))
        todo = [(source, n) for source, count in zip(sources, repeats, strict=True) for n in range(variants * count)]
        return [field for fields in pool.map(lambda item: fields_of(*item), todo) for field in fields]


def fields_of(source: Outlined, number: int) -> list[TrainingImage]:
    """Return one image as it is and corrupted, at its working scale and, of half and twice that, at what is useful.

    That is no image of more than twice the original side, and none of few pixels. `number` seeds what is random.
    """
    rng = np.random.default_rng([zlib.crc32(source.image.name.encode()), number])
    scale = SIZES.cell_diameter / source.typical
    clean, dirty = source.image.dapi, at_random(source.image.dapi, source.typical, rng)
    others = [scale * factor for factor in OTHER_SIZES]
    useful = [other for other in others if other <= 2 and other * min(clean.shape) > LEAST_SIDE]
    chosen = [clean if rng.random() < 0.5 else dirty for _ in useful]
    planes = zip([clean, dirty, *chosen], [scale, scale, *useful], strict=True)
    return [field_at(source, plane, s) for plane, s in planes]


def field_at(source: Outlined, dapi: np.ndarray, scale: float) -> TrainingImage:
    """Return the image as the trainer takes it, resized by `scale`; nuclei too small to be seen then have no LOI."""
    size = scaled_size(dapi.shape, scale)
    pixels = resize(normalise(dapi[None]), size)
    labels = F.interpolate(source.labels, size=size, mode="nearest-exact")[0, 0]
    seen = torch.from_numpy(source.diameters * scale >= LEAST_DIAMETER)
    own = torch.arange(1, len(seen) + 1).float()
    lois = to_working(source.lois, dapi.shape, size)
    return TrainingImage(pixels, (labels > 0).float(), labels, lois[seen], own[seen], outlined=True)


if __name__ == "__main__":
    app()
