"""Folders in, a desk out: what `lacss outline` serves, and what it says at the end."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lacss_tools.errors import InputError, UsageError
from lacss_tools.formats.layout import Clues, called_otherwise, list_cells
from lacss_tools.formats.sources import open_source
from lacss_tools.io.native import read_image
from lacss_tools.io.nuclei import Wanted, find_nuclei
from lacss_tools.io.project import Project
from lacss_tools.io.settings import read_toml, settings_file
from lacss_tools.outline.order import BY_NAME, RANDOM, UNSURE, WORTH, Traits, arrange, features_of
from lacss_tools.outline.page.desk import Desk
from lacss_tools.outline.page.shelf import Shelf
from lacss_tools.outline.progress import Progress
from lacss_tools.outline.session import BEGUN, ELSEWHERE, FINISHED, OPEN, OutlineSession, open_session
from lacss_tools.outline.sources import find_beside
from lacss_tools.outline.suggest import Suggestions, entropy
from lacss_tools.train.history import since_start

if TYPE_CHECKING:
    from lacss_tools.outline.network import Network


@dataclass(frozen=True)
class Plan:
    """What to outline and with whose help."""

    project: Path
    images: Path
    labels: Path
    start: Path | None
    model: Path | None
    order: str | None
    see: Wanted
    device: str = "auto"
    diameter: float | None = None


@dataclass(frozen=True)
class Made:
    """What a folder of predictions was made with, as far as that is known."""

    model: Path | None = None
    diameter: float | None = None


def made_with(start: Path | None) -> Made:
    """Return the model that `lacss predict` made a folder of predictions with, if it is still there, and its scale."""
    record = None if start is None else settings_file(start, "predict")
    if record is None or not record.is_file():
        return Made()
    told = read_toml(record)
    model, diameter = told.get("data", told).get("model"), told.get("predict", told).get("diameter")
    path = Path(model) if isinstance(model, str) and Path(model).exists() else None
    return Made(path, float(diameter) if isinstance(diameter, int | float) else None)


def open_desk(plan: Plan) -> Desk:
    """Return everything behind the page; errors of files that are missing or do not fit."""
    home = Project(plan.project)
    suggestions = None if plan.start is None else Suggestions(open_source(plan.start))
    session = open_session(plan.images, plan.labels, suggestions, plan.see.scene)
    _refuse_unseen(plan.labels, session)
    order = plan.order or (UNSURE if suggestions else BY_NAME)
    _arrange(session, order)
    if plan.model is not None:
        session.model = str(plan.model)
    shelf = Shelf(session, find_beside(home.dapi, home.lois, home.masks, plan.see.scene))
    desk = Desk(session, shelf, Progress(min(WORTH, len(session.images)), order, bought(plan.model)))
    if plan.model is not None:
        desk.network = _network(plan, session)
    desk.closing = lambda: commands(session, plan)
    return desk


def _refuse_unseen(labels: Path, session: OutlineSession) -> None:
    """Raise InputError for labels that are not called like their image: they would win over those drawn here."""
    found = list_cells(labels, Clues(session.images)) if labels.is_dir() else None
    for stem, path in called_otherwise(found.files if found else {}).items():
        if stem in session.images:
            raise InputError(
                f"{path} are labels of {stem} under another name. Call it {stem}{path.suffix}, or remove it."
            )


def bought(model: Path | None) -> str:
    """Return, in words, what the training of a model brought that went on from another one; empty for other models."""
    scores = None if model is None else since_start(model if model.is_dir() else model.parent)
    if scores is None:
        return ""
    before, best = scores
    if best.map <= before.map:
        return f"The last training did not raise mAP ({before.map:.3f})."
    return f"The last training raised mAP from {before.map:.3f} to {best.map:.3f}."


def _network(plan: Plan, session: OutlineSession) -> "Network":
    from lacss_tools.outline.network import network_of
    from lacss_tools.predict.predictor import load_predictor

    assert plan.model is not None
    predictor = load_predictor(plan.model, plan.device, diameter=plan.diameter)
    see = plan.see.for_model(*predictor.trained_on)
    return network_of(predictor, session.images, see.channel, find_nuclei(session.images, see, plan.images))


def _arrange(session: OutlineSession, order: str) -> None:
    """Bring the images of a session into an order."""
    stems = session.stems
    done = {stem for stem in stems if session.state(stem) in (FINISHED, ELSEWHERE)}
    if order in (BY_NAME, RANDOM):
        traits = Traits(np.zeros((len(stems), 1)), np.zeros(len(stems)))
    elif order == UNSURE and session.suggestions is None:
        raise UsageError("`order` unsure goes by the scores of predictions. Give them with `start`, or choose diverse.")
    else:
        traits = _traits(session)
    session.images = {stem: session.images[stem] for stem in arrange(order, stems, traits, done)}


def _traits(session: OutlineSession) -> Traits:
    features, unsureness = [], []
    for stem, path in session.images.items():
        image = read_image(path)
        cells = session.suggestions.cells(stem, (image.shape[1], image.shape[2])) if session.suggestions else None
        areas, scores = (np.zeros(0), np.zeros(0)) if cells is None else (cells.areas().astype(float), cells.scores)
        features.append(features_of(image, areas, scores))
        unsureness.append(entropy(scores))
    return Traits(np.array(features), np.array(unsureness))


GO_ON = 300
"""steps in which a model learns what a few outlined images have to teach"""


def summary(session: OutlineSession) -> list[str]:
    """Return how far it got, in words."""
    counts = session.counts()
    lines = [f"{counts[FINISHED]} finished, {counts[BEGUN]} begun, {counts[OPEN]} not begun; lacss outline continues."]
    if counts[BEGUN]:
        lines.append(
            "What is begun is in the journal alone: Enter on the page finishes an image and writes its labels."
        )
    return lines


def commands(session: OutlineSession, plan: Plan) -> list[str]:
    """Return the exact commands that come next: measuring with the labels, and training with them."""
    counts = session.counts()
    if not counts[FINISHED] + counts[ELSEWHERE]:
        return []
    at = "" if plan.project == Path() else f" --project {shlex.quote(str(plan.project))}"
    folders = f"--images {_shown(plan.images, plan)} --labels {_shown(plan.labels, plan)}"
    kind = "mixed" if counts[OPEN] + counts[BEGUN] else "full"
    if plan.model is None:
        return [f"lacss train --supervision {kind} {folders}{at}", f"lacss eval runs/first {folders}{at}"]
    model = _shown(plan.model, plan)
    return [  # with the outlines alone: points and masks of the other images would pull borders back (docs/results.md)
        f"lacss train --init {model} {folders} --steps {GO_ON} --run {plan.model.stem}-corrected{at}",
        f"lacss eval {model} {folders}{at}",
    ]


def _shown(path: Path, plan: Plan) -> str:
    """Return a path as it is written on the command line."""
    inside = path.is_relative_to(plan.project)
    return shlex.quote(str(path.relative_to(plan.project) if inside else path))
