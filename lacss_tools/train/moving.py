"""Records of tensors that move between host and GPU as one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

M = TypeVar("M", bound="Moving")


@dataclass(frozen=True)
class Moving:
    """A record whose tensors, also those of records in it, move together."""

    def to(self: M, device: torch.device) -> M:
        """Return the record on another device."""
        apart = device.type == "cuda"  # elsewhere memory that is not pinned may be reused before it was read
        return self._each(lambda part: part.to(device, non_blocking=apart))

    def pinned(self: M) -> M:
        """Return the record in memory that a GPU copies from without making the host wait."""
        return self._each(lambda part: part.pin_memory())

    def _each(self: M, change: Callable[[Tensor], Tensor]) -> M:
        changed: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                changed[name] = change(value)
            elif isinstance(value, Moving):
                changed[name] = value._each(change)
        return replace(self, **changed)
