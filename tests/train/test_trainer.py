"""Learning tests: tiny made-up cells must be learned from LOIs and masks, and cannot be when the LOIs are wrong."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacss_tools.cells import cells_from_labels
from lacss_tools.errors import LacssError
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.lpn import best_proposals
from lacss_tools.network.settings import ModelSettings
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import PredictSettings
from lacss_tools.train import trainer
from lacss_tools.train.crops import draw_batch, weak_image
from lacss_tools.train.objective import compute_losses, label_weight
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import average_weight, run_steps, start, update_average
from tests.made_up import made_up_image

CPU = torch.device("cpu")
TINY = ModelSettings(
    widths=(16, 16, 24, 32, 32), blocks=(1, 1, 1, 1, 1), pyramid=24, fine=16, patch_size=48, cell_diameter=20.0
)
LESSON = TrainSettings(steps=80, batch=4, crop=96, jitter=1.0, learning_rate=3e-3, lpn_radius=8.0, ema=0.95)


def learn(shuffled, weak_loss=0.3):
    fields = []
    for seed in range(6):
        image, labels, lois = made_up_image(seed)
        if shuffled:
            lois = np.random.default_rng(seed + 100).uniform(4, 124, lois.shape)
        fields.append(weak_image(image, labels > 0, lois, 1.0))
    torch.manual_seed(0)
    lesson = replace(LESSON, weak_loss=weak_loss)
    state = start(Lacss(TINY), lesson, CPU)
    for _ in run_steps(state, fields, lesson, CPU):
        pass
    predictor = Predictor(state.average, 1.0, CPU, PredictSettings(min_area=10.0))
    pairs = [(predictor(image), cells_from_labels(labels)) for image, labels, _ in map(made_up_image, (50, 51, 52))]
    return evaluate(pairs).ap50


@pytest.mark.parametrize("weak_loss", [0.0, 0.3])
def test_cells_are_learned_from_points_and_masks(weak_loss):
    assert learn(shuffled=False, weak_loss=weak_loss) > 0.8


def test_shuffled_points_teach_nothing():
    """The same budget with LOIs anywhere: proves that the check above can fail."""
    assert learn(shuffled=True) < 0.6


def test_a_loss_that_is_not_a_number_stops_with_a_clear_message():
    image, labels, lois = made_up_image(0)
    field = weak_image(image, labels > 0, lois, 1.0)
    state = start(Lacss(TINY), LESSON, CPU)
    with torch.no_grad():
        state.model.backbone.stem.weight.fill_(float("nan"))
    with pytest.raises(LacssError, match=r"not a number since step 1\. .*`learning_rate` 0.001"):
        for _ in run_steps(state, [field], LESSON, CPU):
            pass


@pytest.mark.parametrize("ending", [False, True])
def test_a_single_gradient_that_is_not_a_number_is_left_out_and_told(monkeypatch, ending):
    """Weights and moments end as where that gradient was 0."""
    lesson, bad, ends = replace(LESSON, steps=12, batch=1), 12 if ending else 4, []
    for factor in (float("nan"), 0.0):
        factors = (factor if step == bad else 1.0 for step in itertools.count(1))
        monkeypatch.setattr(
            trainer,
            "compute_losses",
            lambda *a, factors=factors, **k: scaled(compute_losses(*a, **k), next(factors)),
        )
        torch.manual_seed(0)
        state = start(Lacss(TINY), lesson, CPU)
        reports = list(run_steps(state, example(), lesson, CPU))
        ends.append(torch.cat([tensor.flatten() for tensor in trainer.changing(state)]))
        assert [report.spoilt for report in reports if report.spoilt] == ([(bad,)] if factor else [])
        assert reports[bad - 1].fine() is (factor == 0)
        assert bool(reports[bad - 1].numbers()) is (factor == 0)
    assert torch.equal(*ends)


def scaled(losses, factor):
    return {name: value * factor for name, value in losses.items()}


def example():
    image, labels, lois = made_up_image(0)
    return [weak_image(image, labels > 0, lois, 1.0)]


def test_each_term_of_the_loss_has_its_weight():
    torch.manual_seed(0)
    model, batch = Lacss(TINY), draw_batch(example(), replace(LESSON, batch=1), 0)

    def terms(**weights):
        settings = replace(LESSON, pseudo=0.0, **weights)
        return {
            name: float(value.detach())
            for name, value in compute_losses(model, model(batch.image), batch, settings, 0.0).items()
        }

    labels, weak = terms(weak_loss=0.0, location_weight=1.0), terms(weak_loss=1.0, location_weight=1.0)
    assert (set(labels), set(weak)) == ({"score", "offset", "labels"}, {"score", "offset", "weak", "aux"})
    mixed = terms(weak_loss=0.3, location_weight=0.2)
    expected = {
        "score": 0.2 * labels["score"],
        "offset": 0.2 * labels["offset"],
        "labels": 0.7 * labels["labels"],
        "weak": 0.3 * weak["weak"],
        "aux": weak["aux"],
    }
    assert mixed == pytest.approx(expected, rel=1e-4)


def test_patches_lie_at_the_proposals_and_the_lpn_learns_the_lois():
    """Paper, Methods: each LOI is replaced by the best proposal near it before its cell is cut out."""
    torch.manual_seed(0)
    model, batch = Lacss(TINY), draw_batch(example(), replace(LESSON, batch=1), 0)
    torch.nn.init.constant_(model.lpn.score.bias, 1.0)
    settings, maps = replace(LESSON, pseudo=0.0, weak_loss=1.0), model(batch.image)
    moved = best_proposals(batch.lois, batch.batch, maps.scores, maps.offsets, 20.0)
    assert (moved != batch.lois).any()
    plain, there = (compute_losses(model, maps, at, settings, 0.0) for at in (batch, replace(batch, lois=moved)))
    found = compute_losses(model, maps, batch, replace(settings, proposals=20.0), 0.0)
    for name, value in found.items():
        assert torch.equal(value, (plain if name in ("score", "offset") else there)[name]), name
    assert found["weak"] != plain["weak"]


def test_the_gradient_of_a_step_is_cut_to_its_largest_norm():
    state = start(Lacss(TINY), LESSON, CPU)
    next(run_steps(state, example(), replace(LESSON, batch=1, clip=1e-3), CPU))
    gradients = [p.grad for p in state.model.parameters() if p.grad is not None]
    assert float(torch.stack([g.norm() for g in gradients]).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_pseudo_labels_fade_out():
    settings = TrainSettings(pseudo=0.4, weak_loss=0.8)
    assert [label_weight(settings, p) for p in (0.0, 0.2, 0.3, 0.4, 1.0)] == pytest.approx([1, 1, 0.6, 0.2, 0.2])
    assert label_weight(TrainSettings(pseudo=0.0, weak_loss=1.0), 0.0) == 0
    assert label_weight(TrainSettings(supervision="full"), 0.9) == 1


@pytest.mark.parametrize(("steps", "behind"), [(100, 5), (1000, 50), (4000, 100)])
def test_the_average_lags_by_a_share_of_the_steps_and_by_a_hundred_at_most(steps, behind):
    state = start(Lacss(TINY), LESSON, CPU)
    now, average = state.model.segmentor.prior, state.average.segmentor.prior
    for state.step in range(steps):
        torch.nn.init.constant_(now, float(state.step))
        update_average(state, average_weight(TrainSettings(), state.step))
    assert steps - float(average[0]) == pytest.approx(behind, rel=0.15)


def test_the_first_step_replaces_the_average():
    state = start(Lacss(TINY), LESSON, CPU)
    torch.nn.init.constant_(state.model.segmentor.prior, 7.0)
    update_average(state, average_weight(TrainSettings(), 0))
    assert state.average.segmentor.prior.tolist() == [7, 7]
