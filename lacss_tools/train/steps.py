"""Project in, run folder and predictions out."""

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lacss_tools import __version__
from lacss_tools.arrays import Image
from lacss_tools.batch import Job
from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError, InterruptedRunError
from lacss_tools.evaluate.metrics import evaluate
from lacss_tools.files import read_image, read_labels, read_lois, read_mask, write_labels, write_table
from lacss_tools.formats.table import measure
from lacss_tools.formats.weak import inner_points
from lacss_tools.project import list_images, list_tables, pair
from lacss_tools.train import checkpoint
from lacss_tools.train.dataset import Field, full_field, weak_field
from lacss_tools.train.device import choose_device, fast_bfloat16
from lacss_tools.train.model.lacss import Lacss
from lacss_tools.train.predict import Predictor
from lacss_tools.train.preprocess import working_scale
from lacss_tools.train.settings import PRESETS, ModelSettings, PredictSettings, TrainSettings
from lacss_tools.train.trainer import State, StepReport, run_steps, start

SAVE_SECONDS = 60.0
LOG_EVERY = 20


@dataclass(frozen=True)
class TrainingFolders:
    """Where the data is: LOIs and masks (weak) or labels (full), and optionally labelled fields to validate on."""

    images: Path
    lois: Path
    masks: Path
    labels: Path
    val_images: Path | None = None
    val_labels: Path | None = None


@dataclass(frozen=True)
class Source:
    """One field as read: image, cell area (or labels), LOIs and how many of them lay outside the cell area."""

    image: Image
    area: np.ndarray
    lois: np.ndarray
    dropped: int = 0


@dataclass(frozen=True)
class TrainingData:
    """All fields in memory, the working scale, and a fingerprint of the files."""

    fields: list[Field]
    scale: float
    channels: int
    fingerprint: str
    notes: list[str]


def load_training_data(folders: TrainingFolders, supervision: str, cell_diameter: float) -> TrainingData:
    """Read and pair the training files; raises InputError for sizes or channels that do not fit."""
    images = (folders.images, list_images(folders.images))
    if supervision == "weak":
        pairing = pair(images, (folders.masks, list_images(folders.masks)), (folders.lois, list_tables(folders.lois)))
        sources = [_read_weak(*files) for files in pairing.paired.values()]
    else:
        pairing = pair(images, (folders.labels, list_images(folders.labels)))
        sources = [_read_full(*files) for files in pairing.paired.values()]
    first = next(iter(pairing.paired.values()))[0]
    for files, source in zip(pairing.paired.values(), sources, strict=True):
        if len(source.image) != len(sources[0].image):
            raise InputError(
                f"{files[0]} has {len(source.image)} channels, {first} has {len(sources[0].image)}. "
                "Train on images of one kind."
            )
    lois = sum(len(source.lois) for source in sources)
    if lois == 0:
        raise InputError(f"{folders.lois} holds no LOI inside a mask. Look at both in an image viewer.")
    scale = working_scale(sum(float(np.count_nonzero(source.area)) for source in sources), lois, cell_diameter)
    build = _weak if supervision == "weak" else _full
    notes = [f"training fields: {pairing.summary()}; {lois} LOIs"]
    if dropped := sum(source.dropped for source in sources):
        notes.append(f"{dropped} LOIs outside their mask are not used")
    notes.append(f"typical cell {cell_diameter / scale:.1f} px across, so images are resized by {scale:.3f}")
    fingerprint = _fingerprint([path for files in pairing.paired.values() for path in files])
    return TrainingData([build(source, scale) for source in sources], scale, len(sources[0].image), fingerprint, notes)


