"""Layers of napari, as tuples of data, attributes and kind: those of one image of a project folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Mask, Plane, Points
from lacss_tools.contrast import percentile_range
from lacss_tools.formats.names import output_path
from lacss_tools.io.image import load
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels, read_mask
from lacss_tools.io.project import Project, find_images, find_tables
from lacss_tools.io.stains import stains
from lacss_tools.screen.draw import CONTRAST, GAMMA, ORANGE, SKY

Layer = tuple[np.ndarray, dict[str, Any], str]
OWN = "lacss"
"""in the metadata of a layer: the stem of its image"""
POINTS = "points"
"""name of their layer"""
POINT_SIZE = 8.0
"""pixels"""
MASK_OPACITY, CELLS_OPACITY = 0.3, 0.5
MICROMETRE = "µm"


def get_reader(path: str | list[str]) -> Callable[[object], list[Layer]] | None:
    """Return what opens a project folder, None for anything else."""
    if not isinstance(path, str) or not Project(Path(path)).images.is_dir():
        return None
    return lambda _: read_project(Project(Path(path)))


def read_project(project: Project) -> list[Layer]:
    """Return the layers of the first image of a project; InputError when it has none."""
    return layers_of(project, next(iter(images_of(project))))


def images_of(project: Project) -> dict[str, Path]:
    """Return stem -> image to segment of a project, of the scene that was annotated; InputError without any."""
    return stains(project, project.images, project.lois, project.candidates)[0].images(project.images)


def layers_of(project: Project, stem: str) -> list[Layer]:
    """Return what a project knows of one image: its channels, nuclei, mask, cells found, cells outlined, points.

    What is not there yet makes no layer. InputError when a file cannot be read.
    """
    cells, folder, light = stains(project, project.images, project.lois, project.candidates)
    path = cells.images(project.images)[stem]
    layers = [as_image(plane, name) for plane, name in _channels(cells.read(path))]
    if nuclei := light.found(folder).get(stem):
        layers.append(as_nuclei(light.read_plane(nuclei)))
    if mask := find_images(project.masks).get(stem):
        layers.append(as_mask(read_mask(mask)))
    found = output_path(project.predictions, stem, "labels")
    for name, labels in (("cells", found), ("outlined cells", find_images(project.labels).get(stem))):
        if labels is not None and labels.exists():
            layers.append(as_cells(read_labels(labels), name))
    if table := find_tables(project.lois).get(stem):
        layers.append(as_points(*read_lois(table)))
    common = {"metadata": {OWN: stem}, **_scale(load(path).pixel_size)}
    return [(data, attributes | common, kind) for data, attributes, kind in layers]


def _channels(image: np.ndarray) -> list[tuple[Plane, str]]:
    names = ["image"] if len(image) == 1 else [f"image {k}" for k in range(len(image))]
    return list(zip(image, names, strict=True))


def _scale(pixel_size: tuple[float, float] | None) -> dict[str, Any]:
    return {} if pixel_size is None else {"scale": pixel_size, "units": (MICROMETRE, MICROMETRE)}


# ---- what each looks like; any may have further axes in front -------------------------------------------------------


def as_image(pixels: np.ndarray, name: str = "image") -> Layer:
    """Return a layer of intensities, in the contrast of the pages."""
    return pixels, {"name": name, "gamma": GAMMA, "blending": "additive", **_contrast(pixels)}, "image"


def as_nuclei(pixels: np.ndarray) -> Layer:
    """Return a layer of nuclei, blue over the cells."""
    return pixels, {"name": "nuclei", "colormap": "blue", "blending": "additive", **_contrast(pixels)}, "image"


def _contrast(pixels: np.ndarray) -> dict[str, Any]:
    shown = percentile_range(pixels.astype(np.float32), CONTRAST)
    return {} if shown.is_empty else {"contrast_limits": (float(shown.low), float(shown.high))}


def as_points(points: Points, response: np.ndarray) -> Layer:
    """Return a layer of LOIs (y, x) with their responses."""
    look = {"size": POINT_SIZE, "face_color": _hex(ORANGE), "border_color": "black"}
    return points, {"name": POINTS, "features": {"response": response}, **look}, "points"


def as_mask(mask: Mask) -> Layer:
    """Return a layer of the cell area, to paint on: 1 on cells."""
    colours = {0: "transparent", 1: _hex(SKY), None: "transparent"}
    return mask.astype(np.uint8), {"name": "mask", "opacity": MASK_OPACITY, "colormap": colours}, "labels"


def as_cells(labels: np.ndarray, name: str = "cells") -> Layer:
    """Return a layer of cells, a colour each."""
    return labels, {"name": name, "opacity": CELLS_OPACITY}, "labels"


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
