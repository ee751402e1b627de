"""Recipes of training: settings under a name, beneath those that a user gives; plain data, no torch."""

from typing import Any

from lacss_tools.settings import Values
from lacss_tools.train.settings import ADAM, TrainSettings

FAST, PAPER = "fast", "paper"
_PAPER: Values = {
    "preset": "resnet50",
    "weak_loss": 1.0,
    "pseudo": 0.0,
    "auxnet": True,
    "in_view": 1.0,
    "doubled": 1.0,
    "proposals": 20.0,
    "location_weight": 1.0,
    "jitter": 0.0,
    "optimizer": ADAM,
    "learning_rate": 1e-3,
    "warmup": 0.0,
    "decay": 0.0,
    "weight_decay": 0.0,
    "clip": 1e6,
    "ema": 0.0,
    "batch": 1,
    "crop": 512,
    "scale_range": 0.1,
    "rotation": False,
    "gain": 0.0,
    "offset": 0.0,
    "noise": 0.0,
    "gamma": 0.0,
    "blur": 0.0,
}
RECIPES: dict[str, Values] = {FAST: {name: getattr(TrainSettings(), name) for name in _PAPER}, PAPER: _PAPER}
"""`paper` is what Shrestha, Kuang and Yu (2022, Methods) did; docs/recipes.md compares them row by row"""
REPEATS = {FAST: 1, PAPER: 5}
"""seeds to train from where there are validation images to choose the best by"""


def settings_of(recipe: str, **said: Any) -> TrainSettings:
    """Return the settings of a recipe, with those that are `said` in place of its own.

    >>> settings_of("paper", preset="small", minutes=30.0).optimizer
    'adam'
    """
    return TrainSettings(**RECIPES[recipe] | said)
