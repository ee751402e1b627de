"""Outlined images to validate on while training."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_labels
from lacss_tools.io.nuclei import FoundNuclei, Inputs, Wanted
from lacss_tools.io.project import Pairing, Project, list_images, pair
from lacss_tools.train.inputs import ALL_CHANNELS, validation_nuclei


@dataclass(frozen=True)
class LabelledImage:
    """An image to validate on."""

    stem: str
    pixels: Image
    truth: Cells
    path: Path | None = None
    """None, as is the next one, where it came as an array"""
    label_path: Path | None = None
    nuclei_path: Path | None = None
    """file of the nuclei, None where there are none"""


def read_labelled(
    images: Path, labels: Path, wanted: Wanted = ALL_CHANNELS, nuclei: bool = False
) -> tuple[list[LabelledImage], str]:
    """Return the images of two folders with their true cells, ordered by stem, and in words whether with nuclei.

    With `nuclei` they have a channel for those; it is blank unless all of them are where they were asked for or in the
    folder beside the images.
    """
    pairing = pair((images, wanted.images(images)), (labels, list_images(labels)))
    files = {stem: paths[0] for stem, paths in pairing.paired.items()}
    found = validation_nuclei(files, wanted, Project(images.parent).dapi) if nuclei else FoundNuclei()
    return list(_labelled(pairing, Inputs(wanted.channel, found.of, blank=nuclei))), found.sentence()


def _labelled(pairing: Pairing, inputs: Inputs) -> Iterator[LabelledImage]:
    for stem, (image_path, label_path) in pairing.paired.items():
        image, truth = inputs.read(image_path), np.abs(read_labels(label_path, signed=True))
        check_size(image_path, image, label_path, truth)
        own = inputs.files([image_path])
        yield LabelledImage(stem, image, cells_from_labels(truth), image_path.resolve(), label_path, *own)


def check_channels(validation: list[LabelledImage], channels: int) -> None:
    """Raise InputError for a validation image with other `channels` than the training images."""
    for image in validation:
        if len(image.pixels) != channels:
            raise InputError(
                f"{image.path} has {len(image.pixels)} channels, the training images have {channels}. "
                "Validate on images of the same kind, or name the `channel` to use of all."
            )


def check_size(image_path: Path, image: np.ndarray, other_path: Path, other: np.ndarray) -> None:
    """Raise InputError when an image (channel, y, x) and what belongs to it (y, x) have other sizes."""
    if image.shape[1:] != other.shape:
        raise InputError(f"{image_path} is {image.shape[1:]} pixels and {other_path} {other.shape}. Give one size.")
