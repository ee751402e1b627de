import pytest
import torch

from lacss_tools.network.lacss import Maps
from lacss_tools.network.lpn import best_proposals, cell_centres, lpn_targets
from lacss_tools.predict.cut import MAX_OFFSET, propose
from lacss_tools.predict.settings import PredictSettings
from lacss_tools.predict.tiles import Tile
from lacss_tools.train.settings import TrainSettings


def test_targets_are_positive_near_a_loi_and_point_at_the_nearest():
    lois = torch.tensor([[11.5, 11.5], [11.5, 43.5]])
    score, offset = lpn_targets(lois, torch.tensor([0, 1]), (2, 4, 8), radius=8.0)
    # centres are at 3.5, 11.5, 19.5, ...: the own cell and its four neighbours are within 8 px
    expected = torch.zeros(2, 4, 8)
    for b, x in ((0, 1), (1, 5)):
        expected[b, 1, x] = expected[b, 0, x] = expected[b, 2, x] = expected[b, 1, x - 1] = expected[b, 1, x + 1] = 1
    torch.testing.assert_close(score, expected)
    assert offset[0, 0, 1].tolist() == [8.0, 0.0]
    assert offset[1, 1, 6].tolist() == [0.0, -8.0]


def test_distances_do_not_go_through_products_of_matrices(monkeypatch):
    """A GPU rounds these to ten bits (TF32), which moves targets of large crops by pixels."""
    modes, cdist = [], torch.cdist
    monkeypatch.setattr(
        torch, "cdist", lambda *words, **more: modes.append(more["compute_mode"]) or cdist(*words, **more)
    )
    lpn_targets(torch.rand(40, 2) * 60, torch.zeros(40).long(), (1, 8, 8), radius=8.0)
    assert modes == ["donot_use_mm_for_euclid_dist"]


def test_an_image_without_lois_has_no_positives():
    score, _ = lpn_targets(torch.zeros(0, 2), torch.zeros(0).long(), (1, 4, 4), radius=8.0)
    assert score.sum() == 0
    score, offset = lpn_targets(torch.tensor([[11.5, 11.5]]), torch.tensor([1]), (2, 4, 4), radius=8.0)
    assert score.sum(dim=(1, 2)).tolist() == [0, 5]
    assert (offset[0] == 0).all()


def proposed(logits, offsets, **settings):
    """Return places and scores of the proposals of one map that covers its image."""
    height, width = (8 * side for side in logits.shape)
    box = (0, 0, height, width)
    maps = Maps(torch.zeros(1, 1, 1, 1), logits[None], offsets[None])
    found = propose(maps, Tile(box, box), 0.0, (height, width), PredictSettings(min_score=0.5, **settings))
    return found.lois, found.location_scores


def test_proposals_undo_targets():
    lois = torch.tensor([[10.0, 12.0], [30.0, 50.0], [55.0, 8.0]])
    score, offset = lpn_targets(lois, torch.zeros(3).long(), (1, 8, 8), radius=10.0)
    found, scores = proposed(score[0] * 12 - 6, offset[0], nms_distance=6.0)
    assert len(found) == 3
    assert torch.cdist(lois, found).min(dim=1).values.max() < 1e-4
    assert (scores > 0.99).all()


def test_no_proposal_lies_farther_from_its_coarse_cell_than_the_margin_of_tiles_allows():
    logits, offsets = torch.full((9, 9), -9.0), torch.zeros(9, 9, 2)
    logits[4, 4], offsets[4, 4] = 3.0, torch.tensor([1000.0, -50.0])
    found, _ = proposed(logits, offsets)
    centre = cell_centres(9, 9, torch.device("cpu"))[4, 4]
    assert (found[0] - centre).tolist() == [MAX_OFFSET, -MAX_OFFSET]
    assert TrainSettings().lpn_radius < MAX_OFFSET


def test_distance_nms_keeps_the_best_of_close_proposals():
    logits = torch.full((4, 4), -9.0)
    logits[0, 0], logits[0, 1], logits[3, 3] = 2.0, 3.0, 1.0
    found, scores = proposed(logits, torch.zeros(4, 4, 2), nms_distance=9.0)
    centres = cell_centres(4, 4, torch.device("cpu"))
    assert found.tolist() == [centres[0, 1].tolist(), centres[3, 3].tolist()]
    assert scores[0] > scores[1]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_rival_beyond_the_seam_frees_whom_its_own_rival_would_drop(axis):
    """Across the seam at 32 lie A, B and C, best first: A drops B, so C stays, and A belongs to the other tile."""
    logits, offsets = torch.full((8, 8), -9.0), torch.zeros(8, 8, 2)
    for cell, logit, move in ((3, 3.0, 3.5), (4, 2.0, -0.5), (5, 1.0, -3.5)):  # at 31, 35 and 40
        at = (cell, 4) if axis == 0 else (4, cell)
        logits[at], offsets[at][axis] = logit, move
    core = (32, 0, 64, 64) if axis == 0 else (0, 32, 64, 64)
    maps = Maps(torch.zeros(1, 1, 1, 1), logits[None], offsets[None])
    found = propose(maps, Tile(core, (0, 0, 64, 64)), 16.0, (64, 64), PredictSettings(min_score=0.5, nms_distance=6.0))
    assert found.lois[:, axis].tolist() == [40.0]


def by_hand(lois, batch, scores, offsets, reach):
    """Return the best proposals as a loop over proposals."""
    out, best = lois.clone(), [0.5] * len(lois)
    for b, y, x in torch.cartesian_prod(*map(torch.arange, scores.shape)).tolist():
        place = torch.tensor([8 * y + 3.5, 8 * x + 3.5]) + offsets[b, y, x]
        far = [(place - loi).norm().item() if batch[k] == b else float("inf") for k, loi in enumerate(lois)]
        k = min(range(len(far)), key=far.__getitem__)
        if far[k] <= reach and scores[b, y, x].sigmoid() >= best[k]:
            out[k], best[k] = place, scores[b, y, x].sigmoid().item()
    return out


def test_training_locations_are_the_best_proposals_near_a_loi():
    """Paper, Methods: in place of each LOI the best-scored proposal close to it, without gradient."""
    torch.manual_seed(0)
    lois, batch = torch.rand(12, 2) * 60, torch.arange(12) % 2
    scores, offsets = torch.randn(2, 8, 8) - 1, (torch.randn(2, 8, 8, 2) * 6).requires_grad_()
    moved = best_proposals(lois, batch, scores, offsets, reach=12.0)
    assert not moved.requires_grad
    torch.testing.assert_close(moved, by_hand(lois, batch, scores, offsets, 12.0))
    still = (moved == lois).all(dim=1)
    assert 0 < still.sum() < 12


def test_without_sure_proposals_locations_stay():
    lois = torch.rand(5, 2) * 60
    for scores in (torch.full((1, 8, 8), -0.1), torch.full((1, 8, 8), 9.0)):
        far = torch.full((1, 8, 8, 2), 200.0)
        assert torch.equal(best_proposals(lois, torch.zeros(5).long(), scores, far, 16.0), lois)
    assert best_proposals(lois[:0], torch.zeros(0).long(), scores, far, 16.0).shape == (0, 2)
