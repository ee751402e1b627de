"""Which automatic picks a person should look at: those that fit nothing, not those beside unstained nuclei."""

import numpy as np
import pytest

from lacss_tools.annotate.pick.choices import Choices
from lacss_tools.annotate.pick.doubt import BADLY, UNSTAINED, avoid, doubt

SHAPE = (100, 120)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
BAND = np.abs(Y - 50)
MASKS = np.array([26, 24, 22, 20, 18])[:, None, None] > BAND
INSIDE = np.array([[y, x] for y in (40.0, 50.0, 60.0) for x in range(5, 120, 10)])
BESIDE = np.array([[y, x] for y in (5.0, 15.0, 85.0, 95.0) for x in range(5, 120, 10)])


def choices(lois, masks=MASKS):
    image = (0.2 + 0.6 * (BAND < 22)).astype(np.float32)[None]
    return Choices(image, masks, [0.1] * len(masks), np.asarray(lois).reshape(-1, 2))


def test_a_pick_that_fits_all_lois_is_not_doubted():
    assert doubt(choices(INSIDE)) is None


def test_unstained_nuclei_speak_against_no_pick_but_get_a_word():
    few, many = np.concatenate([INSIDE, BESIDE[::8]]), np.concatenate([INSIDE, BESIDE])
    assert doubt(choices(few)) is None
    assert doubt(choices(many)) == UNSTAINED
    # which the plain score would have doubted
    assert choices(many).score() < 0.8


@pytest.mark.parametrize("lois", [BESIDE, np.zeros((0, 2))])
def test_lois_beside_every_candidate_and_no_lois_are_doubted(lois):
    assert doubt(choices(lois)) == BADLY


def test_an_inverted_area_is_doubted_although_some_lois_lie_on_it():
    assert doubt(choices(np.concatenate([INSIDE, BESIDE[:8]]), ~MASKS[::-1])) == BADLY


def test_an_area_that_no_loi_has_to_do_with_is_doubted():
    islands = MASKS | (Y < 22) | (Y > 78)
    assert doubt(choices(INSIDE, islands)) == BADLY


def test_an_area_that_covers_everything_is_doubted():
    nearly = np.repeat(((Y > 1) | (X > 3))[None], 5, axis=0)
    assert doubt(choices(INSIDE, nearly)) == BADLY


def test_lois_avoid_an_area_when_twice_as_many_as_by_chance_lie_beside_it():
    mask = X < 90  # a quarter lies beside it
    points = np.array([[50.0, 10.0]] * 20)
    for beside, expected in ((18, False), (24, True)):
        lois = np.concatenate([points, [[50.0, 110.0]] * beside])
        assert avoid(lois, mask) is expected
    assert not avoid(np.array([[50.0, 110.0]] * 4), mask)
