"""What the check shows of pseudo-labels: what training makes of the same files."""

import numpy as np
import torch

from lacss_tools.annotate.check.learned import WorkingImage, learn, to_working
from lacss_tools.annotate.pseudo.names import BRIGHT, DISTANCE
from lacss_tools.train.crops import weak_image
from tests.made_up import tiled_cells


def test_an_image_is_as_training_sees_it():
    image, labels, points = tiled_cells()
    mask = labels % 5 > 0
    outside = np.array([np.argwhere(~mask)[0]], dtype=float)
    for scale in (0.6, 1.0, 1.7):
        ours = to_working(np.stack([image, 3 * image**2]), mask, np.concatenate([points, outside]), scale)
        inside = points[mask[tuple(np.round(points).astype(int).T)]]
        theirs = weak_image(np.stack([image, 3 * image**2]), mask, inside, scale, BRIGHT)
        np.testing.assert_allclose(ours.image, theirs.image.mean(0).numpy(), atol=1e-4)
        assert (ours.mask == (theirs.mask > 0).numpy()).mean() > 0.999
        torch.testing.assert_close(torch.from_numpy(ours.points).float(), theirs.lois, atol=1e-4, rtol=0)


def test_points_beyond_the_image_are_left_out():
    image, labels, points = tiled_cells()
    far = np.concatenate([points, [[-40.0, 3.0], [3.0, 4000.0]]])
    assert len(to_working(image[None], labels > 0, far, 1.0).points) == len(points)


def test_cells_that_swallowed_their_neighbours_are_counted():
    image, labels, points = tiled_cells(across=6)
    whole = learn(WorkingImage(image, labels > 0, points), DISTANCE, labels.shape)
    assert (whole.cells, len(whole.giants)) == (36, 0)
    x = points[:, 1]
    few = points[~((x > 50) & (np.arange(36) != 21))]  # one point for half of the image
    height, width = labels.shape
    giants = learn(WorkingImage(image, labels > 0, few), DISTANCE, (2 * height, 2 * width)).giants
    # among them the one with the point in that half, in the pixels of an image twice as large
    assert np.isclose(giants, 2 * points[21] + 0.5).all(axis=1).any()
    assert learn(WorkingImage(image, labels < 0, points[:0]), DISTANCE, labels.shape).cells == 0
