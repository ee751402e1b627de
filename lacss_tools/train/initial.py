"""The weights that training starts from: random, or those of an earlier model (`init`)."""

from dataclasses import replace
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS, ModelSettings
from lacss_tools.network.weights import load_weights, read_header
from lacss_tools.train.settings import AS_INIT, TrainSettings


def wanted_sizes(settings: TrainSettings, init: Path | None) -> ModelSettings:
    """Return the sizes of the network to train: those of the preset, or of the weights that it starts from."""
    if init is not None:
        stored = read_header(init).model
        return stored if settings.preset == AS_INIT else replace(PRESETS[settings.preset], nuclei=stored.nuclei)
    if settings.preset == AS_INIT:
        raise InputError(f"The preset {AS_INIT!r} takes the sizes of given weights. Give them with `init`.")
    return PRESETS[settings.preset]


def fit_sizes(sizes: ModelSettings, settings: TrainSettings, channels: int, nuclei: bool = False) -> ModelSettings:
    """Return the sizes for images of `channels` channels, with the auxnet that the settings ask for.

    `nuclei` says whether the last channel is that of the nuclei.
    """
    uses_auxnet = settings.auxnet and settings.supervision != "full" and settings.weak_loss > 0
    return replace(sizes, channels=channels, nuclei=channels - 1 if nuclei else None, auxnet=uses_auxnet)


def preset_name(sizes: ModelSettings) -> str:
    """Return the name of the preset of these sizes, whatever its channels, or say that there is none."""
    for name, preset in PRESETS.items():
        if replace(preset, channels=sizes.channels, nuclei=sizes.nuclei, auxnet=sizes.auxnet) == sizes:
            return f"preset {name}"
    return "sizes of its own"


def initial_model(sizes: ModelSettings, init: Path | None) -> tuple[Lacss, list[str]]:
    """Return the network before the first step and notes on what was taken from `init`.

    Random weights are drawn from torch's generator. InputError when `init` is a model for other channels or sizes.
    """
    model = Lacss(sizes)
    if init is None:
        return model, []
    stored = load_weights(init)[0]
    if stored.settings.channels != sizes.channels:
        raise InputError(
            f"{init} was trained on images of {stored.settings.channels} channels and these have {sizes.channels}, so "
            "its first layer does not fit. Give weights for the same channels, or train without `init`."
        )
    if replace(stored.settings, auxnet=sizes.auxnet) != sizes:
        raise InputError(
            f"{init} is a model of {preset_name(stored.settings)} and the training wants {preset_name(sizes)}. "
            "Leave `preset` out to take the sizes of the weights."
        )
    result = model.load_state_dict(stored.state_dict(), strict=False)
    loaded = len(stored.state_dict()) - len(result.unexpected_keys)
    notes = [f"{init}: {loaded} of {len(model.state_dict())} tensors taken over ({preset_name(sizes)})"]
    if result.missing_keys:
        notes.append(f"starting from random weights: {', '.join(_parts(result.missing_keys))}")
    if result.unexpected_keys:
        notes.append(f"not used: {', '.join(_parts(result.unexpected_keys))}")
    return model, notes


def _parts(keys: list[str]) -> list[str]:
    return sorted({key.split(".")[0] for key in keys})
