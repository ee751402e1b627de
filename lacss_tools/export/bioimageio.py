"""A model folder as bioimage.io asks for it (model description 0.5): rdf.yaml, test tensors, README.

The description covers the graph `maps`, whose outputs are maps; `cells`, lacss.json and the weights are attached.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from lacss_tools.export.check import run
from lacss_tools.export.facts import Facts
from lacss_tools.export.names import CELLS, FACTS, LICENCE, MAPS, RDF, README, WEIGHTS
from lacss_tools.io.native import atomic, write_text

FORMAT_VERSION = "0.5.4"
PAPER = "Shrestha, Kuang, Yu (2022): cell segmentation from points and image-level masks (LACSS)"
DOI = "10.1101/2022.07.03.498609"
NOBODY = "not named"
SHORTEST_NAME = 5
"""letters that bioimage.io asks for"""
TEST_SIDE, TEST_BLOBS, TEST_NOISE = 128, 12, 0.02
"""of the made-up image that ships with a model: side in pixels, cells, noise beside cells of 0.3 to 1"""
EPSILON = 1e-6
"""what bioimage.io adds to the range that intensities are divided by"""
SPACE = ("y", "x")
SCORES = "scores"
Described = dict[str, Any]
"""a table of rdf.yaml, as bioimage.io specifies it"""


@dataclass(frozen=True)
class About:
    """What people say about a model."""

    name: str
    authors: tuple[str, ...]
    licence: str


def about(name: str, authors: list[str] | None, licence: str | None) -> About:
    """Return it with what is missing left general; characters that names may not hold become blanks."""
    clean = "".join(letter if letter.isalnum() or letter in "+-_ ()" else " " for letter in name).strip()
    named = clean if len(clean) >= SHORTEST_NAME else f"LACSS {clean}".strip()
    return About(named, tuple(authors or (NOBODY,)), licence or LICENCE)


def write_folder(folder: Path, model: Path, facts: Facts, about: About) -> None:
    """Write everything beside the graphs and lacss.json, which are in `folder` already; rdf.yaml comes last."""
    import yaml

    from lacss_tools.network.weights import weights_file

    image = sample_image(facts.channels, facts.cell_diameter)
    tensors = {"image": image} | _outputs(folder, facts, image)
    for name, tensor in tensors.items():
        buffer = io.BytesIO()
        np.save(buffer, tensor)
        _write(folder / _test_file(name), buffer.getvalue())
    _write(folder / WEIGHTS, weights_file(model).read_bytes())
    write_text(folder / README, _readme(facts, about))
    description = _description(folder, facts, about, tensors)
    write_text(folder / RDF, yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=110))


def sample_image(channels: int, diameter: float) -> Float32[np.ndarray, "1 channel y x"]:
    """Return a made-up image of round cells, some of them overlapping, with noise; always the same."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:TEST_SIDE, :TEST_SIDE]
    image = random.normal(0, TEST_NOISE, (1, channels, TEST_SIDE, TEST_SIDE))
    for cy, cx in random.uniform(0, TEST_SIDE, (TEST_BLOBS, 2)):
        image += random.uniform(0.3, 1) / (1 + np.exp(np.hypot(y - cy, x - cx) - diameter / 2))
    return np.round(1000 * (image + 0.1)).astype(np.float32)


def _outputs(folder: Path, facts: Facts, image: Float32[np.ndarray, "1 channel y x"]) -> dict[str, np.ndarray]:
    """Return what the graph gives for an image that is prepared, and then finished, as the description says."""
    low, high = np.percentile(image, facts.normalise.percentiles, axis=(2, 3), keepdims=True)
    ranged = ((image - low) / (high - low + EPSILON)).astype(np.float32)
    features, logits, offsets = run((folder / MAPS).read_bytes(), {"image": ranged})
    return {"features": features, SCORES: 1 / (1 + np.exp(-logits)), "offsets": offsets}