def _read_weak(image_path: Path, mask_path: Path, loi_path: Path) -> Source:
    image, mask, (lois, _) = read_image(image_path), read_mask(mask_path), read_lois(loi_path)
    _same_size(image_path, image, mask_path, mask)
    nearest = np.round(lois).astype(int)
    outside = ((nearest < 0) | (nearest >= mask.shape)).any(axis=1)
    if outside.any():
        raise InputError(
            f"{loi_path} has {int(outside.sum())} LOIs outside {image_path}. They are y,x in pixels; swap?"
        )
    inside = mask[nearest[:, 0], nearest[:, 1]]
    return Source(image, mask, lois[inside], int((~inside).sum()))


def _read_full(image_path: Path, label_path: Path) -> Source:
    image, labels = read_image(image_path), read_labels(label_path)
    _same_size(image_path, image, label_path, labels)
    return Source(image, labels, inner_points(labels))


def _weak(source: Source, scale: float) -> Field:
    return weak_field(source.image, source.area, source.lois, scale)


def _full(source: Source, scale: float) -> Field:
    at = source.lois.astype(int)
    return full_field(source.image, source.area, source.lois, source.area[at[:, 0], at[:, 1]], scale)


def _same_size(image_path: Path, image: np.ndarray, other_path: Path, other: np.ndarray) -> None:
    if image.shape[1:] != other.shape:
        raise InputError(f"{image_path} is {image.shape[1:]} pixels and {other_path} {other.shape}. Give one size.")


def _fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def read_labelled(images: Path, labels: Path) -> list[tuple[Image, Cells]]:
    """Return the (image, true cells) pairs of two folders."""
    pairs = []
    for image_path, label_path in pair((images, list_images(images)), (labels, list_images(labels))).paired.values():
        image, truth = read_image(image_path), read_labels(label_path)
        _same_size(image_path, image, label_path, truth)
        pairs.append((image, cells_from_labels(truth)))
    return pairs


def train(
    folders: TrainingFolders,
    run: Path,
    settings: TrainSettings,
    *,
    device: str = "auto",
    resume: bool = False,
    init: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    watch: Callable[[StepReport, State], None] = lambda report, state: None,
) -> Path:
    """Train a model into the folder `run` and return the path of its best weights.

    `say` receives lines for people, `watch` every finished step. Ctrl-C saves and raises InterruptedRunError; with
    `resume` the run continues from its last checkpoint, with identical weights on CPU when the budget is in steps.
    """
    if not resume and (run / checkpoint.LAST).exists():
        raise InputError(f"{run} holds a run already. Continue it with --resume, or name another with --run.")
    chosen = choose_device(device)
    sizes = replace(PRESETS[settings.preset], auxnet=settings.auxnet and settings.supervision == "weak")
    data = load_training_data(folders, settings.supervision, sizes.cell_diameter)
    sizes = replace(sizes, channels=data.channels)
    validation = (
        read_labelled(folders.val_images, folders.val_labels) if folders.val_images and folders.val_labels else []
    )
    torch.manual_seed(settings.seed)
    state = start(_initial_model(sizes, init), settings, chosen)
    rows: list[dict[str, Any]] = []
    if resume:
        checkpoint.load_state(run, state, data.fingerprint)
        rows = [row for row in checkpoint.read_metrics(run) if row["step"] <= state.step]
    for note in [*data.notes, f"device {chosen}, {'bfloat16' if _uses_bfloat16(chosen) else 'float32'}"]:
        say(note)
    checkpoint.write_config(run, _describe(settings, sizes, data, chosen))
    try:
        _loop(state, data, settings, chosen, run, rows, validation, say, watch)
    except KeyboardInterrupt:
        checkpoint.save_state(run, state, data.fingerprint)
        raise InterruptedRunError(
            f"Interrupted at step {state.step}, saved in {run}. Continue with --resume."
        ) from None
    return run / checkpoint.BEST


