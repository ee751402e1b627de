"""A measured image as text and back: how parallel workers hand over their results."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from lacss_tools.annotate.check.findings import MeasuredImage
from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts
from lacss_tools.annotate.check.related import Relation

FLAGS = ("beyond", "one_nucleus", "outside")
NUMBERS = ("points", "response", "nearest", "dapi", "diameter", "stain")


def to_text(image: MeasuredImage) -> str:
    """Return the image as JSON; infinite distances become the word Infinity, which only `from_text` must read."""
    return json.dumps(asdict(image), default=lambda array: array.tolist())


def from_text(text: str) -> MeasuredImage:
    """Return the image that `to_text` wrote."""
    stored = json.loads(text)
    lois, mask, shape, relation = (stored[name] for name in ("lois", "mask", "shape", "relation"))
    return MeasuredImage(
        stem=stored["stem"],
        shape=None if shape is None else (shape[0], shape[1]),
        lois=None if lois is None else LoiFacts(**_arrays(lois)),
        mask=None if mask is None else MaskFacts(**_arrays(mask)),
        source=stored["source"],
        relation=None if relation is None else Relation(**relation | {"lois_mask": tuple(relation["lois_mask"])}),
    )


def _arrays(stored: dict[str, Any]) -> dict[str, Any]:
    out = dict(stored)
    for name, value in stored.items():
        if name in FLAGS and value is not None:
            out[name] = np.array(value, dtype=bool)
        elif name in NUMBERS and value is not None:
            out[name] = np.array(value, dtype=np.float64).reshape((-1, 2) if name == "points" else -1)
    return out
