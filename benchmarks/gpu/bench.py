"""What the phases share: the options, the data, results on disk, and how time and memory are measured."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from lacss_tools.train.crops import TrainingImage

import data

RESULTS = "results.json"


@dataclass
class Bench:
    """One run of the benchmark."""

    device: torch.device
    out: Path
    file: Path
    scale: float
    """of all budgets in seconds, below 1 to rehearse"""
    learn_seconds: float
    paper_seconds: float
    training_seconds: float
    compile: bool
    lessons: int
    seeds: int = 2
    weak_steps: int = 3000
    images: int | None = None
    only: tuple[str, ...] = ()
    """titles of trainings, all if none"""
    deadline: float = float("inf")
    """by `time.perf_counter`, after which nothing new begins"""
    results: dict[str, Any] = field(default_factory=dict)
    known: dict[tuple[int, float, str, bool], list[TrainingImage]] = field(default_factory=dict)

    @cached_property
    def set(self) -> data.Images:
        """The images, read when first asked for."""
        return data.load(self.file, self.images)

    def fields(
        self, channels: int = 1, cell_diameter: float = 30.0, supervision: str = "weak", doubted: bool = False
    ) -> list[TrainingImage]:
        """Return the training fields, built once."""
        key = (channels, cell_diameter, supervision, doubted)
        if key not in self.known:
            self.known[key] = self.set.fields(*key)
        return self.known[key]

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    def wants(self, title: str) -> bool:
        """Return whether a training is asked for and there is time for it."""
        return not self.late and (not self.only or title in self.only)

    @property
    def rehearsed(self) -> bool:
        """Whether figures do not count."""
        return self.scale < 0.1

    @property
    def weights(self) -> Path:
        """Where the weights lie that were trained here on the cell stain alone."""
        return self.out / "one-channel.safetensors"

    def keep(self, phase: str, name: str, value: Any) -> None:
        """Remember one result and write all of them."""
        self.results.setdefault(phase, {})[name] = value
        print(f"  {phase} {name}: {json.dumps(value)}", flush=True)
        part = self.out / f".{RESULTS}.part"
        part.write_text(json.dumps(self.results, indent=1) + "\n")
        os.replace(part, self.out / RESULTS)  # noqa: PTH105


def wait(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(function: Callable[[], Any], device: torch.device) -> float:
    """Return how long a call takes until the device has done it."""
    wait(device)
    start = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - start


def forget(device: torch.device) -> None:
    """Give back memory and begin to count its peak anew."""
    import gc

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> float:
    """Return the most memory (GB) that tensors took on the device since `forget`."""
    return round(torch.cuda.max_memory_allocated(device) / 2**30, 3) if device.type == "cuda" else 0.0


@contextmanager
def wrapped(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace an attribute by what `make` makes of it."""
    plain = getattr(owner, name)
    setattr(owner, name, make(plain))
    try:
        yield
    finally:
        setattr(owner, name, plain)


class Spent:
    """Seconds spent in named calls; with a device, each call is waited for."""

    def __init__(self, device: torch.device | None) -> None:
        self.device, self.seconds = device, {}

    def timed(self, label: str) -> Callable[[Any], Any]:
        """Return what makes a function count its time under `label`."""

        def make(plain: Any) -> Any:
            def call(*arguments: Any, **options: Any) -> Any:
                if self.device is not None:
                    wait(self.device)
                start = time.perf_counter()
                result = plain(*arguments, **options)
                if self.device is not None:
                    wait(self.device)
                self.seconds[label] = self.seconds.get(label, 0.0) + time.perf_counter() - start
                return result

            return call

        return make


class Card:
    """Watches a card from a thread: the most memory in use (GB) and the mean of its busy time (percent)."""

    def __init__(self, device: torch.device) -> None:
        self.memory, self.busy, self.alive = 0.0, [], device.type == "cuda"
        self.thread = threading.Thread(target=self._watch, args=(device.index or 0,), daemon=True)

    def __enter__(self) -> "Card":
        if self.alive:
            self.thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        if self.alive:
            self.alive = False
            self.thread.join()

    def _watch(self, index: int) -> None:
        with suppress(Exception):
            import pynvml

            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            while self.alive:
                self.memory = max(self.memory, pynvml.nvmlDeviceGetMemoryInfo(handle).used / 2**30)
                self.busy.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                time.sleep(0.1)

    def facts(self) -> dict[str, float]:
        """Return both numbers."""
        mean = sum(self.busy) / len(self.busy) if self.busy else 0.0
        return {"card_memory_gb": round(self.memory, 2), "card_busy_percent": round(mean, 1)}
