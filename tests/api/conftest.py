import numpy as np
import pytest

from tests.made_up import made_up_image, nuclei


@pytest.fixture
def scene():
    """Image (y, x) of camera values, image of its nuclei, label image and LOIs of made-up cells."""
    image, labels, lois = made_up_image(0, size=96)
    return (image[0] * 900 + 50).clip(0).astype(np.uint16), nuclei(lois, 96, 4.0), labels, lois
