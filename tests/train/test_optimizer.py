"""Muon and AdamW share the parameters; Muon's step against singular value decompositions."""

import numpy as np
import pytest
import torch

from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import ModelSettings
from lacss_tools.train.optimizer import (
    Muon,
    move_each,
    move_together,
    optimizers,
    orthogonalise,
    orthogonalise_together,
    restore,
)
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import schedule, set_learning_rate, start

CPU = torch.device("cpu")
SMALL = ModelSettings(widths=(16, 16, 24), blocks=(1, 1, 1), pyramid=16, fine=16, patch_size=32, auxnet=True)


@pytest.mark.parametrize("shape", [(16, 16), (16, 144), (96, 24)])
def test_orthogonalise_keeps_directions_and_levels_singular_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    mine = u.T @ orthogonalise(matrix * 1e-3) @ v.T  # in the basis of the matrix, whatever its size
    clear = s > 0.05 * s[0]
    assert torch.allclose(mine, torch.diag(torch.diag(mine)), atol=1e-3)
    assert torch.all((torch.diag(mine)[clear] > 0.6) & (torch.diag(mine)[clear] < 1.3))


def test_matrices_of_one_shape_are_made_orthogonal_together():
    for shape in ((2, 16, 144), (3, 96, 24)):
        matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        for near, matrix in zip(orthogonalise_together(matrices), matrices, strict=True):
            torch.testing.assert_close(near, orthogonalise(matrix))


def test_a_step_of_muon_is_that_of_its_formula():
    weight = torch.nn.Parameter(torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(1)))
    plain, momentum = weight.detach().clone().double().reshape(16, -1), torch.zeros(16, 144, dtype=torch.float64)
    muon = Muon([{"params": [weight]}], lr=0.01, weight_decay=0.3)
    for seed in range(3):
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
        g = weight.grad.double().reshape(16, -1)
        momentum = 0.95 * momentum + 0.05 * g
        ahead = g + 0.95 * (momentum - g)
        plain = plain * (1 - 0.01 * 0.3) - 0.01 * 0.2 * np.sqrt(144) * orthogonalise(ahead)
        muon.step()
    assert torch.allclose(weight.detach().double().reshape(16, -1), plain, atol=1e-5)


def test_every_parameter_has_one_optimizer_and_first_and_last_layers_have_adam():
    model = Lacss(SMALL)
    adam, muon = optimizers(model, TrainSettings(), CPU)
    groups = [[id(p) for group in o.param_groups for p in group["params"]] for o in (adam, muon)]
    assert sorted(groups[0] + groups[1]) == sorted(id(p) for p in model.parameters())
    assert id(model.backbone.stem.weight) in groups[0]
    assert id(model.lpn.score.weight) in groups[0]
    assert id(model.backbone.stages[1][0].conv1.weight) in groups[1]


def test_learning_rate_rises_stays_and_falls():
    values = [schedule(p, warmup=0.1, decay=0.4) for p in (0.0, 0.05, 0.1, 0.3, 0.6, 0.8, 1.0)]
    assert values == pytest.approx([0.02, 0.5, 1.0, 1.0, 1.0, 0.505, 0.01])
    settings = TrainSettings(learning_rate=0.004, muon=3.0)
    state = start(Lacss(SMALL), settings, CPU)
    set_learning_rate(state, settings, 0.5)
    assert [o.param_groups[0]["lr"] for o in state.optimizers] == pytest.approx([0.004, 0.012])


def test_weights_moved_together_are_those_moved_one_by_one():
    shapes = [(16, 16, 3, 3), (48, 16, 1, 1), (16, 24, 3, 3), (16, 16, 3, 3)]
    results = []
    for together, last in ((False, False), (True, False), (True, True)):
        form = torch.channels_last if last else torch.contiguous_format
        make = [torch.Generator().manual_seed(k) for k in range(len(shapes))]
        weights = [torch.randn(s, generator=g).to(memory_format=form) for s, g in zip(shapes, make, strict=True)]
        ahead = [torch.randn(s, generator=g).to(memory_format=form) for s, g in zip(shapes, make, strict=True)]
        if together:
            move_together(weights, ahead, torch.tensor(0.01))
        else:
            move_each(weights, ahead, 0.01)
        results.append(weights)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_moments_come_back_in_the_layout_of_the_weights_and_options_stay():
    state = start(Lacss(SMALL), TrainSettings(), CPU)
    for p in state.model.parameters():
        p.grad = torch.ones_like(p)
    for optimizer in state.optimizers:
        optimizer.step()
        stored = optimizer.state_dict()
        kept = {name: [v.clone() for v in own.values()] for name, own in stored["state"].items()}
        stored["state"] = {
            number: {name: value.contiguous() for name, value in own.items()} for number, own in stored["state"].items()
        }
        stored["param_groups"][0]["lr"] = 7.0
        before = optimizer.param_groups[0]["lr"]
        restore(optimizer, stored)
        assert optimizer.param_groups[0]["lr"] == before
        for number, (p, own) in enumerate(optimizer.state.items()):
            assert all(value.stride() == p.stride() for value in own.values() if value.shape == p.shape)
            assert all(torch.equal(one, two) for one, two in zip(own.values(), kept[number], strict=True))
