"""The page of the check: what to do, the set in numbers and pictures, the worst images, all images. No algorithm."""

import re
from dataclasses import dataclass
from html import escape

import numpy as np

from lacss_tools.annotate.check.advice import Advice
from lacss_tools.annotate.check.closeup import DOTS, CloseUp, draw_lois
from lacss_tools.annotate.check.figures import histograms
from lacss_tools.annotate.check.findings import JudgedImage
from lacss_tools.annotate.check.learned import GIANT
from lacss_tools.annotate.check.overview import Overview
from lacss_tools.arrays import Image, Mask, Plane
from lacss_tools.io.stems import first_of
from lacss_tools.screen import page
from lacss_tools.screen.draw import RGB, SKY, draw_outlines, enlarge, shrink, to_rgb

TITLE = "Check of LOIs and masks"
SMALL, LARGE = 300, 640
"""a picture is doubled when its longer side is below SMALL, and shrunk to at most LARGE pixels"""
QUALITY = 78
"""of the JPEG pictures, out of 100"""
MOST_CLOSE = 12
"""close-ups"""
MOST_ROWS = 2000
"""rows of the table of all images; check.json has them all"""
DOT, RIM = 5, 7
"""radius in pixels of a LOI and of the dark disc under it"""
COMMAND = re.compile(r"lacss (?:annotate-lois|graphcut|pick|train)(?: --[a-z-]+(?: \d+| masks(?= --))?)*|--[a-z-]+")
HEADER = ["image", "LOIs", "nearest (px)", "doubles", "off mask", "mask %", "without LOI %", "px per LOI", "mask from"]
SORT = """<style>.sortable :is(th, td):last-child { text-align: left; }</style>
<script>
for (const table of document.querySelectorAll(".sortable table"))
  table.querySelectorAll("th").forEach((head, column) => {
    head.style.cursor = "pointer"; head.title = "sort"; let down = false;
    head.onclick = () => {
      const value = row => { const text = row.cells[column].textContent, n = parseFloat(text);
        return isNaN(n) || column == 0 ? text : n; };
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const x = value(a), y = value(b), bothText = typeof x == "string" && typeof y == "string";
        return bothText ? x.localeCompare(y) : typeof x == "string" ? 1 : typeof y == "string" ? -1 : x - y; });
      down = !down; if (!down) rows.reverse(); table.tBodies[0].append(...rows);
    };
  });
</script>"""


@dataclass(frozen=True)
class Shown:
    """An image with the arrays to draw: its image, or its DAPI image when there is none."""

    judged: JudgedImage
    background: Image | Plane | None
    mask: Mask | None
    close_ups: tuple[CloseUp, ...] = ()
    cells: int | None = None
    """pseudo-labels in it; None if training cannot use it"""
    giants: int = 0
    """of them far larger than usual"""


def report(
    judged: list[JudgedImage],
    facts: Overview,
    advice: list[Advice],
    failed: dict[str, str],
    worst: list[Shown],
    others: list[Shown],
    borders: str | None = None,
) -> str:
    """Return the whole page; `borders` is the sentence about what parts touching cells."""
    found = sum(1 for one in judged if one.findings)
    body = f"<h1>{TITLE}</h1>" + _advice(advice, failed) + _numbers(facts, found)
    plot = histograms(judged, facts)
    body += page.plot(plot, "The set. What exceeds the 99.5th percentile is drawn there.") if plot else ""
    key = ", ".join((page.key(SKY, "mask"), *(page.key(colour, name) for colour, name in DOTS)))
    if worst:
        first = f" (the worst {len(worst)} of {found})" if found > len(worst) else ""
        body += f"<h2>Images to look at{first}</h2><p class='soft'>{key}</p>" + _sheet(worst)
    if others:
        body += f"<h2>For comparison: nothing found</h2><p class='soft'>{key}</p>" + _sheet(others)
    body += _close_ups([*worst, *others], borders)
    rows = [_row(one) for one in sorted(judged, key=lambda one: (-one.weight, one.image.stem))[:MOST_ROWS]]
    rest = f" The first {MOST_ROWS} of {len(judged)}; check.json has them all." if len(judged) > MOST_ROWS else ""
    body += f"<h2>All images</h2><p class='soft'>The worst first; a click on a heading sorts.{rest}</p>"
    body += f'<div class="sortable">{page.table([*HEADER, "found"], rows)}</div>{SORT}'
    return page.page(TITLE, body)


def _advice(advice: list[Advice], failed: dict[str, str]) -> str:
    lines = [COMMAND.sub(_code, escape(line.text)) + _stems(line) for line in advice]
    lines += [f"<b>Not checked:</b> {escape(message)}" for message in failed.values()]
    if len(lines) == 1:
        return f"<p>{lines[0]}</p>"
    return "<ul>" + "".join(f"<li><p>{line}</p></li>" for line in lines) + "</ul>"


