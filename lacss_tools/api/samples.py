"""The sample data that ships with the package, as arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Labels
from lacss_tools.demo import DATA
from lacss_tools.io.image import load
from lacss_tools.io.native import read_labels
from lacss_tools.io.project import Project, list_images


@dataclass(frozen=True)
class LabelledSamples:
    """Images that people outlined: to measure with, never to train on."""

    names: list[str]
    images: list[np.ndarray]
    """the cells, (y, x) uint8"""
    dapi: list[np.ndarray]
    """their nuclei, of the same sizes"""
    labels: list[Labels]
    """true cells, (y, x) int32: 0 is background, 1, 2, ... the cells"""


@dataclass(frozen=True)
class SampleData:
    """Images of mouse neuroblastoma cells and of their nuclei, without any outline."""

    names: list[str]
    images: list[np.ndarray]
    """the cells, (y, x) uint8"""
    dapi: list[np.ndarray]
    """their nuclei, of the same sizes"""
    validation: LabelledSamples


def sample_data() -> SampleData:
    """Return the sample data: 16 images to train on and 4 others that people outlined.

    They are the data of `lacss demo`, a small part of the Cell Image Library's CCDB:6843, reduced to 3/4 of their size
    and to 8 bit by a square root of the intensity (CC BY 3.0).

    Returns
    -------
    SampleData
        Lists of arrays: `names`, `images`, `dapi`, and under `validation` the same and `labels`.

    References
    ----------
    W. Yu, H. K. Lee, S. Hariharan, W. Bu, S. Ahmed (2007). CCDB:6843, Mus musculus, Neuroblastoma. Cell Image Library.
    doi:10.7295/W9CCDB6843.

    Examples
    --------
    >>> from lacss_tools import sample_data
    >>> data = sample_data()
    >>> len(data.images), data.images[0].shape, data.images[0].dtype
    (16, (390, 522), dtype('uint8'))
    >>> [int(labels.max()) for labels in data.validation.labels]
    [88, 44, 22, 57]
    """
    home, outlined = Project(DATA / "train"), Project(DATA / "validation")
    return SampleData(
        names=list(list_images(home.images)),
        images=_all(home.images, _pixels),
        dapi=_all(home.dapi, _pixels),
        validation=LabelledSamples(
            names=list(list_images(outlined.images)),
            images=_all(outlined.images, _pixels),
            dapi=_all(outlined.dapi, _pixels),
            labels=_all(outlined.labels, read_labels),
        ),
    )


def _all(folder: Path, read: Callable[[Path], np.ndarray]) -> list[np.ndarray]:
    return [read(path) for path in list_images(folder).values()]


def _pixels(path: Path) -> np.ndarray:
    return load(path).pixels