def _description(folder: Path, facts: Facts, about: About, tensors: dict[str, np.ndarray]) -> Described:
    import onnx

    opset = next(entry.version for entry in onnx.load(folder / MAPS).opset_import if entry.domain in ("", "ai.onnx"))
    attached = [{"source": name, "sha256": _sha256(folder / name)} for name in (CELLS, FACTS, WEIGHTS)]
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        "name": about.name,
        "description": "Cell segmentation trained without outlines (LACSS): locations, offsets and features of cells.",
        "authors": [{"name": name} for name in about.authors],
        "license": about.licence,
        "cite": [{"text": PAPER, "doi": DOI}],
        "documentation": README,
        "tags": ["instance-segmentation", "cells", "weak-supervision", "microscopy", "2d"],
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": [_input(folder, facts)],
        "outputs": _outputs_described(folder, facts, tensors["features"].shape[-1]),
        "weights": {"onnx": {"source": MAPS, "sha256": _sha256(folder / MAPS), "opset_version": opset}},
        "attachments": attached,
        "config": {"lacss": json.loads(json.dumps(asdict(facts)))},  # as in lacss.json
    }


def _input(folder: Path, facts: Facts) -> Described:
    low, high = facts.normalise.percentiles
    size = {"min": facts.multiple, "step": facts.multiple}
    names = ["nuclei" if k == facts.nuclei else facts.channel or f"channel{k}" for k in range(facts.channels)]
    return {
        "id": "image",
        "description": f"At the working scale: a typical cell is {facts.cell_diameter:g} pixels across.",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            *({"type": "space", "id": axis, "size": dict(size)} for axis in SPACE),
        ],
        "data": {"type": "float32"},
        "test_tensor": _test_tensor(folder, "image"),
        "preprocessing": [
            {
                "id": "scale_range",
                "kwargs": {"axes": list(SPACE), "min_percentile": low, "max_percentile": high, "eps": EPSILON},
            }
        ],
    }


def _outputs_described(folder: Path, facts: Facts, depth: int) -> list[Described]:
    fine, coarse = facts.fine_stride, facts.coarse_stride
    outputs = (
        ("features", "Input of cells.onnx.", fine, [f"feature{k}" for k in range(depth)]),
        (SCORES, "Whether a cell's location lies near: 0 to 1.", coarse, None),
        ("offsets", "From the centre of each place to that location, in pixels.", coarse, ["dy", "dx"]),
    )
    return [
        {
            "id": name,
            "description": text,
            "axes": [
                {"type": "batch"},
                *(
                    {"type": "space", "id": axis, "scale": stride, "size": {"tensor_id": "image", "axis_id": axis}}
                    for axis in SPACE
                ),
                *([{"type": "channel", "channel_names": channels}] if channels else []),
            ],
            "data": {"type": "float32"},
            "test_tensor": _test_tensor(folder, name),
            **({"postprocessing": [{"id": "sigmoid"}]} if name == SCORES else {}),
        }
        for name, text, stride, channels in outputs
    ]


def _test_tensor(folder: Path, name: str) -> dict[str, str]:
    return {"source": _test_file(name), "sha256": _sha256(folder / _test_file(name))}


def _test_file(name: str) -> str:
    return f"test_{name}.npy"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    with atomic(path) as part:
        part.write_bytes(content)


def _readme(facts: Facts, about: About) -> str:
    low, high = facts.normalise.percentiles
    channel = f" (channel {facts.channel} of the training images)" if facts.channel else ""
    channel += "; the last one holds the nuclei, or zeros where there are none" if facts.nuclei is not None else ""
    return f"""# {about.name}

Segments cells; trained with [LACSS]({"https://doi.org/" + DOI}) on points and image-level masks or on outlines.

- Input: images of {facts.channels} channel(s){channel}, resized so that a typical cell is
  {facts.cell_diameter:g} pixels across (images like those of the training: by {facts.scale:.4g}), each channel
  scaled so that its percentiles {low:g} and {high:g} become 0 and 1, continued by 0 to multiples of
  {facts.multiple} pixels.
- `{MAPS}`: image -> features, score logits, offsets. `{CELLS}`: features and locations -> logits of a patch of
  {facts.patch_size} x {facts.patch_size} pixels for each cell, and where it begins.
- `{FACTS}`: every number that is needed to go from these to cells. `{WEIGHTS}`: the weights, for `lacss predict`.
- Made by: {", ".join(about.authors)}. Licence: {about.licence}.

## Validation

Compare with outlined images of your own: `lacss eval {WEIGHTS} --images DIR --labels DIR`.
"""
