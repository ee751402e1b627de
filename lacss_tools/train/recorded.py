"""Work of fixed shapes on a CUDA device, recorded once and replayed in one launch (CUDA graphs).

A small network at a small batch is hundreds of kernels of microseconds each, and the host that starts them one by one
takes longer than they do. What is recorded reads and writes the same memory every time: results hold until the next
call. Work whose shapes change from step to step, which is all that is done per cell, stays as it is.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lacss_tools.network.device import autocast
from lacss_tools.network.lacss import Lacss, Maps

WARM_UP = 3
"""calls before the recording, in which libraries choose their algorithms and take their memory"""


class _Pass(nn.Module):
    """The pass over images, with tensors in place of a record."""

    def __init__(self, model: Lacss) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps: Maps = self.model(image)
        return maps.features, maps.scores, maps.offsets


def recorded_pass(model: Lacss, shape: tuple[int, int, int, int], device: torch.device) -> Callable[[Tensor], Maps]:
    """Return the pass of `model` over images of `shape`, forwards and backwards, recorded with its present memory.

    The weights may change in place. No other thread may take pinned memory meanwhile.
    """
    image = torch.zeros(shape, device=device)
    with autocast(device, keep=False):
        graph = torch.cuda.make_graphed_callables(_Pass(model), (image,), allow_unused_input=True)
    return lambda image: Maps(*graph(image))  # type: ignore[misc]


class Recorded:
    """A function from tensors to tensors, of fixed shapes, without gradients; recorded when first called."""

    def __init__(self, function: Callable[[list[Tensor]], list[Tensor]]) -> None:
        self.function = function
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """Return the results, which the next call overwrites."""
        if self.graph is None:
            self.inputs = [tensor.clone() for tensor in inputs]
            self._record(self.inputs[0].device)
        assert self.graph is not None
        torch._foreach_copy_(self.inputs, inputs)
        self.graph.replay()
        return self.outputs

    def _record(self, device: torch.device) -> None:
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self.function(self.inputs)
        torch.cuda.current_stream(device).wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        # threads that draw batches go on meanwhile
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.outputs = self.function(self.inputs)
