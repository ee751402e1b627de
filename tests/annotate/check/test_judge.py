import numpy as np
import pytest

from lacss_tools.annotate.check import findings as find
from lacss_tools.annotate.check import judge
from lacss_tools.annotate.check.advice import Missing, advise
from lacss_tools.annotate.check.findings import Limits, MeasuredImage
from lacss_tools.annotate.check.judge import estimate_nucleus, is_inverted
from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts, nearest_distances
from lacss_tools.annotate.check.overview import overview
from lacss_tools.annotate.check.record import from_text, to_text
from lacss_tools.annotate.check.related import Relation
from lacss_tools.annotate.check.unusual import stand_out

LIMITS = Limits()
GRID = np.array([[20.0 * i, 20.0 * j] for i in range(5) for j in range(4)])


def lois(points=GRID, dapi=None, one_nucleus=None, beyond=0):
    count = len(points)
    flags = np.arange(count) < beyond
    return LoiFacts(points, np.ones(count), nearest_distances(points), flags, dapi, one_nucleus)


def mask(fraction=0.2, off=0, count=20, step=0.3, lonely=0.0, stain=None):
    outside = None if count is None else np.arange(count) < off
    return MaskFacts(fraction, step, outside, lonely, None if stain is None else np.full(count, stain))


def image(stem="a", loi_facts=None, mask_facts=None, source="picked", relation=None):
    return MeasuredImage(stem, (100, 80), loi_facts, mask_facts, source, relation)


FOREIGN = Relation(lois_mask=(0.3, -0.5))
RELATED = Relation(lois_mask=(0.3, 4.0))


def kinds(one, others=(), nucleus=10.0):
    found = judge.judge([one, *others], nucleus, LIMITS)[0].findings
    return [finding.kind for finding in found]


GOOD = [image(f"g{k}", lois(), mask(fraction=0.18 + 0.005 * k)) for k in range(9)]


def words(images, nucleus=10.0, missing=Missing()):  # noqa: B008
    judged = judge.judge(images, nucleus, LIMITS)
    return [line.text for line in advise(judged, overview(judged, nucleus), missing)]


# ---- one image ------------------------------------------------------------------------------------------------------


def test_a_good_field_has_no_findings():
    assert kinds(GOOD[0], GOOD[1:]) == []


@pytest.mark.parametrize(
    ("mask_facts", "expected"),
    [
        (mask(fraction=0.0), [find.EMPTY]),
        (mask(fraction=0.96), [find.FULL]),
        (mask(fraction=0.8, off=19), [find.INVERTED]),
        (mask(fraction=0.2, off=3), []),
        (mask(fraction=0.2, off=4), [find.OUTSIDE]),
        (mask(fraction=0.2, off=9), [find.OUTSIDE]),
        (mask(fraction=0.8, off=5), [find.OUTSIDE]),
        (mask(fraction=0.8, off=2), []),
        (mask(off=2, count=3), []),
        (mask(lonely=0.3), [find.LONELY]),
        (mask(lonely=0.2), []),
    ],
)
def test_masks_against_the_limits(mask_facts, expected):
    count = len(mask_facts.outside)
    assert kinds(image(loi_facts=lois(GRID[:count]), mask_facts=mask_facts)) == expected


@pytest.mark.parametrize("off", [4, 10])
def test_a_mask_of_another_image_is_told_from_a_tight_one_and_from_unstained_tissue(off):
    def found(relation, stain=None):
        facts = mask(fraction=0.7, off=off, stain=stain)
        return kinds(image(loi_facts=lois(), mask_facts=facts, relation=relation))

    assert found(FOREIGN) == [find.CHANCE]
    assert found(RELATED, stain=0.1) == [find.UNSTAINED]
    assert found(RELATED, stain=0.5) == [find.OUTSIDE]
    # nothing is known of stain without images
    assert found(RELATED) == [find.OUTSIDE]


def test_lois_that_mostly_lie_on_a_small_mask_are_of_its_image_whatever_else_agrees():
    facts = mask(fraction=0.2, off=8)
    assert kinds(image(loi_facts=lois(), mask_facts=facts, relation=FOREIGN)) == [find.OUTSIDE]