def _code(found: re.Match[str]) -> str:
    return f'<code style="white-space:nowrap">{found[0]}</code>'


def _stems(line: Advice) -> str:
    if not line.images or f": {first_of(line.images)}" in line.text:  # named already
        return ""
    return f'<br><span class="soft">{escape(", ".join(line.images))}</span>'


def _numbers(facts: Overview, found: int) -> str:
    pairs = [
        (str(facts.n_images), "images"),
        (str(found), "of them to look at"),
        (str(facts.n_lois), "LOIs"),
        (_show(facts.lois_per_image, ".0f"), "LOIs per image (median)"),
        (_show(facts.nearest, ".0f", " px"), "to the nearest LOI (median)"),
        (_show(facts.nucleus_diameter, ".0f", " px"), "nucleus diameter"),
        (_percent(facts.doubles), "of LOIs suspected doubles"),
        (_percent(facts.outside), "of LOIs off the masks"),
        (_percent(facts.on_dark), "of LOIs on dark DAPI"),
        (_percent(facts.mask_fraction), "of the image in the mask (median)"),
        (_percent(facts.lonely), "of mask area without LOI"),
        (_show(facts.area_per_loi, ".0f", " px"), "mask area per LOI (median)"),
    ]
    return page.numbers([(name, value) for value, name in pairs if value != "–"])


def _sheet(images: list[Shown]) -> str:
    figures = []
    for shown in images:
        words = "; ".join(finding.text for finding in shown.judged.findings) or "nothing found"
        caption = f"<b>{escape(shown.judged.image.stem)}</b>: {escape(words)}"
        figures.append(page.picture(draw(shown), caption, quality=QUALITY))
    return page.row(figures, "19rem")


def _close_ups(images: list[Shown], borders: str | None) -> str:
    """Return what is doubtful, large; where there are pseudo-labels, with what they were made for."""
    pictures = [(shown, close) for shown in images for close in shown.close_ups][:MOST_CLOSE]
    if not pictures:
        return ""
    text = "<p>Where points are doubtful: the cell image, the DAPI and, where there are masks, the pseudo-labels.</p>"
    if borders is not None:
        text += (
            "<p>Pseudo-labels are cells as guessed from LOIs, masks and images, from which the network will learn: "
            f"{escape(borders)}. Do the colours part the cells where you would? If they do not, all over, try "
            "<code>--borders</code>, here and in <code>lacss train</code>; if cells lack a point or have two, the LOIs "
            "are at fault.</p>"
        )
    figures = [page.picture(close.picture, _caption(shown, close), quality=QUALITY) for shown, close in pictures]
    return f"<h2>Close-ups and pseudo-labels</h2>{text}" + page.row(figures, "45rem")


def _caption(shown: Shown, close: CloseUp) -> str:
    words = f"<b>{escape(shown.judged.image.stem)}</b>: {close.what}"
    if shown.cells is None:
        return words
    large = f", {shown.giants} of them over {GIANT:g} times the median area" if shown.giants else ""
    return f"{words}; {shown.cells} pseudo-labels in the whole image{large}"


def draw(shown: Shown) -> RGB:
    """Return image, mask contour and LOIs: doubtful ones in their own colours, on top."""
    plane = shown.background if shown.background is not None else shown.mask
    height, width = (64, 64) if plane is None else plane.shape[-2:]
    base = (
        np.zeros((1, height, width), np.float32)
        if shown.background is None
        else shown.background.reshape(-1, height, width)
    )
    step, factor = -(-max(height, width) // LARGE), 2 if max(height, width) < SMALL else 1
    rgb = enlarge(shrink(to_rgb(base), step), factor)
    if shown.mask is not None:
        small = shown.mask[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)
        rgb = draw_outlines(rgb, small[: rgb.shape[0], : rgb.shape[1]].astype(np.int32), SKY, thick=True)
    return draw_lois(rgb, shown.judged, factor / step, (0, 0), (DOT, RIM))


def _row(one: JudgedImage) -> list[str]:
    lois, mask = one.image.lois, one.image.mask
    finite = np.zeros(0) if lois is None else lois.nearest[np.isfinite(lois.nearest)]
    return [
        one.image.stem,
        "–" if lois is None else str(len(lois.points)),
        _show(float(np.median(finite)) if len(finite) else None, ".1f"),
        "–" if lois is None else str(np.count_nonzero(one.doubled)),
        "–" if mask is None or mask.outside is None else str(np.count_nonzero(mask.outside)),
        "–" if mask is None else f"{100 * mask.fraction:.1f}",
        "–" if mask is None or mask.lonely is None else f"{100 * mask.lonely:.0f}",
        _show(one.area_per_loi, ".0f"),
        one.image.source,
        ", ".join(finding.kind for finding in one.findings),
    ]


def _show(value: float | None, form: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:.1f} %"
