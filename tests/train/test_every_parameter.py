"""Every parameter of the whole network learns: the losses reach it and the optimizers move it."""

from dataclasses import replace

import pytest
import torch

from lacss_tools.network.backbone import ChannelAttention
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS
from lacss_tools.train.crops import weak_image
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import run_steps, start
from tests.made_up import made_up_image

# all terms of the loss at once; several steps, since behind a weight that starts at 0 nothing learns in the first
STEPS = TrainSettings(steps=3, batch=1, crop=64, weak_loss=0.3, pseudo=0.0, learning_rate=1e-2)


def narrow(preset, **sizes):
    """Return a network of the structure of a preset with few channels."""
    # not fewer than 16 inside a bottleneck: on some CPUs the backward of a 1x1 convolution of stride 2 on 8 channels
    # writes beyond its memory (oneDNN in torch 2.13)
    thin = (64, 64, 128, 256) if preset.block == "bottleneck" else tuple(max(16, w // 8) for w in preset.widths)
    head = preset.head and 8
    few = replace(preset, widths=thin, head=head, pyramid=16, fine=16, patch_size=32, cell_diameter=20.0, **sizes)
    torch.manual_seed(0)
    model = Lacss(few)
    for module in model.modules():
        if isinstance(module, ChannelAttention):  # all of its few squeezed channels may be dead
            torch.nn.init.constant_(module.squeeze.bias, 0.5)
    return model


def unlearned(model):
    """Train a few steps and return the parameters that got no gradient, and those that stayed as they were."""
    image, labels, lois = made_up_image(0)
    field = weak_image(image, labels > 0, lois, 1.0)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    state, reached = start(model, STEPS, torch.device("cpu")), set()
    for _ in run_steps(state, [field], STEPS, torch.device("cpu")):
        reached |= {name for name, value in model.named_parameters() if value.grad is not None and value.grad.any()}
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    return set(before) - reached, set(before) - moved


@pytest.mark.parametrize("auxnet", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_parameter_of_every_preset_learns(preset, auxnet):
    assert unlearned(narrow(PRESETS[preset], auxnet=auxnet)) == (set(), set())


@pytest.mark.parametrize(
    "branch", ["backbone.lateral.0", "lpn.offset", "segmentor.position", "segmentor.identity", "auxnet.layers"]
)
def test_a_branch_without_connection_is_noticed(branch):
    """The check above can fail."""
    model = narrow(PRESETS["small"])
    model.get_submodule(branch).register_forward_hook(lambda module, given, out: out.detach())
    own = {f"{branch}.{name}" for name, _ in model.get_submodule(branch).named_parameters()}
    assert own <= unlearned(model)[0]