def test_denser_nuclei_beside_stained_tissue_do_not_make_its_mask_inverted():
    # 27 of 70 LOIs on 60 % of the image: 3.7 standard deviations too few, but far more than on an inverted mask
    assert not is_inverted(mask(fraction=0.6, off=43, count=70), 0.0, LIMITS)
    assert is_inverted(mask(fraction=0.6, off=65, count=70), 0.0, LIMITS)


def test_a_mask_of_another_image_is_not_called_inverted_for_its_brightness():
    facts = mask(fraction=0.3, off=14, step=-0.3)
    assert kinds(image(loi_facts=lois(), mask_facts=facts, relation=FOREIGN), GOOD) == [find.CHANCE]
    assert kinds(image(loi_facts=lois(), mask_facts=facts, relation=RELATED), GOOD) == [find.INVERTED]


def sized(small, large, count=40):
    facts = lois(np.concatenate([GRID, GRID + 500]))
    return LoiFacts(
        facts.points, facts.response, facts.nearest, facts.beyond, None, None, np.repeat([small, large], count // 2)
    )


def test_nuclei_of_many_sizes_are_told_with_their_range():
    one = judge.judge([image(loi_facts=sized(8.0, 21.0))], 10.0, LIMITS)[0]
    assert [(found.kind, found.text) for found in one.findings] == [(find.MIXED, "nuclei are 8 to 21 px across")]
    assert kinds(image(loi_facts=sized(8.0, 19.0))) == []


def test_an_image_the_other_way_round_than_the_set_is_inverted_unless_lois_speak_for_it():
    turned = mask(step=-0.3, count=None)
    alone = image(mask_facts=turned)
    others = [image(f"g{k}", None, mask(count=None)) for k in range(4)]
    assert kinds(alone, others) == [find.INVERTED]
    assert kinds(alone) == []
    assert kinds(image(loi_facts=lois(), mask_facts=mask(step=-0.3)), GOOD) == []
    dark_set = [image(f"g{k}", None, turned) for k in range(4)]
    assert kinds(alone, dark_set) == []


def test_few_lois_prove_no_inversion():
    # three LOIs off a mask of 60 %: (0 - 1.8) / 0.85 is 2.1 standard deviations
    assert not is_inverted(mask(fraction=0.6, off=3, count=3), 0.0, LIMITS)
    assert is_inverted(mask(fraction=0.6, off=9, count=9), 0.0, LIMITS)


def test_a_rejected_image_has_no_mask_to_judge():
    assert kinds(image(loi_facts=lois(), mask_facts=mask(fraction=0.0), source="rejected")) == []


def test_faint_lois_off_the_mask_are_told_from_a_tight_mask():
    off = 8
    dapi = np.where(np.arange(20) < off, 0.1, 0.8)
    assert kinds(image(loi_facts=lois(dapi=dapi), mask_facts=mask(off=off))) == [find.FAINT]
    assert kinds(image(loi_facts=lois(dapi=dapi * 0 + 0.5), mask_facts=mask(off=off))) == [find.OUTSIDE]


def test_lois_on_dark_dapi_outside_the_image_or_absent():
    dapi = np.where(np.arange(20) < 4, 0.0, 0.8)
    assert kinds(image(loi_facts=lois(dapi=dapi))) == [find.DARK]
    assert kinds(image(loi_facts=lois(dapi=np.maximum(dapi, 0.06)))) == []
    assert kinds(image(loi_facts=lois(beyond=1))) == [find.BEYOND]
    assert kinds(image(loi_facts=lois(GRID[:0]))) == [find.NO_LOIS]


def test_no_lois_and_an_empty_mask_agree():
    assert kinds(image(loi_facts=lois(GRID[:0]), mask_facts=mask(fraction=0.0, count=0))) == [find.UNUSUAL]


def test_doubles_are_closer_than_half_a_nucleus_or_in_one_nucleus():
    near = np.concatenate([GRID[:16], np.add(GRID[:4], [0.0, 4.9])])
    far = np.concatenate([GRID[:16], np.add(GRID[:4], [0.0, 5.1])])
    assert kinds(image(loi_facts=lois(near))) == [find.DOUBLES]
    assert kinds(image(loi_facts=lois(far))) == []
    assert kinds(image(loi_facts=lois(far, one_nucleus=np.arange(20) > 15))) == [find.DOUBLES]
    assert kinds(image(loi_facts=lois(near)), nucleus=None) == []


# ---- the set --------------------------------------------------------------------------------------------------------


def test_what_stands_out_is_far_in_robust_deviations_and_by_a_factor():
    values = {str(k): 100.0 + k for k in range(9)}
    assert stand_out(values | {"x": 195.0}, LIMITS) == {}
    assert set(stand_out(values | {"x": 260.0, "y": 40.0}, LIMITS)) == {"x", "y"}
    assert stand_out(dict(list(values.items())[:6]) | {"x": 260.0}, LIMITS) == {}


def test_a_wide_set_has_no_outliers():
    values = {str(k): float(v) for k, v in enumerate(np.geomspace(5, 150, 40))}
    assert stand_out(values, LIMITS) == {}


def test_an_unlike_field_is_named_with_its_number_and_the_median_but_not_as_a_fault():
    images = [*GOOD, image("odd", lois(GRID[:4]), mask(fraction=0.19, count=4))]
    judged = judge.judge(images, 10.0, LIMITS)
    assert [one.image.stem for one in judged if one.findings] == ["odd"]
    assert "4 LOIs (median 20)" in judged[-1].findings[0].text
    assert words(images)[0] == "LOIs and masks of all 10 images look good. Next: lacss train."
    assert "1 image is unlike the rest" in words(images)[1]


def test_the_worst_field_weighs_most():
    images = [
        image("a", lois(), mask(lonely=0.9)),
        image("b", lois(), mask(fraction=0.8, off=19)),
        image("c", lois(), mask(lonely=0.4)),
        image("d", lois(), mask(off=4)),
        *GOOD,
    ]
    judged = sorted(judge.judge(images, 10.0, LIMITS), key=lambda one: -one.weight)
    assert [one.image.stem for one in judged[:4]] == ["b", "d", "a", "c"]
    assert all(one.weight == 0 for one in judged[4:])


def test_without_dapi_the_nucleus_follows_from_cells_or_else_from_distances():
    # 0.2 * 8000 px / 20 LOIs = 80 px per cell
    assert estimate_nucleus([GOOD[4]]) == pytest.approx(0.6 * np.sqrt(4 / np.pi * 80))
    assert estimate_nucleus([image(loi_facts=lois())]) == pytest.approx(12)
    # a mask that covers everything says nothing of cells
    assert estimate_nucleus([image(loi_facts=lois(), mask_facts=mask(fraction=1.0))]) == pytest.approx(12)
    assert estimate_nucleus([image(mask_facts=mask())]) is None


# ---- words ----------------------------------------------------------------------------------------------------------


def test_a_good_set_gets_one_sentence_with_the_next_command():
    assert words(GOOD) == ["LOIs and masks of all 9 images look good. Next: lacss train."]
    points = [image(f"g{k}", lois()) for k in range(3)]
    assert words(points) == ["The LOIs of all 3 images look good. Next: lacss graphcut, then lacss pick."]
    masks = [image(f"g{k}", None, mask(count=None)) for k in range(3)]
    assert words(masks) == ["The masks of all 3 images look good. Next: lacss annotate-lois."]


def test_doubles_name_the_share_the_fields_and_the_diameter():
    double = image("a", lois(np.concatenate([GRID[:16], np.add(GRID[:4], [0.0, 3.0])])))
    text = words([double, image("b", lois())], nucleus=29.6)
    assert text == [
        "20 % of the LOIs in 1 image are probably second points of a nucleus. "
        "Run lacss annotate-lois --nucleus-diameter 30 --overwrite."
    ]


def test_doubles_in_large_nuclei_name_their_diameter():
    near = lois(np.concatenate([GRID[:16], np.add(GRID[:4], [0.0, 3.0])]))
    facts = LoiFacts(
        near.points, near.response, near.nearest, near.beyond, None, None, np.r_[np.full(16, 9.0), [21.4] * 4]
    )
    (text,) = words([image("a", facts)], nucleus=9.0)
    assert text.endswith(
        "These nuclei are about 21 px across, where 9 px are typical. "
        "Run lacss annotate-lois --nucleus-diameter 21 --overwrite; small nuclei may lose their point then."
    )


def test_a_fault_spread_thinly_over_the_set_is_told_too():
    images = [image(f"g{k}", lois(), mask(off=2)) for k in range(9)]
    assert [one.findings for one in judge.judge(images, 10.0, LIMITS)] == [()] * 9
    (text,) = words(images)
    assert text.startswith("10 % of all LOIs lie outside the masks")
    thin = [image(f"g{k}", lois(np.concatenate([GRID[:18], np.add(GRID[:2], [0.0, 3.0])]))) for k in range(9)]
    (text,) = words(thin)
    assert text.startswith("10 % of all LOIs are probably second points")


def test_what_follows_from_a_graver_fault_gets_no_sentence_of_its_own():
    shifted = image("a", lois(dapi=np.where(np.arange(20) < 12, 0.0, 0.8)), mask(off=15, lonely=0.6))
    assert kinds(shifted, GOOD) == [find.DARK, find.FAINT, find.LONELY]
    (text,) = words([shifted, *GOOD])
    assert text.startswith("LOIs lie where the DAPI is dark in 1 image")


def test_every_kind_of_fault_has_words_and_none_is_said_without_it():
    for one, start in (
        (image("a", lois(), mask(fraction=0.8, off=19)), "1 mask covers the background"),
        (image("a", lois(), mask(fraction=0.0)), "1 mask covers next to nothing, though"),
        (image("a", None, mask(fraction=0.0, count=None)), "1 mask covers next to nothing. Run"),
        (image("a", lois(), mask(fraction=0.97)), "1 mask covers nearly the whole image"),
        (image("a", lois(GRID[:0]), mask(count=0)), "1 image has no LOIs"),
        (image("a", lois(beyond=2), mask()), "LOIs lie outside the image in 1 image"),
        (
            image("a", lois(), mask(fraction=0.6, off=9), relation=FOREIGN),
            "LOIs and mask have nothing to do with each other in 1 image",
        ),
        (image("a", lois(), mask(off=8)), "40 % of the LOIs lie outside the masks in 1 image"),
        (image("a", lois(), mask(off=8, stain=0.0)), "40 % of the nuclei in 1 image lie in unstained tissue"),
        (image("a", sized(8.0, 40.0)), "Nuclei are of many sizes in 1 image, 8 to 40 px across"),
        (image("a", lois(), mask(lonely=0.5)), "A good part of the mask has no LOI in 1 image"),
    ):
        (text,) = words([one, *GOOD])
        assert text.startswith(start)
    own = image("a", lois(), mask(fraction=0.8, off=19), source="own")
    assert "Exchange 0 and 255" in words([own, *GOOD])[0]


def test_missing_partners_are_named_up_to_five():
    missing = Missing(lois=tuple("abcdefg"), images=("z",))
    text = words(GOOD, missing=missing)
    assert text[0].startswith("7 images have no LOI table: a, b, c, d, e and 2 more. Run lacss annotate-lois")
    assert text[1].startswith("LOIs or masks without an image: z.")
    assert len(text) == 2


# ---- handing over ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        image("a", lois(dapi=np.linspace(0, 1, 20), one_nucleus=np.arange(20) > 3, beyond=1), mask(off=3, stain=0.2)),
        image("e", sized(8.0, 9.0), mask(count=40), relation=Relation(3.0, None, (1.0, 2.5))),
        image("b", lois(GRID[:1]), mask(count=None, step=None)),
        image("c", lois(GRID[:0], dapi=np.zeros(0)), None),
        MeasuredImage("d", None, None, None, "none"),
    ],
)
def test_a_field_survives_as_text(one):
    again = from_text(to_text(one))
    assert to_text(again) == to_text(one)
    assert (again.stem, again.shape, again.source) == (one.stem, one.shape, one.source)
    if one.lois is not None:
        np.testing.assert_array_equal(again.lois.nearest, one.lois.nearest)
        np.testing.assert_array_equal(again.lois.points, one.lois.points)
