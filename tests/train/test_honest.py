"""Scores that say how likely a cell is right: fitted to cells made up with known chances, judged by reliability."""

from dataclasses import replace

import numpy as np
import pytest

from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.metrics.metrics import compare
from lacss_tools.metrics.strata import reliability
from lacss_tools.network.scoring import log_odds
from lacss_tools.train.honest import RANKING, TYPICAL, fitted


def made_up(seed, slope, offset, side=20):
    """Return cells on a grid, some of which are true, by chances that follow from their ranks."""
    rng = np.random.default_rng(seed)
    labels = np.kron(np.arange(1, side**2 + 1).reshape(side, side), np.pad(np.ones((2, 2), int), 1))
    cells = replace(cells_from_labels(labels), scores=rng.uniform(0.02, 0.95, side**2))
    chance = 1 / (1 + np.exp(-slope * log_odds(cells.scores) - offset))
    return cells, cells.select(np.flatnonzero(rng.random(side**2) < chance))


def rescored(cells, scoring):
    return replace(cells, scores=scoring.of_rank(cells.scores))


@pytest.mark.parametrize(("slope", "offset"), [(3.0, 2.0), (1.2, -1.0)])
def test_fitted_scores_are_chances_on_other_images_too(slope, offset):
    images = [made_up(seed, slope, offset) for seed in range(8)]
    scoring = fitted(*map(list, zip(*images[:4], strict=True)))
    assert (scoring.power, scoring.slope) == (RANKING.power, pytest.approx(slope, abs=0.3))
    assert scoring.offset == pytest.approx(offset, abs=0.3)
    before = [compare(cells, true) for cells, true in images[4:]]
    after = [compare(rescored(cells, scoring), true) for cells, true in images[4:]]
    assert reliability(after).error < 0.05
    assert reliability(before).error > 0.1


def test_the_order_of_cells_never_changes():
    cells, true = made_up(0, -2.0, 0.0)  # the surer, the more often wrong
    scoring = fitted([cells], [true])
    assert scoring.slope > 0
    order = np.argsort(cells.scores)
    assert (np.diff(rescored(cells, scoring).scores[order]) >= 0).all()


def test_without_cells_it_is_what_is_usual_and_few_change_little():
    nothing = Cells((9, 9), np.zeros(0), np.zeros((0, 2)), np.zeros((0, 4), np.int64), ())
    for found in ([], [nothing]):
        scoring = fitted(found, [nothing] * len(found))
        assert [scoring.slope, scoring.offset] == TYPICAL.tolist()
    cells, _ = made_up(0, 1.0, 0.0, side=2)
    few = fitted([cells], [nothing])
    assert TYPICAL[1] - 2 < few.offset < TYPICAL[1]


def test_what_would_not_be_written_counts_less():
    cells, true = made_up(0, 3.0, 2.0)
    doubled = Cells(
        cells.shape, np.r_[cells.scores, cells.scores * 0.9], np.tile(cells.locations, (2, 1)),
        np.tile(cells.boxes, (2, 1)), cells.crops * 2,
    )  # fmt: skip
    once, twice = fitted([cells], [true]), fitted([doubled], [true])
    rank = np.array([0.6])
    # each true cell is found once and doubled once, so of three that count one is false more than before
    assert 0.55 * once.of_rank(rank)[0] < twice.of_rank(rank)[0] < 0.85 * once.of_rank(rank)[0]
