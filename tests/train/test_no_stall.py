"""A training step must never make a GPU wait: nothing may depend, on the host, on values that are on the device.

Fake tensors have shapes and no values, so whatever would read one (`item`, `nonzero`, indexing by a mask, a loop over
values) raises.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from lacss_tools.network.lacss import Lacss
from lacss_tools.train.crops import draw_batch, weak_image
from lacss_tools.train.objective import compute_losses
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import drop_gradients
from tests.made_up import made_up_image
from tests.train.test_trainer import TINY


@pytest.mark.parametrize("supervision", ["weak", "full", "mixed"])
def test_a_step_reads_no_value_back(supervision):
    image, labels, lois = made_up_image(0)
    settings = TrainSettings(batch=2, crop=64, supervision=supervision, weak_loss=0.5)
    real, mode = draw_batch([weak_image(image, labels > 0, lois, 1.0)], settings, 0), FakeTensorMode()
    model = without_values(Lacss(TINY), mode)
    batch = real._each(mode.from_tensor)
    with mode:
        losses = compute_losses(model, model(batch.image), batch, settings, 0.6)
        torch.stack(list(losses.values())).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        drop_gradients(model, ~torch.isfinite(norm))
        with pytest.raises(DataDependentOutputException):
            float(norm)  # the check can fail
        with pytest.raises(DynamicOutputShapeException):
            batch.lois[batch.batch == 0]


def without_values(model, mode):
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                module._parameters[name] = torch.nn.Parameter(mode.from_tensor(parameter.detach()))
    return model
