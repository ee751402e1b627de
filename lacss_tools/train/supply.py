"""Training batches in the order of the steps; on a GPU drawn ahead by threads, off its critical path."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import TypeVar

import torch

from lacss_tools.jobs.processes import cores
from lacss_tools.train.crops import Batch, Plan, TrainingImage, draw_batch, plan_batch, render
from lacss_tools.train.padding import pad_lois
from lacss_tools.train.part import WHOLE, Part
from lacss_tools.train.settings import TrainSettings

MOST_THREADS = 8
"""that draw batches ahead of a GPU"""
MOST_MEMORY = 0.25
"""of what is free on a GPU, for the pixels of the images"""
T = TypeVar("T")


def place(images: list[TrainingImage], device: torch.device) -> list[TrainingImage]:
    """Return the images with their pixels on a CUDA device, where crops of them then are made, if they fit there."""
    if device.type != "cuda":
        return images
    pixels = sum(whole.mask.numel() * (len(whole.image) + 2 + (whole.doubt is not None)) for whole in images)
    both = 2 * 4 * pixels  # as they are, and ready to be read from
    if both > MOST_MEMORY * torch.cuda.mem_get_info(device)[0]:
        return images
    return [whole.on(device) for whole in images]


def supply(
    images: list[TrainingImage], settings: TrainSettings, first: int, device: torch.device, rank: int = 0,
    part: Part = WHOLE,
) -> Iterator[Batch]:  # fmt: skip
    """Yield the batches of steps `first`, `first` + 1, ... for ever.

    A batch is a function of (seed, step, rank, part), so threads change when it is made and not what is in it. On a CPU
    training uses every core, and drawing ahead would take them from it: batches are drawn when asked for. Where the
    images are on a GPU (`place`), threads draw only the random numbers, and the GPU makes the pixels. Batches
    for a CUDA device are filled up with LOIs that count for nothing (`padding`).
    """
    threads = threads_for(device)
    if threads == 0:
        yield from (draw_batch(images, settings, step, rank, part) for step in count(first))

    def plan(step: int) -> Plan:
        drawn = plan_batch(images, settings, step, rank, part)
        return replace(drawn, loci=pad_lois(drawn.loci, settings.batch, settings.crop)).pinned()

    def draw(step: int) -> Batch:
        batch = draw_batch(images, settings, step, rank, part)
        return pad_lois(batch, settings.batch, settings.crop).pinned() if device.type == "cuda" else batch

    if images[0].image.device.type == "cpu":
        yield from ahead(draw, first, threads)
    with closing(ahead(plan, first, threads)) as plans:
        for ready in plans:
            yield render(images, ready.to(device))


def threads_for(device: torch.device) -> int:
    """Return how many threads draw batches ahead: none on a CPU, else all but one core of its own, at most 8."""
    if device.type == "cpu":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes of torchrun on this machine
    return max(1, min(MOST_THREADS, cores() // here - 1))


def ahead(draw: Callable[[int], T], first: int, threads: int) -> Generator[T, None, None]:
    """Yield what `draw` returns for the numbers from `first`, in order, called by threads some numbers ahead."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="draw")
    try:
        steps = count(first)
        waiting: deque[Future[T]] = deque(pool.submit(draw, next(steps)) for _ in range(2 * threads))
        while True:
            yield waiting.popleft().result()
            waiting.append(pool.submit(draw, next(steps)))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
