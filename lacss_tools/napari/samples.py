"""The images that ship with the package, as sample data of napari: stacks with a slider, image by image."""

import numpy as np

from lacss_tools.api.samples import sample_data
from lacss_tools.napari.layers import Layer, as_cells, as_image, as_nuclei


def plain() -> list[Layer]:
    """Return the images to train on and their nuclei."""
    data = sample_data()
    return [as_image(np.stack(data.images)), as_nuclei(np.stack(data.dapi))]


def outlined() -> list[Layer]:
    """Return the images to validate on, their nuclei, and the cells that people outlined."""
    data = sample_data().validation
    cells = as_cells(np.stack(data.labels), "outlined cells")
    return [as_image(np.stack(data.images)), as_nuclei(np.stack(data.dapi)), cells]
