"""One session of training: steps, a validation now and then, the best weights kept, all saved that resuming needs."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lacss_tools.annotate.pseudo.names import DARK
from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.io.native import atomic, write_jpeg, write_table
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import BEST, save_weights
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import ALL_DETECTIONS
from lacss_tools.train import checkpoint
from lacss_tools.train.board import Board
from lacss_tools.train.crops import plan_batch
from lacss_tools.train.curves import learning_curve
from lacss_tools.train.distributed import ALONE, World
from lacss_tools.train.doubled import DOUBLED, DOUBLED_HEADER, can_tell, find_doubled, joined, table
from lacss_tools.train.folders import TrainingData, fingerprint
from lacss_tools.train.history import Row, Scores, read_metrics, write_metrics
from lacss_tools.train.honest import RANKING, fitted
from lacss_tools.train.interrupt import whole_steps
from lacss_tools.train.labelled import LabelledImage
from lacss_tools.train.level import calibrated
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import State, StepReport, run_steps
from lacss_tools.train.validation import SHOWN_IMAGES, find_all, picture, scores

SAVE_SECONDS = 60.0
"""between two checkpoints: a kill loses no more than this"""
LOG_EVERY = 20
"""steps between two rows of metrics.jsonl"""
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
        self.rows: list[Row] = []
        self.losses: dict[str, float] = {}
        self.images = task.data.images
        """those trained on, with doubled cells made one once that is settled"""
        self.saved = time.monotonic()
        given = [(image.path, image.label_path, image.nuclei_path) for image in task.validation]
        files = [path for paths in given for path in paths if path is not None]
        held = task.data.fingerprint if task.validation else ""  # parts of the images to train on
        self.validated_on = fingerprint(files) if files else held

    def work_in(self, world: World) -> None:
        """Train together with the processes of `world` from now on."""
        self.task = replace(self.task, world=world)

    def resume(self) -> None:
        """Continue from the last checkpoint; InputError when there is none, or nothing left to do."""
        task, state = self.task, self.state
        checkpoint.load_state(task.run, state, task.data.fingerprint, self.validated_on)
        if state.progress(task.settings, task.world) >= 1 and state.validated == state.step:
            raise FinishedRunError(
                f"{task.run} is finished (step {state.step}, {state.elapsed() / 60:.1f} minutes). "
                "Extend it with `resume` and larger `steps`, `epochs` or `minutes`."
            )
        if self.out_of_patience():
            raise FinishedRunError(
                f"{task.run} stopped early at step {state.step}. Continue it with `resume` and a larger `patience`."
            )
        # fewer than before if the budget has grown
        state.validations = min(state.validations, self.validations_due(state.progress(task.settings, task.world)))
        self.rows = [row for row in read_metrics(task.run) if row.step <= state.step]
        self.join_doubled()

    def validations_due(self, progress: float) -> int:
        """Return how many validations there should have been when this fraction of the training is done."""
        return int(progress / self.task.settings.validate_every + 1e-9)

    def out_of_patience(self) -> bool:
        """Return whether the last validations were no better, so many that the settings ask to stop."""
        patience = self.task.settings.patience
        stale = patience is not None and self.state.stale >= patience
        return bool(self.task.world.agree(float(stale)))

    def train(self, watch: Callable[[StepReport, State], None]) -> bool:
        """Make steps until budget or patience runs out; ends with a validation and a checkpoint.

        Returns False where it stops earlier, as the images have changed: cells with two LOIs are one from then on.
        """
        task, state = self.task, self.state
        if state.trained and task.validation and state.validated < 0:
            self.validate()  # nothing worse than the start is kept
        if self.validations_due(state.progress(task.settings, task.world)) > state.validations:
            self.validate()  # the interruption came between a step and its validation
        until = task.settings.doubled if self.may_be_doubled() else 1.0
        steps = run_steps(state, self.images, task.settings, task.device, task.world, until)
        with contextlib.closing(whole_steps(steps)) as reports:
            self.follow(reports, watch)
        if until < 1 and not self.out_of_patience():
            self.settle_doubled()
            return False
        if state.validated != state.step:  # the time can run out between two validations
            self.validate()
        if state.trained and task.validation and task.world.leads:
            self.say(self.verdict_on_start())
        return True

    def may_be_doubled(self) -> bool:
        """Return whether it is still to be settled which cells have two LOIs."""
        settings = self.task.settings
        if settings.blank_nuclei == 0 or self.task.data.borders != DARK:
            return False  # it never learned to do without nuclei; or membranes part nuclei that touch
        return settings.doubled < 1 and self.state.doubled is None and any(map(can_tell, self.images))

    def settle_doubled(self) -> None:
        """Find out which cells have two LOIs, make them one, and write which they are."""
        task, state, found = self.task, self.state, None
        if task.world.leads:
            with task.world.validating():
                found = find_doubled(state.average, self.images, task.device)
        state.doubled = task.world.tell(found)
        self.join_doubled()
        rows = table(task.data.images, state.doubled, task.data.scale, task.data.names)
        told = "hardly any cell seems to have two LOIs, so each stays a cell of its own"
        if rows:
            told = f"{len(rows)} pairs of LOIs count as one cell each from here on ({DOUBLED})"
            if task.world.leads:
                write_table(task.run / DOUBLED, DOUBLED_HEADER, rows)
        self.say(f"step {state.step}: {told}")
        self.save()

    def join_doubled(self) -> None:
        """Make cells with two LOIs one, if it is settled which they are."""
        if self.state.doubled is not None:
            self.images = [joined(image, own) for image, own in zip(self.images, self.state.doubled, strict=True)]

    def verdict_on_start(self) -> str:
        """Return whether the run made the weights that it started from better."""
        before = next((row.validation.map for row in self.rows if row.validation), 0.0)
        if self.state.best > before:
            return f"better than the start: validation mAP {self.state.best:.3f}, {before:.3f} before"
        return f"no step was better than the start (validation mAP {before:.3f}), so its weights are kept"

    def follow(self, reports: Iterable[StepReport], watch: Callable[[StepReport, State], None]) -> None:
        """Log, validate and save as steps are made, until there are no more or patience runs out."""
        for report in reports:
            watch(report, self.state)
            for step in report.spoilt:
                self.say(self.about_spoilt(step))
            due = self.validations_due(report.progress) > self.state.validations and report.fine()
            if due or report.step % LOG_EVERY == 0:
                self.losses = report.numbers()
            if due:
                self.validate()
                if self.out_of_patience():
                    self.say(f"step {report.step}: no better mAP in {self.state.stale} validations, stopped early")
                    break
            elif report.step % LOG_EVERY == 0:
                self.log(self.row())
            if time.monotonic() - self.saved > SAVE_SECONDS and report.fine():
                self.save()

    def about_spoilt(self, step: int) -> str:
        """Return that a step is left out, and which images its crops were of."""
        task = self.task
        plans = [plan_batch(self.images, task.settings, step - 1, rank) for rank in range(task.world.size)]
        names = sorted({task.data.names[number] for plan in plans for number in plan.chosen})
        return f"step {step} is left out: its loss is not a number (crops of {', '.join(names)})"

    def row(self, validation: Scores | None = None) -> Row:
        """Return a row of metrics.jsonl for the last step."""
        return Row(self.state.step, round(self.state.elapsed(), 2), self.losses, validation)

    def log(self, row: Row) -> None:
        """Remember a row of metrics."""
        self.rows.append(row)
        if self.board and self.task.world.leads:
            self.board.add(row)

    def validate(self) -> None:
        """Validate the averaged weights, masks and scores calibrated, keep them when they are the best so far."""
        task, state = self.task, self.state
        model, found, due = state.average, [], self.validations_due(state.progress(task.settings, task.world))
        if task.world.leads:
            with task.world.validating():
                model = calibrated(state.average, self.images, task.device) if state.step else state.average
                model.scoring = RANKING
                found = find_all(Predictor(model, task.data.scale, task.device, ALL_DETECTIONS), task.validation)
                model.scoring = fitted(found, [image.truth for image in task.validation])
                found = [replace(cells, scores=model.scoring.of_rank(cells.scores)) for cells in found]
        # not before: a validation that is interrupted is made again
        state.validated, state.validations = state.step, due
        if not task.world.leads:
            return
        result = scores(found, task.validation)
        self.log(self.row(result))
        if keep_best(task, state, model, result.map if result else None):
            self.say(f"step {state.step}: {_verdict(result)}")
        self.draw(found)
        self.save()

    def draw(self, found: list[Cells]) -> None:
        """Write the learning curves and pictures of the first validation images into the report folder."""
        folder = self.task.run / REPORT
        with atomic(folder / CURVES) as part:
            part.write_bytes(learning_curve(self.rows))
        for image, cells in list(zip(self.task.validation, found, strict=True))[:SHOWN_IMAGES]:
            pixels = picture(image, cells)
            write_jpeg(folder / f"{image.stem}_{self.state.step:06d}.jpg", pixels)
            if self.board:
                self.board.show(image.stem, pixels, self.state.step)

    def save(self) -> None:
        """Write all that is needed to continue."""
        if self.task.world.leads:
            write_metrics(self.task.run, self.rows)
            checkpoint.save_state(self.task.run, self.state, self.task.data.fingerprint, self.validated_on)
        self.saved = time.monotonic()


def _verdict(result: Scores | None) -> str:
    if result is None:
        return "weights kept (no validation labels given)"
    return f"validation AP50 {result.ap50:.3f}, mAP {result.map:.3f}; weights kept"


def keep_best(task: Task, state: State, model: Lacss, mean_ap: float | None) -> bool:
    """Write the weights when they are the best so far (always when nothing is validated).

    The best by mAP: AP50 alone chooses early weights, which find the cells and know little of their borders.
    """
    if mean_ap is not None and mean_ap <= state.best:
        state.stale += 1
        return False
    state.best, state.stale = state.best if mean_ap is None else mean_ap, 0
    settings = task.settings
    save_weights(task.run / BEST, model, task.data.scale, settings.channel, settings.own_nuclei_channel)
    return True
