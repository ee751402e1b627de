import numpy as np

from lacss_tools.points import clipped_pixels, inside_image, nearest_pixels, values_at


def test_points_are_rounded_and_points_outside_count_by_the_nearest_pixel():
    mask = np.array([[0, 1], [0, 0]], bool)
    points = np.array([[0.4, 0.6], [0.6, 0.6], [-7.0, 9.0], [0.0, -3.0]])
    assert values_at(mask, points).tolist() == [True, False, True, False]
    assert clipped_pixels(points, mask.shape).tolist() == [[0, 1], [1, 1], [0, 1], [0, 0]]


def test_a_point_is_inside_when_its_nearest_pixel_is():
    points = np.array([[-0.5, 0.0], [-0.6, 0.0], [3.4, 4.4], [3.6, 0.0], [0.0, 4.6]])
    assert inside_image(points, (4, 5)).tolist() == [True, False, True, False, False]
    grid = {(y, x) for y in range(4) for x in range(5)}
    assert [tuple(pixel) in grid for pixel in nearest_pixels(points).tolist()] == inside_image(points, (4, 5)).tolist()


def test_no_points_have_no_values():
    nowhere = np.zeros((0, 2))
    assert values_at(np.ones((3, 3), bool), nowhere).shape == inside_image(nowhere, (3, 3)).shape == (0,)
