"""Validation while a model trains: AP on labelled images, and pictures of them."""

import numpy as np

from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.predict.predictor import Predictor
from lacss_tools.screen.draw import ORANGE, RGB, SKY, draw_outlines, shrink, to_rgb
from lacss_tools.train.history import Scores
from lacss_tools.train.labelled import LabelledImage

SHOWN_IMAGES = 3
SHOWN_SCORE = 0.4
"""of a cell in a picture; those under it serve AP alone"""
LARGEST_SIDE = 1024
"""pixels; larger images are shown smaller"""


def find_all(predictor: Predictor, images: list[LabelledImage]) -> list[Cells]:
    """Return the cells that the model finds in each image."""
    return [predictor(image.pixels) for image in images]


def scores(found: list[Cells], images: list[LabelledImage]) -> Scores | None:
    """Return AP50, AP75 and mAP; None without images."""
    if not images:
        return None
    result = evaluate([(cells, image.truth) for cells, image in zip(found, images, strict=True)])
    return Scores(float(result.ap50 or 0), float(result.ap75 or 0), float(result.map or 0))


def picture(image: LabelledImage, found: Cells) -> RGB:
    """Return the image with its true outlines (sky blue) under those of the cells that the model found (orange)."""
    rgb = to_rgb(image.pixels)
    rgb = draw_outlines(rgb, cells_to_labels(image.truth), SKY)
    likely = found.select(np.flatnonzero(found.scores >= SHOWN_SCORE))
    rgb = draw_outlines(rgb, cells_to_labels(likely), ORANGE)
    step = int(np.ceil(max(rgb.shape[:2]) / LARGEST_SIDE))
    return shrink(rgb, step) if step > 1 else rgb
