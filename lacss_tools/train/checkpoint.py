"""A run on disk: config.toml, metrics.jsonl, last.pt (to continue) and best.safetensors (to use)."""

import hashlib
import io
import json
import time
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
import torch

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import atomic, write_text
from lacss_tools.train.model.lacss import Lacss
from lacss_tools.train.settings import ModelSettings, TrainSettings, from_table, to_table
from lacss_tools.train.trainer import State

FORMAT = "lacss_tools 1"
BEST, LAST, CONFIG, METRICS = "best.safetensors", "last.pt", "config.toml", "metrics.jsonl"


def save_weights(path: Path, model: Lacss, scale: float, channel: str | None = None) -> None:
    """Write the weights as safetensors; sizes of the network and the working scale go to the header.

    So does `channel`, when the model was trained on one channel of its images: its index or its name.
    """
    from safetensors.torch import save

    # one entry: the order of several changes from file to file
    header = {FORMAT: json.dumps({"model": asdict(model.settings), "scale": scale, "channel": channel})}
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic(path) as part:
        part.write_bytes(save(weights, metadata=header))


def load_weights(path: Path) -> tuple[Lacss, float]:
    """Read a model and its working scale from a .safetensors file or a run folder; InputError when it is neither."""
    configuration, weights = _read_weights(path)
    model = Lacss(from_table(ModelSettings, configuration["model"]))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} is of another version of the network. Train again with this version.") from error
    return model, float(configuration["scale"])


def trained_channel(path: Path) -> str | None:
    """Return the channel (index or name) that a model was trained on alone, None for all; errors as `load_weights`."""
    channel = _read_weights(path)[0].get("channel")
    return None if channel is None else str(channel)


def _read_weights(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the configuration in the header and the weights by name."""
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        path = path / BEST
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
    return json.loads(header[FORMAT]), weights


def save_state(run: Path, state: State, data: str, validation: str) -> None:
    """Write all that is needed to continue; `data` and `validation` are the fingerprints of what it is trained on."""
    everything = {
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "step": state.step,
        "seconds": state.elapsed(),
        "best": state.best,
        "stale": state.stale,
        "looks": state.looks,
        "looked": state.looked,
        "data": data,
        "validation": validation,
    }
    content = io.BytesIO()  # whose writer says of a full disk what `atomic` understands
    torch.save(everything, content)
    with atomic(run / LAST) as part:
        part.write_bytes(content.getbuffer())


def load_state(run: Path, state: State, data: str, validation: str) -> None:
    """Continue from `run`; InputError when there is nothing to continue, or the data it is trained on has changed.

    So it is when other fields are to judge it: which weights are the best could not be told any more.
    """
    path = run / LAST
    if not path.is_file():
        raise InputError(f"{path} does not exist, so there is nothing to resume. Run without --resume.")
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check its permissions.") from error
    except Exception as error:
        raise InputError(f"{path} is damaged. Start again with another --run, or delete this one.") from error
    try:
        if stored["data"] != data:
            raise InputError(f"{path} was trained on other data than given now. Give the same files, or a new --run.")
        if stored["best"] >= 0 and not validation:
            raise InputError(f"{run} was validated so far. Give the same --val-images and --val-labels.")
        if stored["best"] >= 0 and stored["validation"] != validation:
            raise InputError(
                f"{run} was validated on other files than given now. Give the same, or begin a new --run with --init."
            )
        state.model.load_state_dict(stored["model"])
        state.average.load_state_dict(stored["average"])
        for optimizer, moments in zip(state.optimizers, stored["optimizers"], strict=True):
            optimizer.load_state_dict(moments)
        state.step, state.seconds, state.best = stored["step"], stored["seconds"], stored["best"]
        state.stale, state.looks, state.looked = stored["stale"], stored["looks"], stored["looked"]
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is of another version of lacss_tools. Start a new --run.") from error
    state.since = time.monotonic()


def write_config(run: Path, tables: dict[str, Any]) -> None:
    """Write the resolved configuration, versions and data fingerprint as TOML."""
    ready = {
        name: to_table(value) if hasattr(value, "__dataclass_fields__") else value for name, value in tables.items()
    }
    write_text(run / CONFIG, tomli_w.dumps(ready))


def read_config(run: Path) -> tuple[TrainSettings, ModelSettings]:
    """Return how the run is trained and the sizes of its network; InputError when there is no run to continue."""
    path = run / CONFIG
    if not path.is_file():
        raise InputError(f"{path} does not exist, so there is nothing to resume. Run without --resume.")
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
        return from_table(TrainSettings, stored["train"]), from_table(ModelSettings, stored["model"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, UsageError) as error:
        raise InputError(f"{path} is not the configuration of a run of this version. Start a new --run.") from error


def origin(init: Path) -> dict[str, str]:
    """Return what config.toml says of the weights that a run starts from: their file and its SHA-256."""
    return {"init": str(init.absolute()), "init_sha256": weights_hash(init)}


def weights_hash(path: Path) -> str:
    """Return the SHA-256 of the weights of a run folder or .safetensors file."""
    return hashlib.sha256((path / BEST if path.is_dir() else path).read_bytes()).hexdigest()


def stored_origin(run: Path) -> dict[str, str]:
    """Return the same of a run on disk, nothing when it started from random weights."""
    data = tomllib.loads((run / CONFIG).read_text(encoding="utf-8")).get("data", {})
    return {name: data[name] for name in ("init", "init_sha256") if name in data}


def stored_processes(run: Path) -> int:
    """Return how many processes trained a run on disk when it was last begun or continued."""
    return int(tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))["data"]["processes"])


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the rows of metrics.jsonl, oldest first; a last line cut short by a crash is dropped."""
    path = run / METRICS
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def write_metrics(run: Path, rows: list[dict[str, Any]]) -> None:
    """Write all rows of metrics.jsonl."""
    write_text(run / METRICS, "".join(json.dumps(row) + "\n" for row in rows))
