"""Looks at a model while it trains: AP on labelled fields, and pictures of them."""

import numpy as np

from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.predict.predictor import Predictor
from lacss_tools.screen.draw import ORANGE, RGB, SKY, draw_outlines, shrink, to_rgb
from lacss_tools.train.folders import LabelledImage

SHOWN_FIELDS = 3
SHOWN_SCORE = 0.4
"""of a cell in a picture; those under it serve AP alone"""
LARGEST_SIDE = 1024
"""pixels; larger fields are shown smaller"""


def find_all(predictor: Predictor, fields: list[LabelledImage]) -> list[Cells]:
    """Return the cells that the model finds in each field."""
    return [predictor(field.image) for field in fields]


def scores(found: list[Cells], fields: list[LabelledImage]) -> dict[str, float]:
    """Return AP50, AP75 and mAP (the paper's AP, pooled), or nothing without fields."""
    if not fields:
        return {}
    result = evaluate([(cells, field.truth) for cells, field in zip(found, fields, strict=True)])
    return {"val_ap50": float(result.ap50 or 0), "val_ap75": float(result.ap75 or 0), "val_map": float(result.map or 0)}


def picture(field: LabelledImage, found: Cells) -> RGB:
    """Return the field with its true outlines (sky blue) under those that the model found (orange)."""
    rgb = to_rgb(field.image)
    rgb = draw_outlines(rgb, cells_to_labels(field.truth), SKY)
    likely = found.select(np.flatnonzero(found.scores >= SHOWN_SCORE))
    rgb = draw_outlines(rgb, cells_to_labels(likely), ORANGE)
    step = int(np.ceil(max(rgb.shape[:2]) / LARGEST_SIDE))
    return shrink(rgb, step) if step > 1 else rgb
