"""`--recipe paper` is what the paper did, beneath what the user says."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.network.auxnet import Auxnet
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK
from lacss_tools.network.settings import PRESETS
from lacss_tools.screen.settings_options import Given
from lacss_tools.train import seeds
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.command import said_of_training
from lacss_tools.train.crops import TrainingImage, draw_batch, random_matrix
from lacss_tools.train.initial import fit_sizes
from lacss_tools.train.objective import balance, compute_losses
from lacss_tools.train.optimizer import optimizers
from lacss_tools.train.padding import pad_lois
from lacss_tools.train.recipes import PAPER, RECIPES, REPEATS, settings_of
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import average_weight, schedule
from tests.train.test_every_parameter import narrow

PAPERS = settings_of(PAPER)


def test_recipes_name_settings_that_there_are():
    assert set(RECIPES[PAPER]) <= {item.name for item in fields(TrainSettings)}
    assert settings_of("fast") == TrainSettings()


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_the_paper_has_the_weak_loss_and_one_learning_rate_throughout(progress):
    now = balance(PAPERS, progress)
    assert (now.weight, now.labels, now.weak) == (0.0, False, True)
    assert PAPERS.learning_rate * schedule(progress, PAPERS.warmup, PAPERS.decay) == 1e-3


def test_the_paper_keeps_the_weights_themselves_and_not_their_average():
    assert [average_weight(PAPERS, step) for step in (0, 1, 1000)] == [1, 1, 1]


def test_the_papers_network_has_about_32_5_million_parameters_and_learns_a_border_network_beside_it():
    sizes = fit_sizes(PRESETS[PAPERS.preset], PAPERS, channels=1)
    count = sum(p.numel() for p in Lacss(sizes).parameters())
    assert count == pytest.approx(32.5e6, rel=0.05)
    assert sizes.auxnet
    assert not fit_sizes(PRESETS[PAPERS.preset], settings_of(PAPER, auxnet=False), channels=1).auxnet


def test_auxnet_sees_nine_pixels():
    torch.manual_seed(0)
    image = torch.randn(1, 1, 33, 33, requires_grad=True)
    Auxnet(1)(image)[0, 16, 16].backward()
    seen = image.grad[0, 0].nonzero()
    assert (seen.min(), seen.max()) == (12, 20)


def test_the_papers_norms_are_instance_norms():
    norms = [part for part in Lacss(PRESETS["resnet50"]).modules() if isinstance(part, torch.nn.GroupNorm)]
    assert norms
    for norm in norms:
        assert norm.num_groups == norm.num_channels


def test_adam_of_the_paper_is_that_of_torch():
    """One step of the recipe's optimizer against torch's own Adam."""
    torch.manual_seed(0)
    ours, theirs = torch.nn.Conv2d(32, 32, 3), torch.nn.Conv2d(32, 32, 3)
    theirs.load_state_dict(ours.state_dict())
    (adam,) = optimizers(ours, PAPERS, torch.device("cpu"))
    other = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    for step in range(3):
        x = torch.randn(1, 32, 8, 8, generator=torch.Generator().manual_seed(step))
        for model, optimizer in ((ours, adam), (theirs, other)):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_crops_of_the_paper_are_mirrored_along_both_axes_and_hardly_resized():
    matrices = torch.stack([random_matrix(PAPERS, np.random.default_rng(k)) for k in range(200)])
    factors = torch.linalg.det(matrices).abs() ** -0.5
    assert 1 / 1.1 <= factors.min() < 0.92
    assert 1.08 < factors.max() <= 1.1
    mirrors = (matrices * factors[:, None, None]).round(decimals=4)
    kinds, counts = mirrors.flatten(1).abs().unique(dim=0, return_counts=True)
    assert kinds.tolist() == [[1, 0, 0, 1]]
    signs = ((mirrors[:, 0, 0] > 0).long() * 2 + (mirrors[:, 1, 1] > 0).long()).bincount(minlength=4)
    assert counts.sum() == 200
    assert signs.min() > 30


@pytest.fixture
def unset_memory_is_no_number():
    """What is read before it was written is not a number, as it may be on a GPU that other programs used before."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


