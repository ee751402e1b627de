"""The evaluation page: numbers, curves, errors and pictures of one or several models. One file, nothing loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from lacss_tools.arrays import Image
from lacss_tools.evaluate.figures import ap_and_fnr, f1_and_pq, precision_recall_and_cut, reliability_and_sizes
from lacss_tools.evaluate.gallery import BUDGET, KEY, errors_picture, row_of, truth_picture, worst_and_best
from lacss_tools.metrics.locations import DISTANCES
from lacss_tools.metrics.metrics import THRESHOLDS, Evaluation, Matched
from lacss_tools.metrics.strata import by_size, reliability
from lacss_tools.screen import page
from lacss_tools.screen.draw import GREEN

SHOWN = 4
"""worst images, and best images, in the gallery"""
MOST_MODELS_SHOWN = 3
"""side by side in the gallery; the tables have all"""


@dataclass(frozen=True)
class EvaluatedModel:
    """One model: its name, every image compared, the numbers, their intervals, and the numbers of each group."""

    name: str
    matched: list[Matched]
    result: Evaluation
    intervals: dict[str, list[float] | None]
    groups: dict[str, Evaluation]


LINES: tuple[tuple[str, str, Callable[[Evaluation], float | None]], ...] = (
    ("AP50 (paper)", "ap50", lambda r: r.ap50),
    ("AP75 (paper)", "ap75", lambda r: r.ap75),
    ("mAP (paper)", "map", lambda r: r.map),
    ("AP50 (COCO)", "", lambda r: r.ap50_coco),
    ("AP75 (COCO)", "", lambda r: r.ap75_coco),
    ("mAP (COCO)", "", lambda r: r.map_coco),
    ("score cut", "", lambda r: r.score_cut),
    ("accuracy, IoU 0.5", "accuracy50", lambda r: r.accuracy50),
    ("accuracy, mean of images", "", lambda r: r.accuracy50_images),
    ("F1, IoU 0.5", "f1_50", lambda r: r.rates.f1[0]),
    ("precision, IoU 0.5", "", lambda r: r.rates.precision[0]),
    ("recall, IoU 0.5", "", lambda r: r.rates.recall[0]),
    ("FNR, IoU 0.5", "fnr50", lambda r: r.fnr50),
    ("AFNR", "", lambda r: r.afnr),
    ("PQ, IoU 0.5", "", lambda r: r.rates.pq[0]),
    ("SQ (mean IoU of found cells)", "", lambda r: r.rates.sq[0]),
    ("SEG", "", lambda r: r.rates.seg),
    ("AJI+", "", lambda r: r.rates.aji_plus),
    ("boundary F, 2 px", "", lambda r: r.rates.boundary_f),
    ("count error", "", lambda r: r.rates.count_error),
    ("LOI precision, 10 px", "", lambda r: r.rates.loi_precision[DISTANCES.index(10)]),
    ("LOI recall, 10 px", "", lambda r: r.rates.loi_recall[DISTANCES.index(10)]),
)
"""what tables show: name, its key among the intervals, and where it is"""


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
            ("true cells / detections", f"{result.n_truth}/{result.n_detections}"),
        ]
    )


def shown_images(models: list[EvaluatedModel]) -> tuple[list[int], list[int]]:
    """Return the images for the gallery: the worst and the best of the first model by accuracy at IoU 0.5."""
    return worst_and_best([line.accuracy50 for line in models[0].result.images], SHOWN)


def report(title: str, models: list[EvaluatedModel], names: list[str], images: dict[int, Image | None]) -> str:
    """Return the whole page; `names` are the images, `images` those of `shown_images`."""
    first = models[0].result
    body = f"<h1>{escape(title)}</h1>{_explanation(first)}"
    if len(models) == 1:
        body += headline(first)
    body += "<h2>Numbers</h2>" + _numbers(models)
    body += _curves(models)
    body += _sizes(models)
    body += _groups(models)
    body += _gallery(models, names, images)
    for model in models:
        body += f"<h2>Counts per image at IoU 0.5: {escape(model.name)}</h2>" + _per_image(model, names)
    for model in models:
        body += f"<h2>Per IoU threshold: {escape(model.name)}</h2>" + _per_threshold(model.result)
    return page.page(title, body)


def _explanation(result: Evaluation) -> str:
    return (
        f"<p>{result.n_images} images. A detection is right when it shares enough area with a true cell: intersection "
        "over union (IoU) at least 0.5 for AP50, 0.75 for AP75. 1 is best for AP, 0 for missed cells.</p>"
        "<p class='soft'>AP is the paper's: the detections of all images pooled and ranked by score, no interpolation. "
        "AP (COCO) samples the precision envelope at 101 recalls, without a cap on detections. What other tools call "
        "average precision, TP / (TP + FP + FN), is accuracy here. Rates, counts and pictures use detections with a "
        "score of at least the score cut; unless one was given, it is the cut with the highest F1 at IoU 0.5. Numbers "
        "in brackets: 95 % of redraws of the images (bootstrap).</p>"
    )


def _numbers(models: list[EvaluatedModel]) -> str:
    rows = []
    for name, key, value in LINES:
        cells = [show(value(model.result)) + show_interval(model.intervals.get(key)) for model in models]
        rows.append([name, *cells])
    rows.append(["detections / true cells", *(f"{m.result.n_detections} / {m.result.n_truth}" for m in models)])
    return page.table(["", *(model.name for model in models)], rows)


def show_interval(ends: list[float] | None) -> str:
    """Return the ends of an interval in brackets, nothing when it is undefined."""
    return "" if ends is None else f" ({ends[0]:.3f}–{ends[1]:.3f})"


def _curves(models: list[EvaluatedModel]) -> str:
    results = {model.name: model.result for model in models}
    matched = {model.name: model.matched for model in models}
    cuts = {model.name: model.result.score_cut for model in models}
    lines = "".join(
        f"<li>{escape(m.name)}: cut {show(m.result.score_cut)}, F1 {show(m.result.rates.f1[0])}</li>" for m in models
    )
    return (
        "<h2>Curves</h2>"
        + page.plot(ap_and_fnr(results), "AP and FNR over the IoU threshold (as the paper's figures 3b and 4).")
        + page.plot(f1_and_pq(results), "F1, accuracy and panoptic quality over the IoU threshold.")
        + page.plot(
            precision_recall_and_cut(matched, cuts),
            "Left: precision and recall as the score cut falls (full line IoU 0.5, dashed 0.75). Right: choice of the "
            "score cut, the one in use as a dot.",
        )
        + f"<ul class='soft'>{lines}</ul>"
    )


def _sizes(models: list[EvaluatedModel]) -> str:
    sizes = {model.name: by_size(model.matched, model.result.score_cut) for model in models}
    reliable = {model.name: reliability(model.matched) for model in models}
    header = ["model", "area (px)", "true cells", "missed", "detections", "false", "FNR", "false fraction"]
    rows = [
        [name, f"{line.low:.0f}–{line.high:.0f}", str(line.n_truth), str(line.missed), str(line.n_detections),
         str(line.false), show(line.fnr), show(line.fdr)]
        for name, lines in sizes.items() for line in lines
    ]  # fmt: skip
    errors = ", ".join(f"{escape(name)} {show(line.error)}" for name, line in reliable.items())
    caption = f"Left: do scores tell the truth? Expected calibration error: {errors}. Right: errors by size."
    return (
        "<h2>Scores and sizes</h2>"
        + page.plot(reliability_and_sizes(reliable, sizes), caption)
        + page.table(header, rows)
    )


def _groups(models: list[EvaluatedModel]) -> str:
    if not models[0].groups:
        return ""
    header = ["group", "model", "images", "true cells", "AP50", "AP75", "mAP", "F1", "FNR50", "AFNR", "AJI+"]
    rows = []
    for group in models[0].groups:
        for model in models:
            r = model.groups[group]
            numbers = (r.ap50, r.ap75, r.map, r.rates.f1[0], r.fnr50, r.afnr, r.rates.aji_plus)
            rows.append([group, model.name, str(r.n_images), str(r.n_truth), *map(show, numbers)])
    return "<h2>Groups</h2>" + page.table(header, rows)


def _gallery(models: list[EvaluatedModel], names: list[str], images: dict[int, Image | None]) -> str:
    worst, best = shown_images(models)
    budget = BUDGET // max(len(worst) + len(best), 1)
    out = "<h2>Images</h2>"
    for kind, chosen in (("Worst", worst), ("Best", best)):
        out += f"<h3>{kind} by accuracy of {escape(models[0].name)}</h3>" if chosen else ""
        for k in chosen:
            pictures = [(page.key(GREEN, "truth"), truth_picture(images[k], models[0].matched[k].truth))]
            for model in models[:MOST_MODELS_SHOWN]:
                caption = (f"{escape(model.name)}, " if len(models) > 1 else "") + KEY
                pictures.append((caption, errors_picture(images[k], model.matched[k], model.result.score_cut)))
            out += row_of(names[k], pictures, budget)
    return out


def _per_image(model: EvaluatedModel, names: list[str]) -> str:
    header = ["image", "true cells", "detections", "found", "false", "missed", "AP50", "accuracy", "PQ", "AJI+"]
    rows = [
        [name, *map(str, (line.n_truth, line.n_detections, line.tp, line.fp, line.fn)),
         *map(show, (line.ap50, line.accuracy50, line.pq50, line.aji_plus))]
        for name, line in zip(names, model.result.images, strict=True)
    ]  # fmt: skip
    return page.table(header, rows)


def _per_threshold(result: Evaluation) -> str:
    rates = result.rates
    columns = (result.ap, result.ap_coco, result.fnr, rates.accuracy, rates.precision, rates.recall, rates.f1, rates.pq)
    rows = [[f"{t:.2f}", *map(show, values)] for t, *values in zip(THRESHOLDS, *columns, strict=True)]
    return page.table(["IoU", "AP", "AP (COCO)", "FNR", "accuracy", "precision", "recall", "F1", "PQ"], rows)
