"""Work of fixed shapes on a CUDA device, recorded once and replayed in one launch (CUDA graphs).

A training step of a small network is two thousand kernels of microseconds each, and the host that starts them one by
one takes longer than they do. What is recorded reads and writes the same memory every time.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

WARM_UP = 2
"""calls before the recording, in which libraries choose their algorithms and take their memory"""

Function = Callable[[list[Tensor]], list[Tensor]]
Record = Callable[[Hashable, Function, list[Tensor]], list[Tensor]]
"""what calls a function by its key, as a `Recorder` does"""


@dataclass(frozen=True)
class _Recording:
    graph: Any
    inputs: list[Tensor]
    outputs: list[Tensor]


class Recorder:
    """Functions of tensors that also change others in place, recorded when first called, one for each key.

    `changing` returns the tensors that they change. Some may come into being in the first call; then they are zero
    before it.
    """

    def __init__(self, changing: Callable[[], list[Tensor]]) -> None:
        self.changing = changing
        self.recordings: dict[Hashable, _Recording] = {}
        self.place: tuple[Any, Any] | None = None
        """the stream and the memory that all recordings use, one after another"""

    def __call__(self, key: Hashable, function: Function, inputs: list[Tensor]) -> list[Tensor]:
        """Return the results of the function of this key, which the next call of any key overwrites.

        The shapes of the inputs are those of the first call. Other threads may go on meanwhile.
        """
        if key not in self.recordings:
            self.recordings[key] = self._record(function, [tensor.clone() for tensor in inputs])
        recording = self.recordings[key]
        torch._foreach_copy_(recording.inputs, inputs)
        recording.graph.replay()
        return recording.outputs

    def _record(self, function: Function, inputs: list[Tensor]) -> _Recording:
        device = inputs[0].device
        if self.place is None:
            self.place = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call]
        stream, pool = self.place
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            try_out(function, inputs, self.changing)
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            outputs = function(inputs)
        return _Recording(graph, inputs, outputs)


def try_out(function: Function, inputs: list[Tensor], changing: Callable[[], list[Tensor]]) -> None:
    """Call a function some times and put back what it changed."""
    before = {id(tensor): (tensor, tensor.clone()) for tensor in changing()}
    for _ in range(WARM_UP):
        function(inputs)
    with torch.no_grad():
        for tensor in changing():
            if id(tensor) in before:
                tensor.copy_(before[id(tensor)][1])
            else:
                tensor.zero_()
