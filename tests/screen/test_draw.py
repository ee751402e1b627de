import base64

import imagecodecs
import numpy as np

from lacss_tools.screen.draw import (
    ORANGE,
    SKY,
    data_uri,
    draw_outlines,
    draw_points,
    enlarge,
    shrink,
    stretch,
    tint_cells,
    to_rgb,
)

BLACK = np.zeros((7, 9, 3), np.uint8)


def is_colour(rgb, colour):
    return (rgb == colour).all(axis=-1)


def test_stretch_spans_black_to_white_and_survives_a_flat_image():
    ramp = np.linspace(-50, 900, 1000, dtype=np.float32).reshape(20, 50)
    out = stretch(ramp)
    assert (out.min(), out.max()) == (0, 255)
    assert (np.diff(out.ravel().astype(int)) >= 0).all()
    assert not stretch(np.full((4, 4), 7, np.float32)).any()


def test_stretch_ignores_one_hot_pixel():
    plane = np.tile(np.linspace(0, 100, 100, dtype=np.float32), (100, 1))
    hot = plane.copy()
    hot[50, 50] = 1e6
    assert abs(stretch(hot).astype(int) - stretch(plane))[:, :99].max() <= (255 - stretch(plane)[50, 50])


def test_one_channel_is_grey_and_three_are_colours():
    planes = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    grey = to_rgb(planes[:1])
    assert (grey == grey[..., :1]).all()
    for count in (2, 3, 4):
        colours = to_rgb(planes[:count])
        assert (colours[..., 1] == stretch(planes[1])).all()
        assert colours.shape == (5, 6, 3)


def test_an_outline_is_the_border_of_the_cell_and_the_input_stays():
    labels = np.zeros((7, 9), np.int32)
    labels[1:6, 2:7] = 4
    ring = labels > 0
    ring[2:5, 3:6] = False
    assert (is_colour(draw_outlines(BLACK, labels, SKY), SKY) == ring).all()
    assert not BLACK.any()
    thick = is_colour(draw_outlines(BLACK, labels, SKY, thick=True), SKY)
    assert thick[0, 2]
    assert (thick >= ring).all()
    assert not thick[2:5, 3:6].any()


def test_touching_cells_have_a_border_between_them():
    labels = np.repeat([[1, 1, 1, 1, 2, 2, 2, 2, 2]], 7, axis=0)
    assert is_colour(draw_outlines(BLACK, labels, SKY), SKY).all(axis=0).tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0]


def test_tinted_cells_have_colours_of_their_own_and_the_background_stays():
    labels = np.zeros((9, 20), np.int32)
    labels[1:8, 1:8], labels[1:8, 8:15] = 1, 2
    grey = np.full((9, 20, 3), 80, np.uint8)
    out = tint_cells(grey, labels)
    assert (out[labels == 0] == 80).all()
    inner, border = out[4, 4].astype(int), out[1, 4].astype(int)
    assert (abs(border - 80) > abs(inner - 80)).any()
    assert (out[4, 4] != out[4, 11]).any()
    alike = tint_cells(grey, labels, np.array([0, 5, 5]))
    assert (alike[4, 4] == alike[4, 11]).all()
    assert (grey == 80).all()


def test_nothing_to_tint():
    assert (tint_cells(BLACK, np.zeros(BLACK.shape[:2], np.int32)) == BLACK).all()


def test_points_are_discs_cut_at_the_edge():
    out = is_colour(draw_points(BLACK, np.array([[3.2, 3.9], [0.0, 8.0]]), ORANGE, radius=1), ORANGE)
    expected = np.zeros((7, 9), bool)
    expected[[2, 3, 4, 3, 3], [4, 4, 4, 3, 5]] = True
    expected[[0, 0, 1], [7, 8, 8]] = True
    assert (out == expected).all()


def test_shrinking_an_enlarged_picture_gives_it_back():
    rgb = np.random.default_rng(1).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    assert (shrink(enlarge(rgb, 3), 3) == rgb).all()
    assert shrink(rgb, 2).shape == (2, 2, 3)


def test_pictures_travel_as_png_or_jpeg():
    rgb = np.repeat(np.repeat(np.array([[[0, 0, 0], [230, 159, 0]]], np.uint8), 16, axis=0), 16, axis=1)
    png, jpeg = data_uri(rgb), data_uri(rgb, quality=90)
    assert png.startswith("data:image/png;base64,")
    assert jpeg.startswith("data:image/jpeg;base64,")
    assert (imagecodecs.png_decode(base64.b64decode(png.split(",")[1])) == rgb).all()
    decoded = imagecodecs.jpeg_decode(base64.b64decode(jpeg.split(",")[1])).astype(int)
    assert abs(decoded - rgb).max() < 30
