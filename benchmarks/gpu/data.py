"""The packed images as training fields and as fields to validate on: no file format, and nothing that reads one."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lacss_tools.annotate.pseudo.names import DARK
from lacss_tools.cells import cells_from_labels
from lacss_tools.network.preprocess import typical_diameter, working_scale
from lacss_tools.train.crops import TrainingImage, full_image, guess, unguessed_image
from lacss_tools.train.labelled import LabelledImage

KINDS = ("images", "dapi", "labels")
"""of arrays, each stored in parts"""
WEAK = "weak/"
"""before the name of a kind of weak labels and of its arrays"""
EVERY = 9
"""in the order of the names, every 9th image is for validation"""
THREADS = min(16, os.cpu_count() or 1)


@dataclass(frozen=True)
class Images:
    """All images as packed by prepare.py."""

    stems: list[str]
    cells: np.ndarray
    dapi: np.ndarray
    labels: np.ndarray
    lois: list[np.ndarray]
    weak: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = field(default_factory=dict)
    """by the name of a kind of weak labels, of each image the LOIs, the mask, and where this is unsure"""

    @cached_property
    def training(self) -> list[int]:
        """Numbers of the images to train on."""
        return [k for k in range(len(self.stems)) if k % EVERY]

    @cached_property
    def validation(self) -> list[int]:
        """Numbers of the images to validate on."""
        return [k for k in range(len(self.stems)) if not k % EVERY]

    def image(self, number: int, channels: int) -> np.ndarray:
        """Return one image (channel, y, x): the cell stain, with two channels its nuclei in DAPI too."""
        return np.stack([self.cells[number], self.dapi[number]][:channels]).astype(np.float32)

    def scale(self, cell_diameter: float) -> float:
        """Return the working scale, as `lacss train` estimates it from LOIs and cell area."""
        area = sum(float(np.count_nonzero(self.labels[k])) for k in self.training)
        return working_scale(typical_diameter(area, sum(len(self.lois[k]) for k in self.training)), cell_diameter)

    def fields(
        self, channels: int, cell_diameter: float, supervision: str = "weak", doubted: bool = False
    ) -> list[TrainingImage]:
        """Return the training fields: LOIs and cell area from the outlines (weak), the outlines (full), or packed ones.

        The latter are weak labels that were made without outlines, by their name; `doubted` ones say where masks are
        unsure.
        """
        scale = self.scale(cell_diameter)

        def build(number: int) -> TrainingImage:
            image, labels, lois = self.image(number, channels), self.labels[number], self.lois[number]
            if supervision in self.weak or supervision == "weak":
                outlined = (lois, labels > 0, None)
                points, mask, unsure = self.weak[supervision][number] if supervision in self.weak else outlined
                weak = unguessed_image(image, mask, points, scale, unsure if doubted else None)
                return guess(replace(weak, nuclei=channels == 2), DARK)
            own = labels[tuple(lois.astype(int).T)].astype(np.int32)
            return replace(full_image(image, labels.astype(np.int32), lois, own, scale), nuclei=channels == 2)

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(build, self.training))

    def judged(self, channels: int) -> list[LabelledImage]:
        """Return the images to validate on."""
        return [
            LabelledImage(
                self.stems[k],
                self.image(k, channels),
                cells_from_labels(self.labels[k].astype(np.int32)),
                Path(),
                Path(),
            )
            for k in self.validation
        ]


def load(path: Path, most: int | None = None) -> Images:
    """Read what prepare.py wrote; `most` images of it, or all."""
    with np.load(path) as store:
        stored = store.files
    names = [name for name in stored if name.split("_")[0] in KINDS]

    def read(name: str) -> np.ndarray:
        with np.load(path) as own:  # a file of its own for each thread
            return own[name]

    def split(prefix: str = "") -> list[np.ndarray]:
        return np.split(read(f"{prefix}lois"), np.cumsum(read(f"{prefix}counts"))[:-1])

    with ThreadPoolExecutor(THREADS) as pool:
        parts = dict(zip(names, pool.map(read, names), strict=True))
    kinds = {
        kind: np.concatenate([parts[name] for name in names if name.startswith(kind)])[:most]
        for kind in KINDS
        if f"{kind}_0" in names
    }
    kept = sorted({name.split("/")[1] for name in stored if name.startswith(WEAK)})
    weak = {
        kind: [*zip(split(f"{WEAK}{kind}/"), read(f"{WEAK}{kind}/masks"), read(f"{WEAK}{kind}/unsure"), strict=True)][
            :most
        ]
        for kind in kept
    }
    dapi = kinds.get("dapi", kinds["images"])
    return Images(read("stems").tolist()[:most], kinds["images"], dapi, kinds["labels"], split()[:most], weak)
