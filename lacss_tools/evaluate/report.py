"""The evaluation page: numbers, curves, and predictions beside the truth."""

import numpy as np

from lacss_tools import page
from lacss_tools.arrays import Image
from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.draw import GREEN, RGB, SKY, VERMILLION, YELLOW, draw_outlines, enlarge, to_rgb
from lacss_tools.evaluate.figures import ap_and_fnr
from lacss_tools.evaluate.metrics import THRESHOLDS, Evaluation, iou_matrix, match

MOST_FIELDS = 24
LARGE = 700
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
    """Return two pictures: the truth in green, and the detections with false and missed cells in their own colours."""
    rgb = to_rgb(image)
    kept = detections.select(np.flatnonzero(detections.scores >= score_cut))
    iou = iou_matrix(kept, truth)
    true = match(iou, kept.scores, THRESHOLDS[0])
    missed = iou.max(axis=0, initial=0) < THRESHOLDS[0]
    found = draw_outlines(rgb, cells_to_labels(truth.select(np.flatnonzero(missed))), YELLOW)
    found = draw_outlines(found, cells_to_labels(kept.select(np.flatnonzero(~true))), VERMILLION)
    found = draw_outlines(found, cells_to_labels(kept.select(np.flatnonzero(true))), SKY)
    factor = 2 if max(rgb.shape) < LARGE / 2 else 1
    return enlarge(draw_outlines(rgb, cells_to_labels(truth), GREEN), factor), enlarge(found, factor)


def gallery(fields: list[tuple[str, Image, Cells, Cells]], score_cut: float) -> str:
    """Return truth and detections side by side for each (name, image, detections, truth)."""
    figures = []
    for name, image, detections, truth in fields[:MOST_FIELDS]:
        left, right = compare(image, detections, truth, score_cut)
        figures += [page.picture(left, f"{name}: {page.key(GREEN, 'truth')}"), page.picture(right, f"{name}: {KEY}")]
    return page.row(figures, "26rem")


def report(title: str, result: Evaluation, names: list[str], fields: list[tuple[str, Image, Cells, Cells]]) -> str:
    """Return the whole page for one model or set of predictions."""
    rows = [
        [name, *map(str, (line.n_truth, line.n_detections, line.tp, line.fp, line.fn))]
        for name, line in zip(names, result.images, strict=True)
    ]
    curves = [[f"{t:.2f}", show(ap), show(fnr)] for t, ap, fnr in zip(THRESHOLDS, result.ap, result.fnr, strict=True)]
    body = f"<h1>{title}</h1><p class='soft'>{result.n_images} images. AP is the paper's: all detections pooled and "
    body += "ranked by score, masks compared, no interpolation. FNR, counts and pictures use the detections with a "
    body += f"score of at least {result.score_cut:.3f}.</p>{headline(result)}"
    body += page.plot(ap_and_fnr({title: result}), "AP and FNR over the IoU threshold (as the paper's figure 3b).")
    body += "<h2>Fields</h2>" + gallery(fields, result.score_cut)
    body += "<h2>Counts per image at IoU 0.5</h2>"
    body += page.table(["image", "true cells", "detections", "found", "false", "missed"], rows)
    body += "<h2>Per IoU threshold</h2>" + page.table(["IoU", "AP", "FNR"], curves)
    return page.page(title, body)
