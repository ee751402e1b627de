from dataclasses import replace

import numpy as np
import torch

from lacss_tools.train.crops import full_image, plan_crop, plan_loci
from lacss_tools.train.in_view import places_in_view, sample_pixels
from lacss_tools.train.settings import TrainSettings
from tests.train.test_crops import PLAIN, dotted_field


def bars():
    """Three upright bars of 8 x 40 pixels, two columns apart, each with its LOI at its upper end."""
    labels = np.zeros((100, 100), np.int32)
    for k in range(3):
        labels[30:70, 30 + 10 * k : 38 + 10 * k] = k + 1
    lois = np.array([(32.0, 34.0 + 10 * k) for k in range(3)])
    return full_image(labels[None].astype(np.float32), labels, lois, np.arange(1, 4), scale=1.0)


def loci_of(whole, top, **settings):
    """LOIs of a crop of 64 pixels, neither turned nor resized, whose first row is `top`."""
    settings = replace(PLAIN, **settings)
    centre = torch.tensor([top + 31.5, 49.5])
    return plan_loci(whole, settings, torch.eye(2), centre, np.random.default_rng(0))


def test_a_cell_is_to_be_found_in_a_crop_that_shows_a_fifth_of_it_without_its_loi():
    whole = bars()
    for top, own in ((0, 3), (31, 3), (50, 3), (61, 3), (63, 0), (70, 0)):  # row 62 and on: under a fifth of 40 rows
        loci = loci_of(whole, top)
        assert len(loci.own) == own == len(loci.own.unique()), top
        rows, columns = loci.lois.T
        assert ((rows >= 0) & (rows <= 69 - top)).all()
        assert (
            loci.own == torch.from_numpy(whole.labels.numpy()[rows.long() + top, columns.round().long() + 18])
        ).all()


def test_the_place_is_the_middle_of_what_is_seen():
    loci = loci_of(bars(), 50)
    assert torch.allclose(loci.lois[:, 0], torch.tensor(9.5), atol=1.6)
    assert torch.allclose(loci.lois[:, 1], torch.tensor([15.5, 25.5, 35.5]), atol=4)


def test_a_cell_is_left_out_as_in_the_paper_where_all_of_it_has_to_be_seen():
    assert len(loci_of(bars(), 50, in_view=1.0).own) == 0
    assert len(loci_of(bars(), 31, in_view=1.0).own) == 3  # within the margin


def test_a_cell_with_two_lois_outside_gets_one_place_and_none_where_one_of_them_is_inside():
    labels = np.zeros((100, 100), np.int32)
    labels[20:80, 40:60] = 5
    lois = np.array([[22.0, 50.0], [26.0, 50.0]])
    whole = full_image(labels[None].astype(np.float32), labels, lois, np.array([5, 5]), scale=1.0)
    assert len(loci_of(whole, 35).own) == 1
    kept = loci_of(whole, 24)
    assert len(kept.own) == 2
    assert (kept.lois[:, 0] < 3).all()


def test_a_place_is_a_pixel_of_the_cell_however_it_is_bent():
    y, x = np.mgrid[:64, :64]
    ring = (np.hypot(y - 32, x - 32) < 30) & (np.hypot(y - 32, x - 32) > 24)
    where = torch.from_numpy(sample_pixels(ring.astype(np.float32), np.array([1.0], np.float32)))
    for shift in (0.0, 10.0, 30.0, 40.0):
        shown, places = places_in_view(where - shift, 64, 0.05)
        assert shown.all()
        row, column = (places[0] + shift).long().tolist()
        assert ring[row, column]


def test_labels_without_a_pixel_have_no_place():
    where = sample_pixels(np.zeros((4, 5), np.float32), np.array([3.0], np.float32))
    assert np.isnan(where).all()
    shown, places = places_in_view(torch.from_numpy(where), 64, 0.2)
    assert not shown.any()
    assert len(places) == 0


def test_what_is_seen_adds_nothing_to_chance():
    image, labels, points = dotted_field()
    whole = full_image(image, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    for step in range(5):
        plain, more = (
            plan_crop(0, whole, replace(TrainSettings(crop=64), in_view=least), np.random.default_rng(step))
            for least in (1.0, 0.2)
        )
        count = len(plain.loci.lois)
        assert torch.equal(plain.matrices, more.matrices)
        assert torch.equal(plain.strengths.gain, more.strengths.gain)
        assert torch.equal(plain.loci.lois, more.loci.lois[:count])
