"""Memory that several processes of one machine share: files that all of them map.

Containers often have little of the system's own shared memory, and running out of it there kills a process. A file is
written first, so that a full disk is an error like any other.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lacss_tools.train.crops import TrainingImage


@dataclass(frozen=True)
class Shared:
    """Tensors of float32 in a file."""

    path: Path
    shapes: tuple[torch.Size, ...]

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the tensors; what one process writes into them, all processes read."""
        sizes = [shape.numel() for shape in self.shapes]
        values = torch.from_file(str(self.path), shared=True, size=sum(sizes))
        return tuple(piece.view(shape) for piece, shape in zip(torch.split(values, sizes), self.shapes, strict=True))


def share(path: Path, tensors: list[Tensor]) -> Shared:
    """Write tensors of float32 to a new file."""
    with path.open("wb") as file:
        for tensor in tensors:
            file.write(tensor.contiguous().numpy().tobytes())
    return Shared(path, tuple(tensor.shape for tensor in tensors))


@dataclass(frozen=True)
class SharedImages:
    """Training images in a file."""

    parts: Shared
    flags: tuple[tuple[bool, bool], ...]
    """of each image, whether it is outlined and whether it has nuclei"""

    def images(self) -> list[TrainingImage]:
        """Return the images; crops of them are made of what is in the file, without a copy."""
        parts = iter(self.parts.tensors())
        found = []
        for (outlined, nuclei), above, truth, lois, own in zip(self.flags, *[parts] * 4, strict=True):
            mask, labels, *doubt = truth
            whole = TrainingImage(above, mask, labels, lois, own, outlined, doubt[0] if doubt else None, nuclei)
            found.append(_read_from(whole, above, truth))
        return found


def share_images(path: Path, images: list[TrainingImage]) -> SharedImages:
    """Write images to a new file, from which crops of them are made in this process too."""
    flags = tuple((whole.outlined, whole.nuclei) for whole in images)
    parts = share(path, [part for whole in images for part in (whole.above_black, whole.truth, whole.lois, whole.own)])
    tensors = parts.tensors()
    for whole, above, truth in zip(images, tensors[::4], tensors[1::4], strict=True):
        _read_from(whole, above, truth)
    return SharedImages(parts, flags)


def _read_from(whole: TrainingImage, above: Tensor, truth: Tensor) -> TrainingImage:
    vars(whole).update(above_black=above, truth=truth)  # in place of what would be computed
    return whole
