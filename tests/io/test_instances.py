"""What can be labels, and what is taken for them by mistake."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from lacss_tools.errors import InputError
from lacss_tools.io.instances import LOOKED_AT, unlike_labels
from lacss_tools.io.native import read_labels

rng = np.random.default_rng(3)
LABELS = np.zeros((60, 70), np.int32)
LABELS[2:20, 3:20], LABELS[30:55, 30:60], LABELS[25:28, 3:9] = 7, 300, 5
PICTURE = ndimage.gaussian_filter(rng.random((60, 70)), 1) * 2000
CLASSES = np.kron(rng.integers(0, 3, (10, 10)), np.pad(np.ones((4, 4), int), 1))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS * 0,
        LABELS * 0 + 1,
        (LABELS == 300) * 255,
        np.where(LABELS == 5, 300, LABELS),  # a cell in two pieces
        np.pad(np.arange(1, 101).reshape(10, 10), 20),  # cells of one pixel
        ndimage.label(np.eye(40))[0],
        -LABELS,
    ],
)
def test_labels_are_labels(labels):
    assert unlike_labels(labels.astype(np.int32)) is None


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        ((LABELS > 0) * 255, "a mask (255 in 3 pieces)"),
        ((LABELS > 0) * 1, "a mask (1 in 3 pieces)"),
        (CLASSES, "a picture or probabilities (2 values in "),
        (PICTURE.astype(np.uint8), "a picture or probabilities"),
        (PICTURE * 30, "a picture or probabilities"),  # hardly two pixels of one value
        (ndimage.gaussian_filter(255.0 * (CLASSES > 0), 1), "a picture or probabilities"),
    ],
)
def test_others_are_named(pixels, what):
    assert unlike_labels(pixels.astype(np.int32)).startswith(what)


def test_the_middle_of_a_large_image_tells():
    large = np.zeros((LOOKED_AT + 400, LOOKED_AT + 400), np.int32)
    large[1000:1400, 900:1300] = rng.integers(0, 200, (400, 400))
    assert unlike_labels(large) is not None


@pytest.mark.parametrize("name", ["l.jpg", "l.png", "l.tif"])
def test_files_that_cannot_be_labels_are_refused(tmp_path, name):
    grey = LABELS.astype(np.uint8)
    colours = np.stack([grey, grey * 3, grey * 7], -1)
    if name == "l.jpg":
        (tmp_path / name).write_bytes(imagecodecs.jpeg_encode(grey * 30))
    elif name == "l.png":
        (tmp_path / name).write_bytes(imagecodecs.png_encode(colours))
    else:
        tifffile.imwrite(tmp_path / name, colours, photometric="rgb")
    with pytest.raises(InputError, match="is a JPEG" if name == "l.jpg" else "3 channels, as a picture has"):
        read_labels(tmp_path / name)
