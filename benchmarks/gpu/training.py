"""Crops per second of training, and where a step's time goes."""

import time
import traceback
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch

from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS
from lacss_tools.train import supply, trainer
from lacss_tools.train.initial import fit_sizes
from lacss_tools.train.settings import TrainSettings

from bench import Bench, Spent, forget, peak, wait, wrapped

WARM = 12
"""steps before the clock starts"""
PROFILED = 10
SECONDS = 2.0
"""of each figure"""
ENDLESS = 10**9


def begin(bench: Bench, settings: TrainSettings, channels: int = 1) -> Any:
    """Return the state before the first step and the generator of steps."""
    torch.manual_seed(settings.seed)
    sizes = fit_sizes(PRESETS[settings.preset], settings, channels, nuclei=channels == 2)
    state = trainer.start(Lacss(sizes), settings, bench.device)
    return state, trainer.run_steps(state, bench.fields(channels), settings, bench.device)


def speed(bench: Bench, settings: TrainSettings) -> dict[str, Any]:
    """Return crops per second and peak memory, after a few steps to warm up."""
    forget(bench.device)
    begun = time.perf_counter()
    _, steps = begin(bench, settings)
    with closing(steps):
        for _ in range(WARM if not bench.rehearsed else 1):
            next(steps)
        wait(bench.device)
        warm, count, start = time.perf_counter() - begun, 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS * bench.scale:
            next(steps)
            count += 1
        wait(bench.device)
        spent = (time.perf_counter() - start) / count
        return {
            "crops_per_second": round(settings.batch / spent, 1),
            "ms_per_step": round(1000 * spent, 2),
            "warm_up_seconds": round(warm, 1),
            "memory_gb": peak(bench.device),
        } | busy(bench, steps, spent)


def busy(bench: Bench, steps: Any, spent: float) -> dict[str, Any]:
    """Return the milliseconds of kernels per step and their part of the (unprofiled) step, and the longest ones."""
    if bench.device.type != "cuda":
        return {}
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(PROFILED):
            next(steps)
        wait(bench.device)
    kernels = [
        (event.key, event.self_device_time_total / 1000 / PROFILED, event.count)
        for event in seen.key_averages()
        if event.self_device_time_total > 0
    ]
    total = sum(kernel[1] for kernel in kernels)
    longest = sorted(kernels, key=lambda kernel: -kernel[1])[:10]
    return {
        "kernel_ms_per_step": round(total, 2),
        "kernels_per_step": round(sum(kernel[2] for kernel in kernels) / PROFILED),
        "busy": round(total / 1000 / spent, 3),
        "longest": {name[:60]: round(ms, 3) for name, ms, _ in longest},
    }


def host(bench: Bench, settings: TrainSettings) -> dict[str, float]:
    """Return the milliseconds that the host needs for a step and for cutting its crops; nothing is waited for."""
    count, spent = max(2, round(60 * bench.scale)), Spent(None)
    with wrapped(supply, "render", spent.timed("host render")):
        _, steps = begin(bench, settings)
        with closing(steps):
            for _ in range(WARM if not bench.rehearsed else 1):
                next(steps)
            wait(bench.device)
            spent.seconds.clear()
            start = time.perf_counter()
            for _ in range(count):
                next(steps)
            spent.seconds["host step"] = time.perf_counter() - start
            wait(bench.device)
            spent.seconds["step"] = time.perf_counter() - start
    return {label: round(1000 * seconds / count, 3) for label, seconds in spent.seconds.items()}


def prove(bench: Bench) -> None:
    """Make a few steps with what is recorded; when that fails, say why and do without from here on."""
    settings = TrainSettings(steps=3, batch=2, crop=96)
    try:
        _, steps = begin(bench, settings)
        for _ in steps:
            wait(bench.device)
        bench.keep("machine", "recorded", "works")
    except Exception:
        traceback.print_exc()
        bench.keep("machine", "recorded", traceback.format_exc()[-1500:])
        trainer.recorded_stepper = as_written


def as_written(state: Any, settings: TrainSettings, plain: Any, record: Any = None) -> Any:
    """Take the place of `trainer.recorded_stepper`: nothing is recorded."""
    return plain


def training(bench: Bench) -> None:
    """Measure one thing after another, the most wanted first, as long as the time of this phase lasts."""
    usual = TrainSettings(steps=ENDLESS, decay=0.0, warmup=1e-9)

    def of(what: Any = speed, how: Any = None, **changes: Any) -> None:
        names = [f"{key} {value}" for key, value in changes.items() if key != "preset"]
        name = ", ".join([changes.get("preset", "small"), *names, *([how] if how else [])])
        if bench.late or time.perf_counter() - begun > bench.training_seconds:
            return
        try:
            value = what(bench, replace(usual, **changes))
        except Exception as error:
            value = {"failed": f"{type(error).__name__}: {error}"[:600]}
        bench.keep("training", name, value)

    begun = time.perf_counter()
    of()
    of(host, "host")
    of(batch=16)
    of(batch=32)
    of(preset="base")
    of(preset="resnet50")
    of(preset="base", batch=16)
    of(weak_loss=1.0, pseudo=0.0)
    with wrapped(trainer, "recorded_stepper", lambda _: as_written):
        of(how="as written")
    if bench.compile:
        of(compile=True)
        of(preset="resnet50", compile=True)
