"""How fast the network learns, by which recipe, and from which labels: seconds to AP50 0.90, AP at the end."""

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import torch

from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS
from lacss_tools.network.weights import save_weights
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import ALL_DETECTIONS, PredictSettings
from lacss_tools.train import trainer
from lacss_tools.train.honest import RANKING
from lacss_tools.train.initial import fit_sizes
from lacss_tools.train.level import calibrated
from lacss_tools.train.recipes import settings_of
from lacss_tools.train.settings import TrainSettings

from bench import Bench, forget, peak

WANTED = 0.90
LOOKS = 4
"""validations, evenly over the time"""


@dataclass(frozen=True)
class Lesson:
    """One training."""

    settings: TrainSettings
    channels: int = 1
    """2: cell stain and nuclei"""
    supervision: str = "weak"


def judge(predictor: Predictor, bench: Bench, channels: int) -> dict[str, float]:
    """Return AP on the fields for validation."""
    pairs = [(predictor(image.pixels), image.truth) for image in bench.set.judged(channels)]
    result = evaluate(pairs)
    return {"ap50": round(result.ap50 or 0, 4), "ap75": round(result.ap75 or 0, 4), "map": round(result.map or 0, 4)}


def accuracy(predictor: Predictor, bench: Bench, channels: int) -> float:
    """Return TP / (TP + FP + FN) at IoU 0.5 of label images."""
    predictor = replace(predictor, settings=PredictSettings())
    pairs: list[tuple[Cells, Cells]] = [
        (cells_from_labels(cells_to_labels(predictor(image.pixels))), image.truth)
        for image in bench.set.judged(channels)
    ]
    return round(evaluate(pairs).accuracy50 or 0, 4)


def learn(bench: Bench, phase: str, title: str, lesson: Lesson) -> Predictor:
    """Train, look at the validation fields now and then, keep what was seen, and return the last (averaged) network.

    What was seen so far is kept after each look, so that a run that is ended loses little.
    """
    forget(bench.device)
    settings = lesson.settings
    sizes = fit_sizes(PRESETS[settings.preset], settings, lesson.channels, nuclei=lesson.channels == 2)
    fields = bench.fields(lesson.channels, sizes.cell_diameter, lesson.supervision, settings.unsure < 1)
    torch.manual_seed(settings.seed)
    begun = time.perf_counter()
    state = trainer.start(Lacss(sizes), settings, bench.device)
    predictor = Predictor(state.average, bench.set.scale(sizes.cell_diameter), bench.device, ALL_DETECTIONS)
    curve: list[dict[str, float]] = []

    def kept() -> Predictor:  # what a session keeps, before its scores are made probabilities
        model = calibrated(state.average, fields, bench.device)
        model.scoring = RANKING
        return replace(predictor, model=model)

    def look() -> None:
        before = time.perf_counter()
        numbers = judge(kept(), bench, lesson.channels)
        state.since += time.perf_counter() - before  # looking is not counted as training
        curve.append({"step": state.step, "seconds": round(state.elapsed(), 1), **numbers})
        bench.keep(phase, title, {"so far": curve})

    with closing(trainer.run_steps(state, fields, settings, bench.device)) as steps:
        for report in steps:
            if report.progress >= (len(curve) + 1) / LOOKS:
                look()
    if not curve or curve[-1]["step"] != state.step:
        look()
    predictor = kept()
    reached = [row["seconds"] for row in curve if row["ap50"] >= WANTED]
    figures = {
        "seconds_to_ap50_0.90": reached[0] if reached else None,
        "end": curve[-1],
        **({"end_without_nuclei": judge(predictor, bench, 1)} if lesson.channels == 2 else {}),
        "accuracy50_of_label_images": accuracy(predictor, bench, lesson.channels),
        "crops_per_second": round(state.step * settings.batch / state.elapsed(), 1),
        "seconds_in_all": round(time.perf_counter() - begun, 1),
        "memory_gb": peak(bench.device),
        "curve": curve,
    }
    bench.keep(phase, title, figures)
    return predictor


def timed(bench: Bench, seconds: float, **changes: Any) -> TrainSettings:
    """Return the usual recipe for so many seconds."""
    return replace(TrainSettings(minutes=(seconds * bench.scale if bench.rehearsed else seconds) / 60), **changes)