def _initial_model(sizes: ModelSettings, init: Path | None) -> Lacss:
    if init is None:
        return Lacss(sizes)
    model, _ = checkpoint.load_weights(init)
    if replace(model.settings, auxnet=sizes.auxnet) != sizes:
        raise InputError(
            f"{init} is a model of other sizes or {model.settings.channels} channels; the data has "
            f"{sizes.channels}. Give the same --preset and channels."
        )
    fresh = Lacss(sizes)
    fresh.load_state_dict(model.state_dict(), strict=False)
    return fresh


def _uses_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" or (device.type == "cpu" and fast_bfloat16())


def _describe(
    settings: TrainSettings, sizes: ModelSettings, data: TrainingData, device: torch.device
) -> dict[str, Any]:
    versions = {"lacss_tools": __version__, "torch": torch.__version__, "python": platform.python_version()}
    facts = {"fingerprint": data.fingerprint, "fields": len(data.fields), "scale": data.scale, "device": str(device)}
    return {"train": settings, "model": sizes, "data": facts, "versions": versions}


def _loop(
    state: State,
    data: TrainingData,
    settings: TrainSettings,
    device: torch.device,
    run: Path,
    rows: list[dict[str, Any]],
    validation: list[tuple[Image, Cells]],
    say: Callable[[str], None],
    watch: Callable[[StepReport, State], None],
) -> None:
    milestone = settings.validate_every * (state.progress(settings) // settings.validate_every + 1)
    saved, looked, losses = time.monotonic(), -1, dict[str, float]()

    def look() -> None:
        row = _row(state, losses) | validate(state, data.scale, validation, device)
        rows.append(row)
        if keep_best(run, state, data.scale, row.get("val_ap50")):
            say(f"step {state.step}: {_scores(row)}")

    def save() -> None:
        checkpoint.write_metrics(run, rows)
        checkpoint.save_state(run, state, data.fingerprint)

    for report in run_steps(state, data.fields, settings, device):
        watch(report, state)
        if report.progress >= milestone or report.step % LOG_EVERY == 0:
            losses = report.numbers()
        if report.progress >= milestone:
            milestone += settings.validate_every
            looked = state.step
            look()
        elif report.step % LOG_EVERY == 0:
            rows.append(_row(state, losses))
        if time.monotonic() - saved > SAVE_SECONDS:
            save()
            saved = time.monotonic()
    if looked != state.step:  # the time can run out between two looks
        look()
    save()


def _row(state: State, losses: dict[str, float]) -> dict[str, Any]:
    return {"step": state.step, "seconds": round(state.elapsed(), 2), **losses}


def _scores(row: dict[str, Any]) -> str:
    if "val_ap50" not in row:
        return "weights kept (no validation labels given)"
    return f"validation AP50 {row['val_ap50']:.3f}, mAP {row['val_map']:.3f}; weights kept"


def validate(
    state: State, scale: float, validation: list[tuple[Image, Cells]], device: torch.device
) -> dict[str, float]:
    """Return AP50, AP75 and mAP of the averaged weights on labelled fields, or nothing without such fields."""
    if not validation:
        return {}
    predictor = Predictor(state.average, scale, device, PredictSettings())
    result = evaluate([(predictor(image), truth) for image, truth in validation])
    return {"val_ap50": float(result.ap50 or 0), "val_ap75": float(result.ap75 or 0), "val_map": float(result.map or 0)}


def keep_best(run: Path, state: State, scale: float, score: float | None) -> bool:
    """Write the averaged weights when they are the best so far (always when nothing is validated)."""
    if score is not None and score <= state.best:
        return False
    state.best = state.best if score is None else score
    checkpoint.save_weights(run / checkpoint.BEST, state.average, scale)
    return True


def predict_file(job: Job, predictor: Predictor) -> None:
    """Write STEM.csv (measurements) and then STEM.tif (labels, job.output) for one image."""
    image = read_image(job.inputs[0])
    cells = predictor(image)
    labels = cells_to_labels(cells)
    header, rows = measure(labels, cells, image)
    write_table(job.output.with_suffix(".csv"), header, rows)
    write_labels(job.output, labels)
