"""The evaluation page: numbers, curves, and predictions beside the truth."""

from html import escape

import numpy as np

from lacss_tools import page
from lacss_tools.arrays import Image
from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.draw import GREEN, RGB, SKY, VERMILLION, YELLOW, Colour, draw_outlines, enlarge, shrink, to_rgb
from lacss_tools.evaluate.figures import ap_and_fnr
from lacss_tools.evaluate.metrics import NOBODY, THRESHOLDS, Evaluation, iou_matrix, match

MOST_FIELDS = 24
SMALL, LARGE = 350, 1200
"""a picture is doubled when its longer side is below SMALL, and shrunk to at most LARGE pixels"""
QUALITY = 90
KEY = ", ".join((page.key(SKY, "found (IoU at least 0.5)"), page.key(VERMILLION, "false"), page.key(YELLOW, "missed")))


def show(value: float | None) -> str:
    """Return a number with three digits, or a dash when it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def headline(result: Evaluation) -> str:
    """Return the main numbers as HTML."""
    return page.numbers(
        [
            ("AP50", show(result.ap50)),
            ("AP75", show(result.ap75)),
            ("mAP (0.50 to 0.95)", show(result.map)),
            ("cells missed at IoU 0.5 (FNR)", show(result.fnr50)),
            ("mean FNR (AFNR)", show(result.afnr)),
            ("true cells / detections", f"{result.n_truth} / {result.n_detections}"),
        ]
    )


def compare(image: Image, detections: Cells, truth: Cells, score_cut: float) -> tuple[RGB, RGB]:
    """Return two pictures: the truth, and the detections with found, missed and false cells in their own colours."""
    kept = detections.select(np.flatnonzero(detections.scores >= score_cut))
    partners = match(iou_matrix(kept, truth), kept.scores, THRESHOLDS[0])
    missed = np.setdiff1d(np.arange(len(truth)), partners)
    found, false = np.flatnonzero(partners != NOBODY), np.flatnonzero(partners == NOBODY)
    # the errors come last, so that nothing hides them
    layers = [(kept.select(found), SKY), (truth.select(missed), YELLOW), (kept.select(false), VERMILLION)]
    rgb = to_rgb(image)
    return _outlined(rgb, [(truth, GREEN)]), _outlined(rgb, layers)


def _outlined(rgb: RGB, layers: list[tuple[Cells, Colour]]) -> RGB:
    step = -(-max(rgb.shape) // LARGE)
    factor = 2 if max(rgb.shape) < SMALL else 1
    out = enlarge(shrink(rgb, step), factor)
    for cells, colour in layers:
        labels = cells_to_labels(cells)[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)
        out = draw_outlines(out, labels[: out.shape[0], : out.shape[1]], colour, thick=True)
    return out


def gallery(fields: list[tuple[str, Image, Cells, Cells]], score_cut: float) -> str:
    """Return truth and detections side by side for each (name, image, detections, truth)."""
    figures = []
    for name, image, detections, truth in fields[:MOST_FIELDS]:
        left, right = compare(image, detections, truth, score_cut)
        figures.append(page.picture(left, f"{escape(name)}: {page.key(GREEN, 'truth')}", quality=QUALITY))
        figures.append(page.picture(right, f"{escape(name)}: {KEY}", quality=QUALITY))
    note = f"<p class='soft'>The first {MOST_FIELDS} of {len(fields)} fields.</p>" if len(fields) > MOST_FIELDS else ""
    return note + page.row(figures, "26rem")


def report(title: str, result: Evaluation, names: list[str], fields: list[tuple[str, Image, Cells, Cells]]) -> str:
    """Return the whole page for one model or set of predictions."""
    rows = [
        [name, *map(str, (line.n_truth, line.n_detections, line.tp, line.fp, line.fn)), show(line.ap50)]
        for name, line in zip(names, result.images, strict=True)
    ]
    curves = [[f"{t:.2f}", show(ap), show(fnr)] for t, ap, fnr in zip(THRESHOLDS, result.ap, result.fnr, strict=True)]
    body = f"<h1>{escape(title)}</h1>{_explanation(result)}{headline(result)}"
    body += page.plot(ap_and_fnr({title: result}), "AP and FNR over the IoU threshold (as the paper's figure 3b).")
    body += "<h2>Fields</h2>" + gallery(fields, result.score_cut)
    body += "<h2>Counts per image at IoU 0.5</h2>"
    body += page.table(["image", "true cells", "detections", "found", "false", "missed", "AP50"], rows)
    body += "<h2>Per IoU threshold</h2>" + page.table(["IoU", "AP", "FNR"], curves)
    return page.page(title, body)


def _explanation(result: Evaluation) -> str:
    return (
        f"<p>{result.n_images} images. A detection is right when it shares enough area with a true cell: intersection "
        "over union (IoU) at least 0.5 for AP50, 0.75 for AP75. 1 is best for AP, 0 for missed cells.</p>"
        "<p class='soft'>AP is the paper's: the detections of all images pooled and ranked by score, no interpolation. "
        f"FNR, counts and pictures use detections with a score of at least {result.score_cut:.3f}. What other tools "
        f"call average precision, TP / (TP + FP + FN) at IoU 0.5, is {show(result.accuracy50)} here.</p>"
    )
