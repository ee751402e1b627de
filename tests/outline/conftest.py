import numpy as np
import pytest
import tifffile

from lacss_tools.outline.session import open_session
from tests.made_up import made_up_image


@pytest.fixture
def project(tmp_path):
    """Two images of 96 pixels and their true labels in truth/, of which nothing is outlined yet."""
    for seed, stem in enumerate("ab"):
        image, labels, _ = made_up_image(seed, size=96)
        for name, pixels in (("images", (image[0] * 1000).clip(0)), ("truth", labels)):
            (tmp_path / name).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name / f"{stem}.tif", pixels.astype(np.uint16))
    return tmp_path


@pytest.fixture
def reopen(project):
    """Return a function that opens the project as a fresh start of the command does."""
    return lambda: open_session(project / "images", project / "labels")
