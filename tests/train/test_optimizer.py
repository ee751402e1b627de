"""Muon and AdamW share the parameters; Muon's step against singular value decompositions."""

import numpy as np
import pytest
import torch

from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import ModelSettings
from lacss_tools.train.optimizer import Muon, optimizers, orthogonalise, orthogonalise_all
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
    shapes = [(16, 144), (96, 24), (16, 144), (16, 16), (96, 24)]
    matrices = [torch.randn(shape, generator=torch.Generator().manual_seed(k)) for k, shape in enumerate(shapes)]
    for near, matrix in zip(orthogonalise_all(matrices), matrices, strict=True):
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
