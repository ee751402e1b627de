"""Do the ONNX graphs give what torch gives? Compared on images and sets of cells of sizes not seen in the export."""

import numpy as np
import torch
from torch import Tensor, nn

from lacss_tools.errors import LacssError
from lacss_tools.export.graphs import CellsGraph, MapsGraph
from lacss_tools.network.lacss import Lacss

TOLERANCE = 1e-3
"""largest difference, relative to the largest value of an output where that is over 1"""
SHAPES = ((1, 64, 96), (3, 160, 128))
"""batch, height and width of the images"""
COUNTS = (1, 13)
"""cells"""


def compare_maps(onnx: bytes, model: Lacss, root: bool = False) -> float:
    """Return the largest difference of the graph `maps`; LacssError when it is over the tolerance."""
    random = np.random.default_rng(0)
    worst = 0.0
    for batch, height, width in SHAPES:
        size = (batch, model.settings.channels, height, width)
        image = random.normal(0.5, 0.5, size).astype(np.float32)
        worst = max(worst, _difference(onnx, MapsGraph(model, root), {"image": image}))
    return worst


def compare_cells(onnx: bytes, model: Lacss) -> float:
    """Return the largest difference of the graph `cells`; LacssError when it is over the tolerance."""
    random = np.random.default_rng(1)
    worst = 0.0
    for (batch, height, width), count in zip(SHAPES, COUNTS, strict=True):
        image = torch.from_numpy(random.normal(size=(batch, model.settings.channels, height, width)).astype(np.float32))
        with torch.inference_mode():
            features = model(image).features.numpy()
        lois = random.uniform(0, (height, width), (count, 2)).astype(np.float32)
        given = {"features": features, "lois": lois, "field": random.integers(0, batch, count)}
        worst = max(worst, _difference(onnx, CellsGraph(model), given))
    return worst


def run(onnx: bytes, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return what onnxruntime computes on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, given)]


def _difference(onnx: bytes, graph: nn.Module, given: dict[str, np.ndarray]) -> float:
    with torch.inference_mode():
        expected: tuple[Tensor, ...] = graph.eval()(*(torch.from_numpy(value) for value in given.values()))
    worst = max(_relative(a.numpy(), b) for a, b in zip(expected, run(onnx, given), strict=True))
    if not worst <= TOLERANCE:
        raise LacssError(f"The exported graph differs from torch by {worst:g}, more than {TOLERANCE:g}. Nothing kept.")
    return worst


def _relative(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape:
        return float("inf")
    difference = np.abs(expected.astype(np.float64) - found)
    return float(difference.max() / max(1.0, float(np.abs(expected).max())))
