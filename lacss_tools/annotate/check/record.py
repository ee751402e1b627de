"""A measured image as text and back: how parallel workers hand over their results."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from lacss_tools.annotate.check.judge import MeasuredImage
from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts

FLAGS = ("beyond", "one_nucleus", "outside")


def to_text(image: MeasuredImage) -> str:
    """Return the image as JSON; infinite distances become the word Infinity, which only `from_text` must read."""
    return json.dumps(asdict(image), default=lambda array: array.tolist())


def from_text(text: str) -> MeasuredImage:
    """Return the image that `to_text` wrote."""
    stored = json.loads(text)
    lois, mask, shape = stored["lois"], stored["mask"], stored["shape"]
    return MeasuredImage(
        stem=stored["stem"],
        shape=None if shape is None else (shape[0], shape[1]),
        lois=None if lois is None else LoiFacts(**_arrays(lois)),
        mask=None if mask is None else MaskFacts(**_arrays(mask)),
        source=stored["source"],
    )


def _arrays(stored: dict[str, Any]) -> dict[str, Any]:
    out = dict(stored)
    for name, value in stored.items():
        if name in FLAGS and value is not None:
            out[name] = np.array(value, dtype=bool)
        elif name in ("points", "response", "nearest", "dapi") and value is not None:
            out[name] = np.array(value, dtype=np.float64).reshape((-1, 2) if name == "points" else -1)
    return out
