import numpy as np
import pytest

from lacss_tools.annotate.lois.exposure import INVERTED, SATURATED, fault
from tests.made_up import nuclei

SIZE, RNG = 120, np.random.default_rng(0)
CLEAN = nuclei(RNG.uniform(0, SIZE, (20, 2)), SIZE, 7.0, RNG)


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        (CLEAN, None),
        (255 - CLEAN, INVERTED),
        (np.minimum(CLEAN, 60), SATURATED),
        (np.maximum(CLEAN, 60), None),
        (255 - np.maximum(CLEAN, 60), INVERTED),
        (CLEAN[:60, :60] * 1e-6, None),
        (nuclei([(60, 60)], SIZE, 48.0, RNG), None),
        (RNG.normal(100, 3, (SIZE, SIZE)), None),
        (np.full((SIZE, SIZE), 7), None),
        (np.where(np.arange(SIZE * SIZE) == 5, 0, 255).reshape(SIZE, SIZE), SATURATED),
    ],
    ids=[
        "clean",
        "inverted",
        "saturated",
        "black",
        "inverted and white",
        "small",
        "half nucleus",
        "nothing",
        "constant",
        "one dark pixel",
    ],
)
def test_dark_nuclei_and_white_ones_are_told(image, wrong):
    assert fault(image.astype(np.float32)) == wrong
