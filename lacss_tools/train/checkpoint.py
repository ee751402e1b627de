"""A run on disk: config.toml and last.pt, all that is needed to continue."""

import io
import time
import tomllib
from pathlib import Path

import torch

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import atomic
from lacss_tools.io.settings import write_settings
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import weights_hash
from lacss_tools.settings import Values, from_table
from lacss_tools.train.history import read_metrics
from lacss_tools.train.optimizer import restore
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import State

LAST, CONFIG = "last.pt", "config.toml"
FORMER_NAMES = {"looks": "validations", "looked": "validated"}
"""of what last.pt holds, in runs begun before these were renamed"""


def save_state(run: Path, state: State, data: str, validation: str) -> None:
    """Write all that is needed to continue; `data` and `validation` are the fingerprints of their files."""
    everything = {
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "step": state.step,
        "seconds": state.elapsed(),
        "best_map": state.best,
        "stale": state.stale,
        "validations": state.validations,
        "validated": state.validated,
        "doubled": state.doubled,
        "data": data,
        "validation": validation,
    }
    content = io.BytesIO()  # whose writer says of a full disk what `atomic` understands
    torch.save(everything, content)
    with atomic(run / LAST) as part:
        part.write_bytes(content.getbuffer())


def load_state(run: Path, state: State, data: str, validation: str) -> None:
    """Continue from `run`; InputError when there is nothing to continue, or the data it is trained on has changed.

    Nor may the validation images change: which weights are the best could not be told any more.
    """
    path = run / LAST
    if not path.is_file():
        raise InputError(f"{path} does not exist, so there is nothing to resume. Run without `resume`.")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check its permissions.") from error
    except Exception as error:
        raise InputError(f"{path} is damaged. Start again with another `run`, or delete this one.") from error
    stored = {FORMER_NAMES.get(name, name): value for name, value in loaded.items()}
    try:
        if stored["data"] != data:
            raise InputError(f"{path} was trained on other data than given now. Give the same files, or a new `run`.")
        best = stored["best_map"] if "best_map" in stored else former_best(run, stored["best"])
        if best >= 0 and not validation:
            raise InputError(f"{run} was validated so far. Give the same `val_images` and `val_labels`.")
        if best >= 0 and stored["validation"] != validation:
            raise InputError(
                f"{run} was validated on other files than given now. Give the same, or begin a new `run` with `init`."
            )
        state.model.load_state_dict(stored["model"])
        state.average.load_state_dict(stored["average"])
        for optimizer, moments in zip(state.optimizers, stored["optimizers"], strict=True):
            restore(optimizer, moments)
        state.step, state.seconds, state.best = stored["step"], stored["seconds"], best
        state.stale, state.validations, state.validated = stored["stale"], stored["validations"], stored["validated"]
        state.doubled = stored.get("doubled")
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is of another version of lacss_tools. Start a new `run`.") from error
    state.since = time.monotonic()


def former_best(run: Path, ap50: float) -> float:
    """Return the best mAP of a run whose weights were kept by their AP50, negative if it was never validated."""
    if ap50 < 0:
        return ap50
    return max((row.validation.map for row in read_metrics(run) if row.validation), default=0.0)


def write_config(run: Path, settings: TrainSettings, **facts: Values) -> None:
    """Write the resolved settings and tables of facts: sizes of the network, data fingerprint, versions."""
    write_settings(run / CONFIG, "train", [settings], **facts)


def read_config(run: Path) -> tuple[TrainSettings, ModelSettings]:
    """Return how the run is trained and the sizes of its network; InputError when there is no run to continue."""
    path = run / CONFIG
    if not path.is_file():
        raise InputError(f"{path} does not exist, so there is nothing to resume. Run without `resume`.")
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
        return from_table(TrainSettings, stored["train"]), from_table(ModelSettings, stored["model"])
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:  # TOML's and UTF-8's are ValueErrors
        raise InputError(f"{path} is not the configuration of a run of this version. Start a new `run`.") from error


def origin(init: Path) -> dict[str, str]:
    """Return what config.toml says of the weights that a run starts from: their file and its SHA-256."""
    return {"init": str(init.absolute()), "init_sha256": weights_hash(init)}


def stored_origin(run: Path) -> dict[str, str]:
    """Return the same of a run on disk, nothing when it started from random weights."""
    data = tomllib.loads((run / CONFIG).read_text(encoding="utf-8")).get("data", {})
    return {name: data[name] for name in ("init", "init_sha256") if name in data}


def stored_scale(run: Path) -> float:
    """Return the working scale of a run on disk."""
    return float(tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))["data"]["scale"])


def stored_processes(run: Path) -> tuple[int, int]:
    """Return how many processes of torchrun trained a run on disk, and how many shared the crops of each of them."""
    data = tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))["data"]
    return int(data["processes"]), int(data.get("shared_by", 1))
