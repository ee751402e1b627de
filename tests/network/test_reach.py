"""How far the network looks, against a change of one pixel of the image."""

from dataclasses import replace

import pytest
import torch

from lacss_tools.network.frozen import freeze
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.reach import reach
from lacss_tools.network.settings import PRESETS
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import PredictSettings
from lacss_tools.predict.tiles import round_up


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_beyond_the_reach_depends_on_a_pixel(preset):
    full = PRESETS[preset]
    narrow = tuple(32 if full.block == "bottleneck" else 8 for _ in full.widths)
    settings = replace(full, widths=narrow, pyramid=8, fine=8, head=8, auxnet=False)
    features, scores = reach(settings)
    torch.manual_seed(0)
    side, middle = 1024, 512
    model = Lacss(settings).eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:  # some norms start at 0, which would hide what is behind them
            torch.nn.init.ones_(parameter)
    with torch.inference_mode():
        image = torch.rand(1, 1, 64, side)
        frozen, plain = freeze(model, image)
        for shift in (0, 17, 31):
            changed = image.clone()
            changed[:, :, 32, middle + shift] += 1e4
            other = frozen(changed)
            for name, limit, stride in (("features", features, 2), ("scores", scores, 8), ("offsets", scores, 8)):
                one, two = getattr(plain, name), getattr(other, name)
                touched = (one != two).flatten(3 if one.ndim > 3 else 2).any(1)[0]
                touched = touched.any(-1) if touched.ndim > 1 else touched
                columns = touched.nonzero()[:, 0] * stride
                low, high = middle + shift - int(columns.min()), int(columns.max()) + stride - 1 - middle - shift
                assert max(low, high) <= limit + stride, name
                assert max(low, high) > limit / 2, name


def test_the_margin_of_the_default_network_is_what_the_docs_say():
    model = Lacss(PRESETS["small"])
    assert round_up(Predictor(model, 1.0, torch.device("cpu"), PredictSettings()).halo) == 320
