"""Pictures for the report: the true cells and, for each model, what was found, missed and false."""

from html import escape

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.metrics.metrics import NOBODY, Matched
from lacss_tools.screen import page
from lacss_tools.screen.draw import (
    GREEN,
    RGB,
    SKY,
    VERMILLION,
    YELLOW,
    Colour,
    background,
    draw_outlines,
    enlarge,
    shrink,
)

SMALL, LARGE = 350, 1000
"""a picture is doubled when its longer side is below SMALL, and shrunk to at most LARGE pixels"""
QUALITIES = (88, 75, 60, 40)
"""of JPEG pictures: the best at which a picture fits into its part of the budget"""
BUDGET = 6_000_000
"""characters of all pictures of a page together"""
KEY = ", ".join((page.key(SKY, "found (IoU at least 0.5)"), page.key(VERMILLION, "false"), page.key(YELLOW, "missed")))


def truth_picture(image: Image | None, truth: Cells) -> RGB:
    """Return the image with the true outlines; black where there is no image."""
    return _outlined(background(image, truth.shape), [(truth, GREEN)])


def errors_picture(image: Image | None, matched: Matched, cut: float) -> RGB:
    """Return the image with found, missed and false cells (IoU 0.5, scores from `cut` on) in their own colours."""
    keep = np.flatnonzero(matched.detections.scores >= cut)
    kept, partners = matched.detections.select(keep), matched.partners[0][keep]
    missed = np.setdiff1d(np.arange(len(matched.truth)), partners)
    found, false = np.flatnonzero(partners != NOBODY), np.flatnonzero(partners == NOBODY)
    # the errors come last, so that nothing hides them
    layers = [(kept.select(found), SKY), (matched.truth.select(missed), YELLOW), (kept.select(false), VERMILLION)]
    return _outlined(background(image, matched.truth.shape), layers)


def _outlined(rgb: RGB, layers: list[tuple[Cells, Colour]]) -> RGB:
    step = -(-max(rgb.shape) // LARGE)
    factor = 2 if max(rgb.shape) < SMALL else 1
    out = enlarge(shrink(rgb, step), factor)
    for cells, colour in layers:
        labels = cells_to_labels(cells)[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)
        out = draw_outlines(out, labels[: out.shape[0], : out.shape[1]], colour, thick=True)
    return out


def worst_and_best(accuracy: list[float | None], each: int) -> tuple[list[int], list[int]]:
    """Return the indices of the `each` worst and best images, worst and best first; undefined ones are left out.

    >>> worst_and_best([0.5, None, 0.1, 0.9], 2)
    ([2], [3, 0])
    """
    order = sorted((value, k) for k, value in enumerate(accuracy) if value is not None)
    ranked = [k for _, k in order]
    half = min(each, len(ranked) // 2)
    worst = ranked[:half]
    best = ranked[max(half, len(ranked) - each) :][::-1]
    return worst, best


def row_of(name: str, pictures: list[tuple[str, RGB]], budget: int) -> str:
    """Return one image as a row of (caption, picture); `budget` is the number of characters it may take."""
    each = budget // max(len(pictures), 1)
    return page.row([_within(f"{escape(name)}: {caption}", pixels, each) for caption, pixels in pictures], "18rem")


def _within(caption: str, pixels: RGB, budget: int) -> str:
    """Return the picture, coarser and then smaller until it fits."""
    while True:
        for quality in QUALITIES:
            figure = page.picture(pixels, caption, quality=quality)
            if len(figure) <= budget:
                return figure
        if min(pixels.shape[:2]) < 64:
            return figure
        pixels = shrink(pixels, 2)
