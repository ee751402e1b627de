"""How well nuclei are found: tables by data set and image size, invariance to size, bad optics, speed.

    python benchmarks/nuclei/evaluate.py DSB2018_MIXED DSB2018_NUCLEI CIL [--method network] [--table speed]

A folder has dapi/ and labels/. Hit: nuclei (or cells) with a LOI inside. Precision: hit nuclei per LOI. Doubles:
further LOIs in a nucleus that has one, per nucleus. Background: LOIs on no nucleus, per LOI. Folders with
ambiguous.json (`cil`) are measured whole, and doubles once more without the outlines that hold two clear nuclei.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import corrupt
import numpy as np
import torch
import typer
from scipy.spatial import cKDTree

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.annotate.lois.settings import LoiSettings

from data import PARTS, NucleusImage, read_folder

FOLDER_SAMPLE = 12
NEAR = 2.0
Find = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Counts:
    """Sums over images."""

    images: int = 0
    nuclei: int = 0
    hit: int = 0
    lois: int = 0
    background: int = 0
    doubles: int = 0
    clear: int = 0
    clear_doubles: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def row(self) -> str:
        """Return the rates as cells of a table."""
        nuclei, lois = max(self.nuclei, 1), max(self.lois, 1)
        rates = self.hit / nuclei, self.hit / lois, self.doubles / nuclei, self.background / lois
        clear = f"{self.clear_doubles / max(self.clear, 1):.4f}"
        return f"{self.images} | {self.nuclei} | " + " | ".join(f"{rate:.4f}" for rate in rates) + f" | {clear}"


def count(points: np.ndarray, labels: np.ndarray, ambiguous: list[int]) -> Counts:
    """Count the LOIs of one image."""
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(labels.shape) - 1).T
    under = labels[y, x]
    names = np.setdiff1d(np.unique(labels), [0])
    extra = np.array([max(int((under == name).sum()) - 1, 0) for name in names], dtype=int)
    hit, clear = int(np.isin(names, under).sum()), ~np.isin(names, ambiguous)
    return Counts(
        1, len(names), hit, len(points), int((under == 0).sum()), int(extra.sum()), int(clear.sum()),
        int(extra[clear].sum()),
    )  # fmt: skip


def finders(
    method: str,
    images: list[NucleusImage],
    weights: Path | None = None,
    min_score: float | None = None,
    smallest: float = LoiSettings().smallest,
) -> Find:
    """Return the function from an image to its LOIs, by one method, set up for a folder of images."""
    settings = LoiSettings(method=method, min_response=min_score, smallest=smallest)
    if method == "network":
        from lacss_tools.annotate.lois import network

        finder = network.load_finder(weights or network.WEIGHTS)

        def by_network(dapi: np.ndarray) -> np.ndarray:
            found = finder.find(dapi)
            likely = found.select(np.flatnonzero(found.scores >= settings.least))
            return network.separate(network.without_debris(likely, settings.smallest)).points

        return by_network
    sample = np.unique(np.linspace(0, len(images) - 1, FOLDER_SAMPLE).astype(int))
    diameter = None if method == "dog" else estimate_diameter([images[k].dapi for k in sample])
    return lambda dapi: find_lois(dapi, settings, diameter)[0]


def accuracy(folder: Path, images: list[NucleusImage], find: Find) -> None:
    """Print the table of one folder."""
    listed = folder / "ambiguous.json"
    ambiguous = json.loads(listed.read_text()) if listed.is_file() else {}
    by_size: dict[tuple[int, ...], Counts] = defaultdict(Counts)
    for image in images:
        own = count(find(image.dapi), image.labels, ambiguous.get(image.name.split("/")[1], []))
        by_size[image.dapi.shape] += own
    if len(by_size) > 1:
        for size, counts in sorted(by_size.items()):
            print(f"| {folder.name} {size[0]}x{size[1]} | {counts.row()} |")
    print(f"| **{folder.name}** | {sum(by_size.values(), Counts()).row()} |", flush=True)


def resized(dapi: np.ndarray, factor: float) -> np.ndarray:
    """Return the image at another size, as 32-bit floats."""
    size = tuple(round(side * factor) for side in dapi.shape)
    plane = torch.from_numpy(dapi)[None, None]
    out: np.ndarray = torch.nn.functional.interpolate(plane, size=size, mode="bilinear", antialias=True)[0, 0].numpy()
    return out


def same(points: np.ndarray, others: np.ndarray) -> tuple[int, int]:
    """Return how many points have a partner within two pixels, and how many there are of the more numerous."""
    if not len(points) or not len(others):
        return 0, max(len(points), len(others))
    both = cKDTree(points).query(others, distance_upper_bound=NEAR)[1]
    return len(np.unique(both[both < len(points)])), max(len(points), len(others))


def invariance(folder: Path, images: list[NucleusImage], find: Find) -> None:
    """Print which part of the LOIs is the same at half and double size, within two pixels of the original."""
    text = []
    for factor in (0.5, 2.0):
        pairs = []
        for image in images:
            size = np.array([round(side * factor) for side in image.dapi.shape]) / image.dapi.shape
            pairs.append(same(find(image.dapi), (find(resized(image.dapi, factor)) + 0.5) / size - 0.5))
        equal, all_of_them = np.sum(pairs, axis=0)
        text.append(f"x{factor:g} {equal / all_of_them:.4f}")
    print(f"{folder.name}: same LOIs at {', '.join(text)}", flush=True)


def bad_optics(folder: Path, images: list[NucleusImage], find: Find) -> None:
    """Print hit and precision with debris, hot pixels, haze, a shadow and a saturated corner."""
    rng = np.random.default_rng(0)
    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "clean": lambda image: image,
        "disc 4x": lambda image: corrupt.disc(image, _at(image, 0.3, 0.6), np.sqrt(0.0035 / np.pi * image.size), 4),
        "disc 10x": lambda image: corrupt.disc(image, _at(image, 0.3, 0.6), np.sqrt(0.0035 / np.pi * image.size), 10),
        "hot pixels": lambda image: corrupt.hot_pixels(image, 0.001, 8, rng),
        "haze": lambda image: corrupt.haze(image, 2, 0.7),
        "shadow": lambda image: corrupt.shadow(image, _at(image, 0.5, 0.5), image.shape[0] / 6, 0.7),
        "corner": lambda image: corrupt.saturated_corner(image, 0.25, 5),
    }
    for name, change in kinds.items():
        total = sum((count(find(change(i.dapi).astype(np.float32)), i.labels, []) for i in images), Counts())
        print(f"| {folder.name}, {name} | {total.row()} |", flush=True)


def _at(image: np.ndarray, y: float, x: float) -> tuple[float, float]:
    return y * image.shape[0], x * image.shape[1]


def speed(folder: Path, images: list[NucleusImage], find: Find, repeats: int = 3) -> None:
    """Print the seconds that 512 x 512 pixels take."""
    large = [image.dapi[:512, :512] for image in images if min(image.dapi.shape) >= 512][:10]
    for dapi in large[:2]:
        find(dapi)
    seconds = []
    for dapi in large * repeats:
        began = time.perf_counter()
        find(dapi)
        seconds.append(time.perf_counter() - began)
    if seconds:
        threads = torch.get_num_threads()
        print(f"{folder.name}: 512x512 in {np.median(seconds):.3f} s, at best {min(seconds):.3f} s, {threads} threads")


def main(
    folders: list[Path],
    part: str = "test",
    method: Annotated[list[str], typer.Option()] = ["network"],  # noqa: B006
    weights: Path | None = None,
    min_score: float | None = None,
    smallest: float = LoiSettings().smallest,
    every: int = 1,
    tables: Annotated[
        list[str], typer.Option("--table", help="accuracy, invariance, optics or speed; several times")
    ] = ["accuracy"],  # noqa: B006
) -> None:
    """Print tables for folders of nucleus images; `--every` takes only every nth image."""
    kinds = {"accuracy": accuracy, "invariance": invariance, "optics": bad_optics, "speed": speed}
    for name in method:
        print(f"\n{name}, {part}\n\n| of | images | nuclei | hit | precision | doubles | background | doubles, clear |")
        print("|---|---|---|---|---|---|---|---|")
        for folder in folders:
            parts = PARTS if (folder / "ambiguous.json").is_file() else (part,)
            images = read_folder(folder, parts)[::every]
            find = finders(name, images, weights, min_score, smallest)
            for table in tables:
                kinds[table](folder, images, find)


if __name__ == "__main__":
    typer.run(main)
