"""What the functions accept, whatever its type and axes, and one sentence that names the argument for the rest."""

import numpy as np
import pytest

from lacss_tools.api import cut_candidates, evaluate, find_lois, pick_candidate
from lacss_tools.api.arguments import as_image, as_labels, as_mask, as_masks, as_plane, as_points
from lacss_tools.cells import cells_from_labels
from lacss_tools.errors import ArgumentError, UsageError

INTEGERS = ("u1", "u2", "u4", "u8", "i2", "i4", "i8", ">u2", ">i4")


@pytest.mark.parametrize("dtype", [*INTEGERS, "f2", "f4", "f8", ">f4"])
def test_the_type_of_an_image_makes_no_difference(scene, dtype):
    image, dapi = (np.round(part * (200 / part.max())) for part in scene[:2])
    np.testing.assert_array_equal(find_lois(dapi.astype(dtype)), find_lois(dapi))
    np.testing.assert_array_equal(cut_candidates(image.astype(dtype))[0], cut_candidates(image)[0])


def test_an_inverted_image_does_not_wrap_around(scene):
    image = scene[0]
    upside_down = (65535 - image).astype(np.uint16)
    for polarity in ("dark", "auto"):
        masks, _ = cut_candidates(upside_down, polarity=polarity)
        np.testing.assert_array_equal(masks, cut_candidates(65535.0 - image, polarity=polarity)[0])
    upright, _ = cut_candidates(image, polarity="bright")
    assert (cut_candidates(upside_down, polarity="dark")[0] == upright).mean() > 0.999


def test_channels_lie_where_channel_axis_says(scene):
    image, dapi, *_ = scene
    both = np.stack([image, dapi])
    masks, _ = cut_candidates(both)
    for axis in (0, 1, 2, -1, -2, -3):
        np.testing.assert_array_equal(cut_candidates(np.moveaxis(both, 0, axis), channel_axis=axis)[0], masks)
    np.testing.assert_array_equal(find_lois(dapi[None]), find_lois(dapi))
    np.testing.assert_array_equal(find_lois(dapi[..., None], channel_axis=-1), find_lois(dapi))


def test_a_grey_image_saved_in_colours_is_a_grey_image(scene):
    colours = np.repeat(scene[1][..., None], 3, axis=-1)
    np.testing.assert_array_equal(find_lois(colours, channel_axis=-1), find_lois(scene[1]))


def test_nuclei_come_with_their_points(scene):
    dapi = scene[1]
    points, labels = find_lois(dapi, return_labels=True)
    np.testing.assert_array_equal(points, find_lois(dapi))
    assert labels[tuple(points.astype(int).T)].tolist() == list(range(1, len(points) + 1))
    assert len(points) > 3
    (again,), (same,) = find_lois([dapi], return_labels=True)
    np.testing.assert_array_equal(again, points)
    np.testing.assert_array_equal(same, labels)


def test_images_of_different_sizes_are_a_list_and_one_is_not(scene):
    dapi = scene[1]
    points = find_lois([dapi, dapi[:60, :80]], nucleus_diameter=8.0)
    assert [type(part) for part in points] == [np.ndarray, np.ndarray]
    np.testing.assert_array_equal(points[0], find_lois(dapi, nucleus_diameter=8.0))
    masks, thresholds = cut_candidates((dapi, dapi[:60, :80]))
    assert [part.shape for part in masks] == [(5, 96, 96), (5, 60, 80)]
    picked = pick_candidate(masks, points)
    assert [part.shape for part in picked] == [(96, 96), (60, 80)]
    assert len(thresholds) == 2
    mask, k = pick_candidate(masks[0], points[0], return_index=True)
    np.testing.assert_array_equal(mask, masks[0][k])


def test_what_is_given_stays_as_it_is(scene):
    image, dapi, labels, lois = (part.copy() for part in scene)
    for part in (image, dapi, labels, lois):
        part.setflags(write=False)
    masks, _ = cut_candidates(image)
    pick_candidate(masks, lois, image)
    find_lois(dapi)
    evaluate(labels, labels)


def test_label_images_and_cells_can_be_compared(scene):
    labels = scene[2]
    assert evaluate(labels, cells_from_labels(labels)).ap == [1.0] * 10
    assert evaluate([labels, labels], [labels, np.zeros_like(labels)]).rates.recall[0] == 0.5
    assert evaluate(labels.astype(np.float32), labels.astype(np.uint64)).map == 1


