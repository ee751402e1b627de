"""Layers of napari written as our own files: points as a LOI table, cells or a mask as a label image."""

from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.annotate.pick.loi_table import CERTAIN
from lacss_tools.errors import InputError
from lacss_tools.io import native
from lacss_tools.io.lois import write_lois


def write_points(path: str, data: np.ndarray, attributes: dict[str, Any]) -> list[str]:
    """Write points (y, x) and their responses, 1 for those that a person set; InputError for points in a stack."""
    points = _of_one_image(path, data, data.shape[1])
    response = np.asarray(dict(attributes.get("features", {})).get("response", np.full(len(points), np.nan)), float)
    write_lois(Path(path), points, np.where(np.isfinite(response), response, float(CERTAIN)))
    return [path]


def write_labels(path: str, data: np.ndarray, attributes: dict[str, Any]) -> list[str]:
    """Write a label image (y, x); InputError for a stack."""
    native.write_labels(Path(path), _of_one_image(path, data, data.ndim))
    return [path]


def _of_one_image(path: str, data: np.ndarray, axes: int) -> np.ndarray:
    if axes != 2:
        raise InputError(f"{path} is to hold one image, and the layer has {axes} axes. Save one image of the stack.")
    return data
