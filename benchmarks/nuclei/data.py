"""The nucleus images that the network in the wheel is trained, tuned and tested on, and their fixed split.

Of each folder, every third file in sorted order is for the test: never trained on, never tuned on. Of the others every
fourth is for validation, the rest for training.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

TEST_EVERY, VALIDATION_EVERY = 3, 4
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class NucleusImage:
    """A DAPI image (y, x) as stored, with the labels of its nuclei (0: background)."""

    name: str
    dapi: np.ndarray
    labels: np.ndarray

    @property
    def diameters(self) -> np.ndarray:
        """The diameters (pixels) of discs as large as its nuclei."""
        areas = np.bincount(self.labels.ravel())[1:]
        return np.sqrt(4 / np.pi * areas[areas > 0])


def part_of(index: int) -> str:
    """Return which part of the split the file at `index`, in sorted order, belongs to.

    >>> [part_of(index) for index in range(7)]
    ['test', 'validation', 'train', 'test', 'train', 'train', 'test']
    """
    if index % TEST_EVERY == 0:
        return "test"
    rest = index - index // TEST_EVERY - 1
    return "validation" if rest % VALIDATION_EVERY == 0 else "train"


def read_folder(folder: Path, parts: tuple[str, ...] = PARTS) -> list[NucleusImage]:
    """Read `folder`/dapi and `folder`/labels, those files that belong to `parts`."""
    from lacss_tools.io.native import read_labels, read_plane
    from lacss_tools.io.project import list_images

    dapi, labels = list_images(folder / "dapi"), list_images(folder / "labels")
    chosen = [stem for index, stem in enumerate(sorted(dapi)) if part_of(index) in parts]
    return [NucleusImage(f"{folder.name}/{s}", read_plane(dapi[s]), read_labels(labels[s])) for s in chosen]


def pack(path: Path, images: list[NucleusImage]) -> None:
    """Write images of 8 bits and their labels into one compressed file, for a machine without the folders."""
    arrays: dict[str, np.ndarray] = {}
    for image in images:
        arrays[f"dapi {image.name}"] = image.dapi.astype(np.uint8)
        arrays[f"labels {image.name}"] = image.labels.astype(np.uint16)
    np.savez_compressed(path, **arrays)


def unpack(path: Path) -> list[NucleusImage]:
    """Read what `pack` wrote."""
    stored = np.load(path)
    names = [key.removeprefix("dapi ") for key in stored.files if key.startswith("dapi ")]
    return [
        NucleusImage(name, stored[f"dapi {name}"].astype(np.float32), stored[f"labels {name}"].astype(np.int32))
        for name in names
    ]
