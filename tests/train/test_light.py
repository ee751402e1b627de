"""Arrays are trained on and predicted without the packages that only annotation and file formats need."""

import subprocess
import sys

SCRIPT = """
import sys
for name in ("maxflow", "roifile", "pycocotools", "imagecodecs", "tifffile", "typer", "rich", "starlette"):
    sys.modules[name] = None
import torch
from lacss_tools.train.crops import weak_field
from lacss_tools.network.lacss import Lacss
from lacss_tools.predict.predictor import Predictor
from lacss_tools.train.settings import PredictSettings, TrainSettings
from lacss_tools.train.trainer import run_steps, start
from tests.train.test_trainer import TINY, made_up_field

image, labels, lois = made_up_field(0, size=64)
settings, device = TrainSettings(steps=1, batch=1, crop=64), torch.device("cpu")
state = start(Lacss(TINY), settings, device)
for _ in run_steps(state, [weak_field(image, labels > 0, lois, 1.0)], settings, device):
    pass
print(Predictor(state.average, 1.0, device, PredictSettings(min_score=0.0))(image).shape)
"""


def test_arrays_need_no_package_for_files():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.split() == ["(64,", "64)"], done.stderr
