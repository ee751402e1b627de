"""Which device to compute on, and in which precision."""

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import nn

from lacss_tools.errors import InputError


def choose_device(name: str) -> torch.device:
    """Return the device named auto, cpu, cuda, cuda:N or mps; InputError when it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"Device {name!r} is unknown. Use auto, cpu, cuda, cuda:N or mps.") from error
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= counts.get(device.type, 0):
        raise InputError(f"Device {name!r} is not on this machine. Set `device` to cpu or auto.")
    return device


MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""numbers of options of glibc's mallopt"""


def tune(device: torch.device) -> None:
    """Let a GPU choose the fastest convolutions for the size of the crops, and use its tensor cores for float32.

    Those are not the same in every run, so where PyTorch is told to be deterministic nothing is chosen. On a CPU freed
    memory stays with the process (`return_memory` gives it back): new memory costs a tenth of a training step.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
        torch.set_float32_matmul_precision("high")
    if device.type == "cpu":
        with contextlib.suppress(OSError, AttributeError, TypeError):  # other C libraries have no such function
            library = ctypes.CDLL(None)
            library.mallopt(MMAP_THRESHOLD, 2**25)
            library.mallopt(TRIM_THRESHOLD, 2**30)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads on a CPU, and afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compiled(model: nn.Module, wanted: bool) -> Callable[..., Any]:
    """Return the pass over images, compiled by torch.compile if `wanted`; the parameters stay those of `model`.

    Crops have one size, so one compilation serves the whole training; what is done per cell is not compiled, since the
    number of cells changes from step to step.
    """
    return torch.compile(model, dynamic=False) if wanted else model


def return_memory(device: torch.device) -> None:
    """Give freed memory back to the system, where the C library (glibc) would keep it; on a GPU there is little.

    The number of cells changes from step to step, and with it the size of everything per cell; freed blocks of so many
    sizes are not used again, and after some thousand steps the process holds gigabytes of them.
    """
    if device.type != "cpu":
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other C libraries have no such function
        ctypes.CDLL(None).malloc_trim(0)


@cache
def fast_bfloat16(kind: str) -> bool:
    """Return whether the devices of a kind multiply bfloat16 in hardware; without that it is slower than float32."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device, keep: bool = True) -> AbstractContextManager[object]:
    """Return a context of mixed bfloat16 precision where that is faster; with `keep` weights are rounded only once."""
    if fast_bfloat16(device.type):
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=keep)
    return contextlib.nullcontext()
