"""Several processes that train one model, started by `torchrun`; each has its own device and its own crops.

Gradients are averaged over the processes, so every process makes the same step and holds the same weights. There is no
batch norm, hence nothing else to agree on. Process 0 writes the files and decides when the time is up.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from lacss_tools.errors import UsageError
from lacss_tools.train.part import WHOLE, Part

T = TypeVar("T")
PATIENCE = timedelta(hours=2)
"""how long processes wait for each other; process 0 validates while the others wait"""


@dataclass(frozen=True)
class World:
    """The processes that train together; `rank` is this one of `size`."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    @property
    def processes(self) -> int:
        """How many share a step."""
        return self.size

    @property
    def part(self) -> Part:
        """Which part of its batch this process makes."""
        return WHOLE

    def begin(self, model: nn.Module, step: int, progress: float) -> None:
        """Say that the step begins, to processes that do not know by themselves."""

    def validating(self) -> AbstractContextManager[None]:
        """Return a context in which process 0 computes while the others wait."""
        return nullcontext()

    def average_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its mean over all processes, in one exchange."""
        if self.size == 1:
            return
        from torch import distributed

        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        everything = in_one(gradients)
        distributed.all_reduce(everything)
        everything /= self.size
        copy_into(gradients, everything)

    def agree(self, value: float) -> float:
        """Return the value that process 0 gave, so that all take the same decision (clocks differ)."""
        if self.size == 1:
            return value
        from torch import distributed

        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, src=0, group=_words())
        return float(shared)

    def tell(self, value: T | None) -> T:
        """Return what process 0 gave, in all processes."""
        if self.size == 1:
            return cast("T", value)
        from torch import distributed

        words = [value]
        distributed.broadcast_object_list(words, src=0, group=_words())
        return cast("T", words[0])


ALONE = World()


def in_one(tensors: list[Tensor]) -> Tensor:
    """Return the values of all tensors in one."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def copy_into(tensors: list[Tensor], values: Tensor) -> None:
    """Give the tensors the values that `in_one` put together."""
    pieces = torch.split(values, [tensor.numel() for tensor in tensors])
    torch._foreach_copy_(tensors, [piece.view_as(tensor) for piece, tensor in zip(pieces, tensors, strict=True)])


_word_group: list[Any] = []


def _words() -> Any:
    """Return the group for short messages: between the hosts, so that no GPU is waited for."""
    from torch import distributed

    if not _word_group:
        _word_group.append(distributed.new_group(backend="gloo", timeout=PATIENCE))
    return _word_group[0]


def under_torchrun() -> bool:
    """Return whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def speaks() -> bool:
    """Return whether this process talks to the user: the only one, or the first of torchrun's."""
    return os.environ.get("RANK", "0") == "0" or not under_torchrun()


def local_device(name: str) -> str:
    """Return the device of this process: under torchrun each takes the GPU of its number on its machine.

    UsageError when one GPU is named for several processes.
    """
    if not under_torchrun() or name == "cpu":
        return name
    if name == "mps":
        raise UsageError("`device` mps is one GPU, which processes of torchrun cannot share. Set it to cpu.")
    if name.startswith("cuda:"):
        raise UsageError(f"`device` {name} gives one GPU to every process of torchrun. Set it to cuda or cpu.")
    use_gpu = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return f"cuda:{os.environ['LOCAL_RANK']}" if use_gpu else "cpu"


def join(device: torch.device) -> World:
    """Return the world that torchrun made, joining it when this is the first call; ALONE without torchrun."""
    if not under_torchrun():
        return ALONE
    from torch import distributed

    if not distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        _words()
    return World(distributed.get_rank(), distributed.get_world_size())


def leave() -> None:
    """Leave the world, if this process is in one."""
    from torch import distributed

    if under_torchrun() and distributed.is_initialized():
        _word_group.clear()
        distributed.destroy_process_group()
