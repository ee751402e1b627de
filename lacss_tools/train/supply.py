"""Training batches in the order of the steps; on a GPU drawn ahead by threads, off its critical path."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count

import torch

from lacss_tools.jobs.processes import cores
from lacss_tools.train.crops import Batch, TrainingImage, draw_batch
from lacss_tools.train.settings import TrainSettings

MOST_THREADS = 8


def supply(
    images: list[TrainingImage], settings: TrainSettings, first: int, device: torch.device, rank: int = 0
) -> Iterator[Batch]:
    """Yield the batches of steps `first`, `first` + 1, ... for ever.

    A batch is a function of (seed, step, rank), so threads change when it is made and not what is in it. On a CPU the
    network uses every core, and drawing ahead would only take them from it: batches are drawn when asked for.
    """
    threads = threads_for(device)
    if threads == 0:
        yield from (draw_batch(images, settings, step, rank) for step in count(first))
    yield from _ahead(images, settings, first, rank, threads, pin=device.type == "cuda")


def threads_for(device: torch.device) -> int:
    """Return how many threads draw batches ahead: none on a CPU, else all but one core of its own, at most 8."""
    if device.type == "cpu":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes of torchrun on this machine
    return max(1, min(MOST_THREADS, cores() // here - 1))


def _ahead(
    images: list[TrainingImage], settings: TrainSettings, first: int, rank: int, threads: int, pin: bool
) -> Iterator[Batch]:
    def draw(step: int) -> Batch:
        batch = draw_batch(images, settings, step, rank)
        return batch.pinned() if pin else batch

    pool = ThreadPoolExecutor(threads, thread_name_prefix="draw")
    try:
        steps = count(first)
        waiting: deque[Future[Batch]] = deque(pool.submit(draw, next(steps)) for _ in range(2 * threads))
        while True:
            yield waiting.popleft().result()
            waiting.append(pool.submit(draw, next(steps)))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
