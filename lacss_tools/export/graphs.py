"""The network as two ONNX graphs: `maps` (once per image) and `cells` (once per set of locations)."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import jaxtyping
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lacss_tools.errors import InputError
from lacss_tools.export.facts import KEY, Facts
from lacss_tools.network.backbone import DEEPEST_STRIDE, FINE_STRIDE
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.patches import patches_around
from lacss_tools.network.preprocess import BLACK, CEILING, ROOT_GAIN

MOST = 2**16
"""bound that the exporter wants for sizes: images a batch, cells, and multiples of 32 pixels"""


class MapsGraph(nn.Module):
    """Backbone, LPN and the shared part of the segmentation FCN: image -> features, scores, offsets.

    With `root` the image has its 1st and 99.7th percentile at 0 and 1, and clipping and square root are part of the
    graph; without it the image is as `network.working.normalise` leaves it. Height and width: multiples of 32.
    """

    def __init__(self, model: Lacss, root: bool = False) -> None:
        super().__init__()
        self.model, self.root = model, root

    def forward(self, image: Float[Tensor, "b channel y x"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return features (b, y/2, x/2, d), score logits (b, y/8, x/8) and (dy, dx) in pixels (b, y/8, x/8, 2)."""
        if self.root:
            image = torch.sqrt(image.clamp(0.0, CEILING)) * ROOT_GAIN + BLACK
        maps = self.model(image)
        return maps.features, maps.scores, maps.offsets


class CellsGraph(nn.Module):
    """The per-cell part of the segmentation FCN: features, locations, and which image each is in -> logits, origins."""

    def __init__(self, model: Lacss) -> None:
        super().__init__()
        self.segmentor = model.segmentor

    def forward(
        self, features: Float[Tensor, "b y x d"], lois: Float[Tensor, "n 2"], field: Int64[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n p p"], Int64[Tensor, "n 2"]]:
        """Return the logits of each patch and the (y, x) of its first pixel, which may be negative."""
        shape = (features.shape[1] * FINE_STRIDE, features.shape[2] * FINE_STRIDE)
        patches = patches_around(lois, field, shape, self.segmentor.patch_size)
        return self.segmentor.patch_logits(features, lois, patches), patches.origins


def maps_onnx(model: Lacss, facts: Facts, root: bool = False) -> bytes:
    """Return the graph `maps` as an ONNX file."""
    side = DEEPEST_STRIDE
    example = torch.zeros(2, model.settings.channels, 3 * side, 4 * side)
    tall, wide = (side * torch.export.Dim(name, min=1, max=MOST) for name in ("rows", "columns"))
    dynamic = {"image": {0: torch.export.Dim("batch", min=1, max=MOST), 2: tall, 3: wide}}
    names = (["image"], ["features", "scores", "offsets"])
    return _export(MapsGraph(model, root), (example,), dynamic, names, facts)


def cells_onnx(model: Lacss, facts: Facts) -> bytes:
    """Return the graph `cells` as an ONNX file."""
    features = torch.zeros(2, 48, 64, model.settings.head or model.settings.fine)
    example = (features, torch.full((5, 2), 30.0), torch.tensor([0, 1, 0, 1, 1]))
    batch, tall, wide, count = (torch.export.Dim(name, min=1, max=MOST) for name in ("batch", "y2", "x2", "cells"))
    dynamic = {"features": {0: batch, 1: tall, 2: wide}, "lois": {0: count}, "field": {0: count}}
    return _export(CellsGraph(model), example, dynamic, (["features", "lois", "field"], ["logits", "origins"]), facts)


def _export(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    dynamic: dict[str, Any],
    names: tuple[list[str], list[str]],
    facts: Facts,
) -> bytes:
    needed()
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph.eval(),
            example,
            dynamo=True,
            verbose=False,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=dynamic,
        )
    assert program is not None
    proto: Any = program.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(asdict(facts))
    return bytes(proto.SerializeToString())


def needed() -> None:
    """Raise InputError unless the packages of the extra `onnx` are installed."""
    try:
        import onnx
        import onnxruntime
        import onnxscript
        import yaml
    except ImportError as error:
        raise InputError(
            f"Export needs {error.name}. Install its packages: pip install onnx onnxruntime onnxscript pyyaml"
        ) from error
    assert onnx
    assert onnxruntime
    assert onnxscript
    assert yaml


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about its own inside from people, and shape checks from its symbolic sizes."""
    log = logging.getLogger("torch.onnx")
    level, checked = log.level, jaxtyping.config.jaxtyping_disable
    log.setLevel(logging.ERROR)
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        jaxtyping.config.update("jaxtyping_disable", checked)
