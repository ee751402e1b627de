"""One sitting of a training: steps, looks at the model now and then, the best kept, all saved that resuming needs."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.io.native import atomic, write_jpeg
from lacss_tools.network.weights import BEST, save_weights
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import ALL_DETECTIONS
from lacss_tools.train import checkpoint
from lacss_tools.train.board import Board
from lacss_tools.train.curves import learning_curve
from lacss_tools.train.distributed import ALONE, World
from lacss_tools.train.folders import LabelledImage, TrainingData, fingerprint
from lacss_tools.train.interrupt import whole_steps
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import State, StepReport, check_finite, run_steps
from lacss_tools.train.validation import SHOWN_FIELDS, find_all, picture, scores

SAVE_SECONDS = 60.0
LOG_EVERY = 20
REPORT, CURVES = "report", "curves.png"


class FinishedRunError(InputError):
    """There is nothing left to train in a run that was to be continued."""


@dataclass(frozen=True)
class Task:
    """What to train, on what, and into which folder."""

    run: Path
    data: TrainingData
    validation: list[LabelledImage]
    settings: TrainSettings
    device: torch.device
    world: World = ALONE


class TrainSession:
    """Keeps what is on disk in step with the state; only process 0 writes."""

    def __init__(self, task: Task, state: State, say: Callable[[str], None], board: Board | None = None) -> None:
        self.task, self.state, self.say, self.board = task, state, say, board
        self.rows: list[dict[str, Any]] = []
        self.losses: dict[str, float] = {}
        self.report: StepReport | None = None
        self.saved = time.monotonic()
        files = [path for field in task.validation for path in (field.path, field.label_path) if path is not None]
        self.judges = fingerprint(files) if files else ""

    def resume(self) -> None:
        """Continue from the last checkpoint; InputError when there is none, or nothing left to do."""
        task, state = self.task, self.state
        checkpoint.load_state(task.run, state, task.data.fingerprint, self.judges)
        if state.progress(task.settings, task.world) >= 1 and state.looked == state.step:  # and the last look was made
            raise FinishedRunError(
                f"{task.run} is finished (step {state.step}, {state.elapsed() / 60:.1f} minutes). "
                "Extend it with --resume and a larger --steps, --epochs or --minutes."
            )
        if self.out_of_patience():
            raise FinishedRunError(
                f"{task.run} stopped early at step {state.step}. Continue it with --resume and a larger --patience."
            )
        # fewer than before if the budget has grown
        state.looks = min(state.looks, self.looks_due(state.progress(task.settings, task.world)))
        self.rows = [row for row in checkpoint.read_metrics(task.run) if row["step"] <= state.step]

    def looks_due(self, progress: float) -> int:
        """Return how many looks belong to this part of the training."""
        return int(progress / self.task.settings.validate_every + 1e-9)

    def out_of_patience(self) -> bool:
        """Return whether the last validations brought nothing better, and the user wants to stop then."""
        patience = self.task.settings.patience
        stale = patience is not None and self.state.stale >= patience
        return bool(self.task.world.agree(float(stale)))

    def train(self, watch: Callable[[StepReport, State], None]) -> None:
        """Make steps until the budget is spent or the patience is at an end; ends with a look and a checkpoint."""
        task, state = self.task, self.state
        if self.looks_due(state.progress(task.settings, task.world)) > state.looks:
            self.look()  # the interruption came between a step and its look
        steps = run_steps(state, task.data.fields, task.settings, task.device, task.world)
        with contextlib.closing(whole_steps(steps)) as reports:
            self.follow(reports, watch)
        if state.looked != state.step:  # the time can run out between two looks
            self.look()

    def follow(self, reports: Iterable[StepReport], watch: Callable[[StepReport, State], None]) -> None:
        """Log, look and save as steps are made, until there are no more or the patience is at an end."""
        for report in reports:
            self.report = report
            watch(report, self.state)
            due = self.looks_due(report.progress) > self.state.looks
            if due or report.step % LOG_EVERY == 0:
                self.losses = report.numbers()
            if due:
                self.look()
                if self.out_of_patience():
                    self.say(f"step {report.step}: no better AP50 in {self.state.stale} validations, stopped early")
                    break
            elif report.step % LOG_EVERY == 0:
                self.log(self.row())
            if time.monotonic() - self.saved > SAVE_SECONDS:
                self.save()

    def row(self) -> dict[str, Any]:
        """Return one line of metrics.jsonl: step, seconds of training so far, the loss terms."""
        return {"step": self.state.step, "seconds": round(self.state.elapsed(), 2), **self.losses}

    def log(self, row: dict[str, Any]) -> None:
        """Remember a row of metrics."""
        self.rows.append(row)
        if self.board and self.task.world.leads:
            self.board.add(row)

    def look(self) -> None:
        """Validate the averaged weights, keep them when they are the best so far, draw curves and pictures, save."""
        self.check()
        task, state = self.task, self.state
        found, looks = [], self.looks_due(state.progress(task.settings, task.world))
        if task.world.leads:
            found = find_all(Predictor(state.average, task.data.scale, task.device, ALL_DETECTIONS), task.validation)
        # not before: who is interrupted while looking looks again
        state.looked, state.looks = state.step, looks
        if not task.world.leads:
            return
        row = self.row() | scores(found, task.validation)
        self.log(row)
        if keep_best(task, state, row.get("val_ap50")):
            self.say(f"step {state.step}: {_verdict(row)}")
        self.draw(found)
        self.save()

    def draw(self, found: list[Cells]) -> None:
        """Write the learning curves and pictures of the first validation fields into the report folder."""
        folder = self.task.run / REPORT
        with atomic(folder / CURVES) as part:
            part.write_bytes(learning_curve(self.rows))
        for field, cells in list(zip(self.task.validation, found, strict=True))[:SHOWN_FIELDS]:
            pixels = picture(field, cells)
            write_jpeg(folder / f"{field.stem}_{self.state.step:06d}.jpg", pixels)
            if self.board:
                self.board.show(field.stem, pixels, self.state.step)

    def save(self) -> None:
        """Write all that is needed to continue, unless the weights are spoilt (then LacssError)."""
        self.check()
        if self.task.world.leads:
            checkpoint.write_metrics(self.task.run, self.rows)
            checkpoint.save_state(self.task.run, self.state, self.task.data.fingerprint, self.judges)
        self.saved = time.monotonic()

    def check(self) -> None:
        """Raise LacssError when the loss was not a number in some step before."""
        if self.report is not None:
            check_finite(self.report.diverged, self.task.settings)


def _verdict(row: dict[str, Any]) -> str:
    if "val_ap50" not in row:
        return "weights kept (no validation labels given)"
    return f"validation AP50 {row['val_ap50']:.3f}, mAP {row['val_map']:.3f}; weights kept"


def keep_best(task: Task, state: State, score: float | None) -> bool:
    """Write the averaged weights when they are the best so far (always when nothing is validated)."""
    if score is not None and score <= state.best:
        state.stale += 1
        return False
    state.best, state.stale = state.best if score is None else score, 0
    save_weights(task.run / BEST, state.average, task.data.scale, task.settings.channel)
    return True
