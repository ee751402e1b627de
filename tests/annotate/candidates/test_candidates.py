from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacss_tools.annotate.candidates.candidates import cut_at, find_candidates, make_candidates
from lacss_tools.annotate.candidates.choice import choose, score_candidates
from lacss_tools.annotate.candidates.intensity import normalise
from lacss_tools.annotate.candidates.settings import CutSettings, cut_settings_from_text, parse_thresholds
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


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([0.25, 0.5, 2, 8]), st.integers(0, 3000), st.sampled_from(["log", "linear"]), st.booleans())
def test_gain_and_offset_do_not_matter(gain, offset, intensity, contrast):
    image = np.round(field()[0])
    chosen = CutSettings(intensity=intensity, contrast=contrast)
    first, t1 = make_candidates(image, chosen)
    second, t2 = make_candidates(image * np.float32(gain) + np.float32(offset), chosen)
    np.testing.assert_allclose(t1, t2, rtol=1e-3)
    assert (first == second).mean() > 0.999


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.floats(0, 1), st.booleans(), st.sampled_from([0.0, 20.0]))
def test_inverting_the_image_and_the_polarity_gives_the_same_masks(seed, smoothness, contrast, membrane):
    image = np.round(field(seed)[0])
    chosen = CutSettings(smoothness=smoothness, contrast=contrast, membrane=membrane, polarity="bright")
    bright, t1 = make_candidates(image, chosen)
    dark, t2 = make_candidates(4095 - image, replace(chosen, polarity="dark"))
    assert (bright == dark).all()
    assert t1 == t2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.sampled_from(["bright", "dark"]), st.booleans(), st.sampled_from(["otsu", "li"]))
def test_candidates_are_nested_loosest_first_in_either_polarity(seed, polarity, contrast, center):
    image = field(seed)[0] * (1 if polarity == "bright" else -1)
    masks, thresholds = make_candidates(image, CutSettings(polarity=polarity, contrast=contrast, center=center))
    assert thresholds == sorted(thresholds)
    assert not (masks[1:] & ~masks[:-1]).any()


def test_dark_cells_are_found_and_said():
    image, truth = field()
    bright, dark = find_candidates(image, CutSettings()), find_candidates(5000 - image, CutSettings())
    assert not bright.dark
    assert dark.dark
    assert max(iou(mask, truth) for mask in dark.masks) > 0.9


@pytest.mark.parametrize("settings_", [CutSettings(), CutSettings(contrast=True), CutSettings(membrane=20.0)])
def test_a_cut_at_a_candidate_s_threshold_is_that_candidate(settings_):
    image, _ = field()
    masks, thresholds = make_candidates(image, settings_)
    for mask, threshold in zip(masks, thresholds, strict=True):
        assert (cut_at(image, settings_, threshold) == mask).mean() > 0.9999


def test_fiji_takes_the_values_of_the_type_and_its_own_smoothness():
    image = np.full((1, 12, 12), 40, np.float32)
    image[0, 3:9, 3:9] = 200
    chosen = CutSettings((0.1, 0.5, 0.9), relative=False, fiji_compat=True, polarity="bright")
    assert chosen.weight == 5
    masks, thresholds = make_candidates(image, replace(chosen, smoothness=0.01), full_scale=256.0)
    assert thresholds == [0.1, 0.5, 0.9]  # every value of the sweep, the first too
    assert [int(mask.sum()) for mask in masks] == [144, 36, 0]
    assert not make_candidates(image, chosen, full_scale=65536.0)[0].any()  # 8-bit values in a 16-bit file


def test_several_channels_are_averaged():
    image, truth = field()
    other = np.random.default_rng(1).normal(50, 1, image.shape).astype(np.float32)
    masks, _ = make_candidates(np.concatenate([image, image + other]), CutSettings())
    assert max(iou(mask, truth) for mask in masks) > 0.9


def test_absolute_thresholds_are_taken_as_they_are():
    image, _ = field()
    chosen = CutSettings((0.3, 0.6), relative=False, smoothness=0.0)
    masks, thresholds = make_candidates(image, chosen)
    assert thresholds == [0.3, 0.6]
    assert (masks[0] == (normalise(image, chosen) > 0.3)).all()


def test_thresholds_are_parsed_and_checked():
    assert parse_thresholds("x1.2, x0.8") == ((0.8, 1.2), True)
    for text in ("0.3,x1", "abc", "0.3;0.4"):
        with pytest.raises(UsageError):
            parse_thresholds(text)
    with pytest.raises(UsageError):
        CutSettings(*parse_thresholds("0.5,1.5"))
    with pytest.raises(UsageError):
        CutSettings(*parse_thresholds(""))


@pytest.mark.parametrize(
    "wrong",
    [
        {"neighbours": 6},
        {"center": "mean"},
        {"intensity": "cubic"},
        {"polarity": "up"},
        {"smoothness": -1.0},
        {"log_strength": 0.0},
        {"membrane": 1.0},
        {"tile": 100, "overlap": 80},
        {"fiji_compat": True, "contrast": True},
        {"fiji_compat": True, "membrane": 30.0},
        {"fiji_compat": True, "intensity": "linear"},
        {"fiji_compat": True, "neighbours": 4},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        CutSettings(**wrong)


def test_settings_survive_as_text():
    chosen = CutSettings((0.2, 0.4), relative=False, membrane=30.0, polarity="dark")
    assert cut_settings_from_text(chosen.to_text()) == chosen
    assert cut_settings_from_text("") == CutSettings()


def square(size, *boxes):
    mask = np.zeros((size, size), bool)
    for y0, x0, y1, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def test_the_score_is_the_harmonic_mean_of_cover_and_explained_area():
    mask = square(20, (0, 0, 5, 5), (10, 10, 15, 15))  # 25 px with a LOI, 25 px without
    score = score_candidates(mask[None], np.array([[2.0, 2.0], [18.0, 2.0]]))
    assert score[0] == pytest.approx(0.5)  # half of the LOIs, half of the area


def test_equal_candidates_and_missing_lois_give_the_middle():
    masks = np.stack([square(10, (0, 0, 5, 5))] * 5)
    assert choose(masks, np.array([[2.0, 2.0]])) == 2
    assert choose(masks, np.zeros((0, 2))) == 2
