"""The score of a cell from its location and its pixels, by hand; kept in the weights."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lacss_tools.errors import InputError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.scoring import Scoring
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import FORMAT, load_weights, save_weights

TINY = ModelSettings(widths=(8, 8, 8, 8, 8), blocks=(1, 1, 1, 1, 1), pyramid=8, fine=8, patch_size=32)


def test_weights_that_say_nothing_score_by_the_product():
    location, inside = np.random.default_rng(0).random((2, 50))
    np.testing.assert_array_equal(Scoring()(location, inside), location * inside)
    assert Scoring().least_location(0.4) == 0.4


def test_score_by_hand():
    rank = 0.9 * 0.8**3
    odds = 2.0 * math.log(rank / (1 - rank)) + 0.5
    score = Scoring(power=3.0, slope=2.0, offset=0.5)(np.array([0.9]), np.array([0.8]))
    assert score[0] == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-12)


@pytest.mark.parametrize(
    "scoring", [Scoring(), Scoring(3.0, 0.3, -2.0), Scoring(3.0, 4.0, 3.0), Scoring(1.0, 2.0, 0.0)]
)
@pytest.mark.parametrize("cut", [0.0, 0.02, 0.4, 0.97, 1.0])
def test_no_cell_under_the_least_location_reaches_the_score(scoring, cut):
    location, inside = np.random.default_rng(1).random((2, 4000))
    reached = scoring(location, inside) >= cut
    least = scoring.least_location(cut)
    assert (location[reached] >= least).all()
    certain = scoring(location, np.ones(4000)) >= cut
    assert np.count_nonzero((location >= least) & ~certain) <= 4  # and hardly any location is kept in vain


def test_weights_keep_their_scoring_and_older_ones_have_none(tmp_path):
    torch.manual_seed(0)
    model = Lacss(TINY)
    model.scoring = Scoring(3.0, 1.7, -0.2)
    path = tmp_path / "w.safetensors"
    save_weights(path, model, 0.5)
    assert load_weights(path)[0].scoring == model.scoring
    with safe_open(path, framework="pt") as stored:
        told = json.loads(stored.metadata()[FORMAT])
    weights = {name: value.contiguous() for name, value in load_weights(path)[0].state_dict().items()}
    for scoring, expected in ((None, Scoring()), ({"slope": -1.0}, None)):
        rest = {name: value for name, value in told.items() if name != "scoring"}
        header = rest if scoring is None else rest | {"scoring": scoring}
        save_file(weights, path, {FORMAT: json.dumps(header)})
        if expected is None:
            with pytest.raises(InputError, match="slope above 0"):
                load_weights(path)
        else:
            assert load_weights(path)[0].scoring == expected
