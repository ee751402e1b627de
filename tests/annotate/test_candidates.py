import numpy as np
import pytest

from lacss_tools.annotate.candidates import automatic_centre, log_intensity, make_candidates
from lacss_tools.annotate.quality import choose, score_candidates
from lacss_tools.annotate.settings import CutSettings, parse_thresholds
from lacss_tools.errors import UsageError


def field(seed=0):
    """Discs of very different brightness on a noisy background, and their true area."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :150]
    truth, image = np.zeros((120, 150), bool), np.full((120, 150), 100.0)
    for k, (cy, cx) in enumerate([(25, 25), (30, 110), (85, 40), (90, 110)]):
        disc = np.hypot(y - cy, x - cx) < 15
        truth |= disc
        image[disc] += (150, 400, 1500, 3000)[k]
    return (image + rng.normal(0, 8, image.shape)).astype(np.float32)[None], truth


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_dim_and_bright_cells_are_both_found_by_default():
    image, truth = field()
    masks, thresholds = make_candidates(image, CutSettings())
    assert len(masks) == len(thresholds) == 5
    assert thresholds == sorted(thresholds)
    assert max(iou(mask, truth) for mask in masks) > 0.9


def test_gain_and_offset_do_not_matter():
    image, _ = field()
    first, t1 = make_candidates(image, CutSettings())
    second, t2 = make_candidates(image * 7 + 300, CutSettings())
    np.testing.assert_allclose(t1, t2, rtol=1e-3)
    assert (first == second).mean() > 0.999


def test_several_channels_are_averaged():
    image, truth = field()
    other = np.random.default_rng(1).normal(50, 1, image.shape).astype(np.float32)
    masks, _ = make_candidates(np.concatenate([image, image + other]), CutSettings())
    assert max(iou(mask, truth) for mask in masks) > 0.9


def test_absolute_thresholds_are_taken_as_they_are():
    image, _ = field()
    masks, thresholds = make_candidates(image, CutSettings((0.3, 0.6), relative=False, smoothness=0.0))
    assert thresholds == [0.3, 0.6]
    assert (masks[0] == (log_intensity(image[0]) > 0.3)).all()


def test_log_intensity_runs_from_0_to_1_and_is_0_for_a_constant():
    q = log_intensity(field()[0][0])
    assert q.min() == 0
    assert q.max() == 1
    assert (log_intensity(np.full((5, 5), 3, np.float32)) == 0).all()
    assert automatic_centre(np.zeros((5, 5), np.float32)) == 0.5


def test_thresholds_are_parsed_and_checked():
    assert parse_thresholds("x1.2, x0.8") == ((0.8, 1.2), True)
    for text in ("0.3,x1", "abc", "0.3;0.4"):
        with pytest.raises(UsageError):
            parse_thresholds(text)
    with pytest.raises(UsageError):
        CutSettings(*parse_thresholds("0.5,1.5"))
    with pytest.raises(UsageError):
        CutSettings(*parse_thresholds(""))


def square(size, *boxes):
    mask = np.zeros((size, size), bool)
    for y0, x0, y1, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def test_the_score_is_the_harmonic_mean_of_cover_and_explained_area():
    mask = square(20, (0, 0, 5, 5), (10, 10, 15, 15))  # 25 px with a LOI, 25 px without
    score = score_candidates(mask[None], np.array([[2.0, 2.0], [18.0, 2.0]]))
    assert score[0] == pytest.approx(0.5)  # half of the LOIs, half of the area


def test_a_candidate_that_loses_cells_or_adds_empty_area_is_not_chosen():
    points = np.array([[2.0, 2.0], [12.0, 12.0]])
    right = square(30, (0, 0, 5, 5), (10, 10, 15, 15))
    too_much = right | square(30, (20, 0, 30, 30))
    too_little = square(30, (0, 0, 5, 5))
    assert choose(np.stack([too_much, right, too_little]), points) == 1
    assert choose(np.stack([right, too_little, too_little]), points) == 0
    assert choose(np.stack([too_much, too_much, right]), points) == 2


def test_equal_candidates_and_missing_lois_give_the_middle():
    masks = np.stack([square(10, (0, 0, 5, 5))] * 5)
    assert choose(masks, np.array([[2.0, 2.0]])) == 2
    assert choose(masks, np.zeros((0, 2))) == 2
