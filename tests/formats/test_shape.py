"""Shapes of all cells at once against scikit-image's, cell by cell."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops

from lacss_tools.formats.shape import pixels_of, shapes

ORACLE = {
    "area": "area",
    "diameter": "equivalent_diameter_area",
    "major": "axis_major_length",
    "minor": "axis_minor_length",
    "eccentricity": "eccentricity",
    "perimeter": "perimeter",
}


def random_cells(seed):
    """Touching, ragged, torn cells, some with holes, some at the edge; not all numbers are there."""
    rng = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(rng.standard_normal((70, 90)), sigma) for sigma in (1, 3, 5)]
    labels = np.argmax([plane / plane.std() for plane in smooth], axis=0) * 3
    blocks = (np.indices(labels.shape) // [[[23]], [[18]]]).astype(int)
    labels += 20 * (blocks[0] * 7 + blocks[1])
    labels[rng.random(labels.shape) < 0.1] = 0
    return labels.astype(np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_shapes_are_those_of_scikit_image(seed):
    labels = random_cells(seed)
    pixels = pixels_of(labels)
    found, expected = shapes(labels, pixels), regionprops(labels)
    assert pixels.label.tolist() == [region.label for region in expected]
    assert len(expected) > 20
    np.testing.assert_allclose(found.centroid, [region.centroid for region in expected], rtol=1e-12)
    for ours, theirs in ORACLE.items():
        values = [getattr(region, theirs) for region in expected]
        np.testing.assert_allclose(getattr(found, ours), values, rtol=1e-6, atol=1e-6, err_msg=ours)
    for region, solidity in zip(expected, found.solidity, strict=True):
        if min(region.image.shape) > 1 and region.area > 3:
            assert solidity == pytest.approx(region.solidity, rel=1e-12)


def test_points_and_lines_are_solid():
    labels = np.array([[1, 0, 2, 2, 2, 2, 0, 3], [0, 0, 0, 0, 0, 0, 3, 0], [4, 4, 0, 0, 0, 0, 0, 3]], np.int32)
    found = shapes(labels, pixels_of(labels))
    assert found.solidity.tolist() == [1, 1, 1, 1]
    assert found.eccentricity.tolist()[1] == 1
    assert found.area.tolist() == [1, 4, 3, 2]


def test_an_image_without_cells_has_no_shapes():
    labels = np.zeros((5, 6), np.int32)
    found = shapes(labels, pixels_of(labels))
    assert len(found.area) == len(found.solidity) == len(found.perimeter) == 0
    assert found.centroid.shape == (0, 2)
