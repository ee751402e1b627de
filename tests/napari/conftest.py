"""A small project of two images with all that a project may know, in files that the package has not written."""

import numpy as np
import pytest
import tifffile

from tests.made_up import made_up_image, nuclei


@pytest.fixture
def project(tmp_path):
    """Images, nuclei, outlines; of image a also points, mask and cells found."""
    for seed, stem in enumerate(("a", "b")):
        image, labels, centres = made_up_image(seed, size=96)
        parts = {"images": image[0] * 900 + 50, "dapi": nuclei(centres, 96, 4.0), "labels": labels}
        if stem == "a":
            parts |= {"masks": 255 * (labels > 0), "predictions": np.roll(labels, 1)}
            (tmp_path / "lois").mkdir()
            rows = [f"{y:.2f},{x:.2f},0.5" for y, x in centres]
            (tmp_path / "lois" / "a.csv").write_text("\n".join(["y,x,response", *rows]))
        for name, pixels in parts.items():
            (tmp_path / name).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name / f"{stem}.tif", np.clip(pixels, 0, 65535).astype(np.uint16))
    return tmp_path