def test_points_may_be_a_table_of_numbers_and_no_points_are_points():
    assert as_points("lois", [[1, 2], [3, 4]], "image", (5, 5)).tolist() == [[1, 2], [3, 4]]
    assert as_points("lois", [], "image", (5, 5)).shape == (0, 2)


GREY, COLOUR, DOT = np.arange(12.0).reshape(3, 4), np.zeros((30, 20, 3)), np.array([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_lois(GREY > 2), "dapi is a mask (bool) where intensities are needed"),
        (lambda: find_lois(np.zeros((5, 5))), "dapi is 0 everywhere"),
        (lambda: find_lois([GREY, GREY * np.nan]), r"dapi[1] holds 12 NaN or infinite pixels"),
        (lambda: find_lois(np.stack([GREY, GREY + 1])), "dapi has 2 channels where one is needed"),
        (lambda: find_lois([]), "dapi is an empty list"),
        (lambda: find_lois(GREY, sigma=(4.2, 5.0), nucleus_diameter=9.0), "Give one of them"),
        (lambda: find_lois(GREY, method="pieces", return_labels=True), "needs the method 'network'"),
        (lambda: find_lois(GREY, nucleus_diameter=1.0), "1"),
        (lambda: cut_candidates(COLOUR), "image has shape (30, 20, 3): which axis holds channels?"),
        (lambda: cut_candidates(np.zeros((16, 30, 30))), "give several images as a list"),
        (lambda: cut_candidates(np.zeros((2, 3, 4, 5))), "image has shape (2, 3, 4, 5), expected (y, x)"),
        (lambda: cut_candidates(GREY, channel_axis=-1), "no channels on axis -1"),
        (lambda: cut_candidates(COLOUR, channel_axis=3), "no channels on axis 3"),
        (lambda: cut_candidates(GREY.astype(complex)), "image holds no numbers that can be an image"),
        (lambda: cut_candidates(GREY, thresholds=[0.5, 1.5]), "thresholds"),
        (lambda: cut_candidates(GREY, polarity="light"), "light"),
        (lambda: pick_candidate(GREY > 2, DOT), "masks has shape (3, 4), expected (k, y, x)"),
        (lambda: pick_candidate([GREY[None] > 2], DOT), "masks is a list and points is not"),
        (lambda: pick_candidate([GREY[None] > 2] * 2, [DOT]), "points has 1 entries and masks has 2"),
        (lambda: pick_candidate(GREY[None] > 2, DOT * 9), "points has 1 LOIs outside masks"),
        (lambda: pick_candidate(GREY[None] > 2, DOT[:, :1]), "points has shape (1, 1), expected (n, 2)"),
        (lambda: pick_candidate(GREY[None] > 2, DOT, GREY[:, :3]), "image is (3, 3) pixels and masks (3, 4)"),
        (lambda: evaluate(GREY.astype(int), GREY[:2].astype(int)), "found is (2, 4) pixels and truth (3, 4)"),
        (lambda: evaluate(GREY > 2, GREY > 2), "truth is a mask (bool) where each cell needs a number"),
        (lambda: evaluate(GREY + 0.5, GREY), "truth holds fractions"),
        (lambda: evaluate([GREY, -GREY], [GREY, GREY]), "truth[1] holds negative labels"),
        (lambda: evaluate(GREY, GREY, score_cut=np.nan), "score_cut is nan"),
        (lambda: as_image("image", "a.tif"), "image has shape ()"),
        (lambda: as_plane("dapi", None), "dapi has shape ()"),
        (lambda: as_points("lois", "here", "image", (3, 4)), "lois is not an array of numbers"),
        (lambda: as_points("lois", [[1, np.nan]], "image", (3, 4)), "lois holds NaN"),
        (lambda: as_mask("mask", GREY, "image", (3, 4)), "mask is not a mask: it holds 12 values"),
        (lambda: as_mask("mask", GREY > 2, "image", (4, 4)), "mask is (3, 4) pixels and image (4, 4)"),
        (lambda: as_masks("masks", np.zeros((0, 3, 4), bool)), "masks has shape (0, 3, 4)"),
        (lambda: as_labels("labels", [["a"]]), "labels is <U1 of shape (1, 1), expected numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_in_one_sentence(call, message):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, UsageError)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