def learning(bench: Bench) -> None:
    """Train on weak labels from outlines, without nuclei and with them, and with larger batches."""
    lessons = {
        "one channel": Lesson(timed(bench, bench.learn_seconds)),
        "with nuclei": Lesson(timed(bench, bench.learn_seconds), channels=2),
        "one channel, batch 16": Lesson(timed(bench, bench.learn_seconds, batch=16)),
        "one channel, batch 32": Lesson(timed(bench, bench.learn_seconds, batch=32)),
        "one channel, base": Lesson(timed(bench, bench.learn_seconds, preset="base")),
    }
    for name, lesson in list(lessons.items())[: bench.lessons]:
        if bench.late:
            return
        predictor = learn(bench, "learning", name, lesson)
        if name == "one channel":
            save_weights(bench.weights, predictor.model, predictor.scale)


def recipes(bench: Bench) -> None:
    """Train by each recipe for the same time on the same network, from --seeds seeds, and the paper's own network."""
    small = {"fast": settings_of("fast")} | {
        f"paper, {name}": settings_of("paper", preset="small", auxnet=auxnet)
        for name, auxnet in (("auxnet", True), ("no auxnet", False))
    }
    for seed in range(bench.seeds):
        for name, settings in small.items():
            compare(bench, "recipes", f"{name}, small, seed {seed}", settings, bench.learn_seconds, seed)
    compare(bench, "recipes", "paper, auxnet, resnet50, seed 0", settings_of("paper"), bench.paper_seconds, 0)


def compare(bench: Bench, phase: str, name: str, settings: TrainSettings, seconds: float, seed: int) -> None:
    """Train for so many seconds on the cell stain alone and keep the figures; nothing when there is no time left."""
    if not bench.late:
        minutes = timed(bench, seconds).minutes
        learn(bench, phase, name, Lesson(replace(settings, minutes=minutes, seed=seed)))


def nuclei(bench: Bench) -> None:
    """Train for as many steps without nuclei, with them and never blanked, from --seeds seeds and all weak labels."""
    usual = TrainSettings()
    kinds = {"without": (1, usual), "with": (2, usual), "never blanked": (2, replace(usual, blank_nuclei=0.0))}
    steps = round(bench.weak_steps * (bench.scale if bench.rehearsed else 1))
    for seed in range(bench.seeds):
        for labels in ("weak", *bench.set.weak):
            for name, (channels, settings) in kinds.items():
                title = f"{labels}, {name}, seed {seed}"
                if bench.wants(title):
                    own = replace(settings, steps=max(LOOKS, steps), seed=seed)
                    learn(bench, "nuclei", title, Lesson(own, channels, labels))


def weak(bench: Bench) -> None:
    """Train for as many steps on each kind of weak labels that was packed, from --seeds seeds: plainly, with nuclei as
    an input, and with less weight where masks are unsure."""
    steps = max(LOOKS, round(bench.weak_steps * (bench.scale if bench.rehearsed else 1)))
    plain = TrainSettings(steps=steps)
    ways = {"plain": (1, plain), "with nuclei": (2, plain), "unsure 0.3": (1, replace(plain, unsure=0.3))}
    for seed in range(bench.seeds):
        for kind in bench.set.weak:
            for way, (channels, settings) in ways.items():
                if bench.wants(title := f"{kind}, {way}, seed {seed}"):
                    learn(bench, "weak", title, Lesson(replace(settings, seed=seed), channels, kind))


def precision(bench: Bench) -> None:
    """Compare bfloat16 with float32: AP of the same weights, and of the same training."""
    from contextlib import nullcontext

    from lacss_tools.network.device import autocast
    from lacss_tools.predict import grow, predictor
    from lacss_tools.predict.predictor import load_predictor

    from bench import wrapped

    if not bench.weights.is_file():
        raise RuntimeError("the phase learning left no weights")

    def plain(_: Any) -> Any:
        return lambda *ignored, **nothing: nullcontext()

    loaded = load_predictor(bench.weights, str(bench.device), ALL_DETECTIONS)
    bench.keep("precision", "bfloat16", judge(loaded, bench, 1))
    assert autocast is predictor.autocast
    with wrapped(predictor, "autocast", plain), wrapped(grow, "autocast", plain):
        bench.keep("precision", "float32, tensor cores", judge(loaded, bench, 1))
        torch.set_float32_matmul_precision("highest")
        with wrapped(torch.backends.cudnn, "allow_tf32", lambda _: False):
            bench.keep("precision", "float32", judge(loaded, bench, 1))
        torch.set_float32_matmul_precision("high")