SIDE = 64
NO_LOI = torch.zeros(0, 2)
CROPS = {
    "nothing": (0.0, NO_LOI, 0.0),
    "black, LOIs without cell area": (0.0, torch.tensor([[0.0, 0.0], [63.0, 63.0]]), 0.0),
    "black and all cell area": (0.0, torch.tensor([[3.0, 60.0]]), 1.0),
    "cell area without LOI": (1.0, NO_LOI, 1.0),
    "LOIs on one place": (1.0, torch.full((5, 2), 31.5), 1.0),
    "hundreds of LOIs": (1.0, torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) * 63, 1.0),
}
"""strength of noise, LOIs and mask"""


@pytest.mark.usefixtures("unset_memory_is_no_number")
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("crop", CROPS)
def test_the_papers_losses_and_gradients_are_numbers_on_any_crop(crop, rounded):
    """Also in bfloat16 and filled up as for a GPU, and where a strong LPN moves the LOIs to its proposals."""
    strength, lois, area = CROPS[crop]
    generator = torch.Generator().manual_seed(1)
    image = BLACK + strength * torch.rand(1, SIDE, SIDE, generator=generator)
    plane = torch.full((SIDE, SIDE), area)
    own = torch.arange(len(lois)) + 1.0
    settings, model = settings_of(PAPER, crop=SIDE), narrow(PRESETS["resnet50"], auxnet=True)
    with torch.no_grad():
        model.lpn.score.bias.fill_(1.0)
    batch = pad_lois(draw_batch([TrainingImage(image, plane, plane, lois, own)], settings, 0), 1, SIDE)
    with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
        losses = compute_losses(model, model(batch.image), batch, settings, 0.0)
    assert losses.keys() == {"score", "offset", "weak", "aux"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_single_options_win_over_a_recipe_and_a_recipe_over_a_file():
    recipe = RECIPES[PAPER]
    said = said_of_training(
        Given(flags={"preset": "small"}, stored={"crop": 128, "seed": 4}), None, False, False, recipe
    )
    assert (said["preset"], said["crop"], said["seed"], said["optimizer"]) == ("small", 512, 4, "adam")
    assert said_of_training(Given(), None, True, False, recipe)["preset"] == "init"
    back = said_of_training(Given(stored=recipe), None, False, False, RECIPES["fast"])
    assert (back["optimizer"], back["crop"], back["weak_loss"]) == ("muon", 256, 0.0)


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_the_recipe_trains_and_is_continued(folders, tmp_path):
    def lacss(*line):
        return CliRunner().invoke(app, ["train", *map(str, line), "--device", "cpu", "--project", str(tmp_path)])

    first = lacss("--recipe", "paper", "--preset", "small", "--crop", 64, "--steps", 2)
    assert first.exit_code == 0, first.output
    settings, sizes = read_config(tmp_path / "runs" / "first")
    assert settings == settings_of(PAPER, preset="small", crop=64, steps=2)
    assert sizes.auxnet
    again = lacss("--resume", "--steps", 3)
    assert again.exit_code == 0, again.output
    wrong = lacss("--recipe", "papers")
    assert (wrong.exit_code, "--recipe must be fast or paper, not papers" in wrong.stderr) == (2, True)


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_the_paper_keeps_the_best_of_five(folders, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(seeds, "repeat", lambda *a, **k: asked.append(a[3]) or tmp_path / "x" / "y")
    line = ["train", "--recipe", "paper", "--val-images", "images", "--val-labels", "labels", "--project"]
    CliRunner().invoke(app, [*line, str(tmp_path)], catch_exceptions=False)
    assert asked == [REPEATS[PAPER]] == [5]
