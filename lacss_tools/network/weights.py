"""Weights to use: best.safetensors, with the sizes of the network and the working scale in its header."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import atomic
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.scoring import Scoring
from lacss_tools.network.settings import ModelSettings
from lacss_tools.settings import from_table

FORMAT = "lacss_tools 1"
BEST = "best.safetensors"


def save_weights(
    path: Path, model: Lacss, scale: float, channel: str | None = None, nuclei_channel: str | None = None
) -> None:
    """Write the weights as safetensors; sizes of the network, its scoring and the working scale go to the header.

    So does `channel`, when the model was trained on one channel of its images, and `nuclei_channel`, when the nuclei
    were another one of them: its index or its name.
    """
    from safetensors.torch import save

    # one entry: the order of several changes from file to file
    told = {"model": asdict(model.settings), "scale": scale, "channel": channel, "nuclei_channel": nuclei_channel}
    header = {FORMAT: json.dumps(told | {"scoring": asdict(model.scoring)})}
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic(path) as part:
        part.write_bytes(save(weights, metadata=header))


@dataclass(frozen=True)
class Header:
    """What the weights say of themselves."""

    model: ModelSettings
    scale: float
    channel: str | None
    """index or name of the one channel of the images that the model was trained on; None for all"""
    nuclei_channel: str | None = None
    """the same of their nuclei; None where these were not in the files of the images, or not at all"""
    scoring: Scoring = field(default_factory=Scoring)


def load_weights(path: Path) -> tuple[Lacss, float]:
    """Read a model and its working scale from a .safetensors file or a run folder; InputError when it is neither."""
    header, weights = _read_weights(path)
    if sum(header.model.blocks) > len(weights) or _shapes_of(header.model) != _shapes(weights):
        raise InputError(f"{path} is of another version of the network. Train again with this version.")
    model = Lacss(header.model)
    model.load_state_dict(weights)
    model.scoring = header.scoring
    return model, header.scale


def _shapes_of(model: ModelSettings) -> dict[str, torch.Size]:
    """Return the shapes of the weights of a network, which takes no memory."""
    with torch.device("meta"):
        return _shapes(Lacss(model).state_dict())


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def trained_channel(path: Path) -> str | None:
    """Return the channel (index or name) that a model was trained on alone, None for all; errors as `load_weights`."""
    return read_header(path).channel


def read_header(path: Path) -> Header:
    """Return what a model says of itself; errors as `load_weights`."""
    return _read_weights(path)[0]


def _read_weights(path: Path) -> tuple[Header, dict[str, torch.Tensor]]:
    """Return the header and the weights by name."""
    from safetensors import SafetensorError, safe_open

    path = weights_file(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist. Give a run folder of lacss train or a .safetensors file.")
    try:
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata() or {}
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is not a whole safetensors file ({error}). Copy it again.") from error
    if FORMAT not in header:
        raise InputError(f"{path} was not written by lacss train of this version. Give a model made by it.")
    try:
        return _header_from(json.loads(header[FORMAT])), weights
    except (ValueError, KeyError, TypeError, AttributeError, UsageError, RecursionError) as error:
        raise InputError(f"{path} does not say what network it is of ({error}). Copy it again.") from error


def _header_from(told: dict[str, Any]) -> Header:
    channel, nuclei = (None if told.get(name) is None else str(told[name]) for name in ("channel", "nuclei_channel"))
    scoring = from_table(Scoring, told.get("scoring", {}))
    return Header(from_table(ModelSettings, told["model"]), float(told["scale"]), channel, nuclei, scoring)


def weights_file(path: Path) -> Path:
    """Return where the weights of a run folder or .safetensors file are."""
    return path / BEST if path.is_dir() else path


def weights_hash(path: Path) -> str:
    """Return the SHA-256 of the weights of a run folder or .safetensors file."""
    return hashlib.sha256(weights_file(path).read_bytes()).hexdigest()
