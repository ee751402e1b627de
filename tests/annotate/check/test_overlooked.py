import numpy as np
import pytest

from lacss_tools.annotate.check import findings as find
from lacss_tools.annotate.check.advice import Missing, advise
from lacss_tools.annotate.check.judge import judge
from lacss_tools.annotate.check.measure import measure_lois
from lacss_tools.annotate.check.overlooked import overlooked
from lacss_tools.annotate.check.overview import overview
from tests.made_up import nuclei

SIZE, NUCLEUS = 240, 12.0
CENTRES = np.stack(np.meshgrid(range(15, 240, 30), range(15, 240, 30)), axis=-1).reshape(-1, 2).astype(float)
FEW = CENTRES[::4]


def dapi(bright):
    image = nuclei(CENTRES, SIZE, NUCLEUS / 2, np.random.default_rng(0))
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.where(bright & (np.hypot(y - 90, x - 150) < 9), 2000, image).astype(np.float32)


@pytest.mark.parametrize("bright", [False, True])
def test_nuclei_without_a_point_are_counted_beside_debris_too(bright):
    seen = overlooked(dapi(bright), FEW, NUCLEUS)
    assert abs(seen.missed - (len(CENTRES) - len(FEW))) <= 2
    assert seen.calm != bright
    assert overlooked(dapi(bright), CENTRES, NUCLEUS).missed <= 2  # one of them the disc


@pytest.mark.parametrize(("bright", "kind"), [(False, find.MISSED), (True, find.BRIGHT)])
def test_the_advice_for_missed_nuclei_is_never_to_ask_for_more_response(bright, kind):
    facts = measure_lois(FEW, np.ones(len(FEW)), (SIZE, SIZE), dapi(bright), NUCLEUS)
    judged = judge([find.MeasuredImage("a", (SIZE, SIZE), facts, None, "none")], NUCLEUS, find.Limits())
    assert [one.kind for one in judged[0].findings] == [kind]
    (advice,) = advise(judged, overview(judged, NUCLEUS), Missing())
    assert "% of the nuclei in 1 image have no LOI" in advice.text
    assert ("A higher --min-response would lose more" if bright else "with a lower --min-response") in advice.text
    full = measure_lois(CENTRES, np.ones(len(CENTRES)), (SIZE, SIZE), dapi(bright), NUCLEUS)
    assert not judge([find.MeasuredImage("a", (SIZE, SIZE), full, None, "none")], NUCLEUS, find.Limits())[0].findings


@pytest.mark.parametrize(("change", "kind", "remedy"), [
    (lambda image: 400 - image, find.NEGATIVE, "in Fiji Edit > Invert"),
    (lambda image: np.minimum(image, 60), find.CLIPPED, "as the camera wrote them"),
])  # fmt: skip
def test_an_exposure_in_which_nothing_is_found_is_named_with_its_remedy(change, kind, remedy):
    facts = measure_lois(FEW[:2], np.ones(2), (SIZE, SIZE), change(dapi(False)).astype(np.float32), NUCLEUS)
    judged = judge([find.MeasuredImage("a", (SIZE, SIZE), facts, None, "none")], NUCLEUS, find.Limits())
    assert kind in [one.kind for one in judged[0].findings]
    assert remedy in advise(judged, overview(judged, NUCLEUS), Missing())[0].text
