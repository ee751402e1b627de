"""The report of `lacss eval` in a browser: what it looks like, how large it is, and that it stays by itself.

    python benchmarks/report.py screenshots [--to docs]     # report-numbers-light.png, report-fields-dark.png, ...
    python benchmarks/report.py size [--images 100]

Both compare two made-up models, which are the true cells of the demo's validation fields with errors: borders moved,
neighbours merged, cells lost and invented. `size` uses the fields again and again, each time with other errors, and
opens the page from file:// to count errors on the console and requests to anything else. Needs Chromium and Playwright.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from browser import WIDTH, open_page, save_small
from scipy import ndimage

from lacss_tools.arrays import Labels
from lacss_tools.cells import Cells, cells_from_crops, cells_from_labels
from lacss_tools.demo import DATA
from lacss_tools.formats.coco import write_coco
from lacss_tools.io.native import read_labels

VALIDATION = DATA / "validation"
MODELS = {"careful": 0.6, "hasty": 1.3}
"""name -> how many errors it makes"""
LOST, MERGED, INVENTED = 0.05, 0.1, 0.06
"""shares of the cells, for one unit of errors"""
SHIFT, BORDER = 1.5, 1.2
"""pixels by which cells and their borders move, for one unit of errors"""
PARTS = (("numbers", "h1", ".plot"), ("fields", "h3", "h3 + .row + .row"))
"""name of a picture, and the elements at its top and its bottom"""
EDGES = {
    side: f"name => document.querySelector(name).getBoundingClientRect().{side} + scrollY" for side in ("top", "bottom")
}
SPACE = 8
"""pixels of page above and below"""
RAGGED = 5.0
"""pixels over which the error of a border stays alike"""
MARGIN = 8
"""pixels around a cell in which it may move"""


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["screenshots", "size"])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--to", type=Path, default=Path("docs"))
    given = parser.parse_args()
    fields = len(list((VALIDATION / "images").iterdir()))
    with tempfile.TemporaryDirectory() as folder:
        if given.part == "screenshots":
            screenshots(make_report(Path(folder), fields), given.to)
        else:
            measure(make_report(Path(folder), given.images), given.images)


def make_report(folder: Path, count: int) -> Path:
    """Write `count` fields and the predictions of the models, evaluate, and return the page."""
    rng = np.random.default_rng(0)
    stems = sorted(path.stem for path in (VALIDATION / "images").iterdir())
    predictions: dict[str, dict[str, tuple[str, Cells]]] = {name: {} for name in MODELS}
    for k in range(count):
        stem = stems[k % len(stems)]
        name = stem if count <= len(stems) else f"{stem}_{k:03d}"
        for part in ("images", "labels"):
            (folder / part).mkdir(exist_ok=True)
            shutil.copy(VALIDATION / part / f"{stem}.tif", folder / part / f"{name}.tif")
        labels = read_labels(VALIDATION / "labels" / f"{stem}.tif")
        for model, errors in MODELS.items():
            cells = with_errors(labels, errors, rng)
            predictions[model][name] = f"{name}.tif", cells, np.arange(1, len(cells) + 1)
    for model, cells in predictions.items():
        write_coco(folder / f"{model}.json", cells)
    files = [f"{model}.json" for model in MODELS]
    command = [sys.executable, "-m", "lacss_tools", "eval", *files, "--project", str(folder), "-o", "eval"]
    subprocess.run(command, check=True)
    return folder / "eval" / "report.html"


def with_errors(labels: Labels, errors: float, rng: np.random.Generator) -> Cells:
    """Return the cells of a label image as a model might find them that makes `errors` errors, with scores."""
    merged = labels.copy()
    for a, b in _neighbours(labels):
        if rng.random() < MERGED * errors:
            merged[merged == b] = a
    pieces, scores = [], []
    for k, (y0, x0, y1, x1) in enumerate((cells := cells_from_labels(merged)).boxes.tolist()):
        if rng.random() < LOST * errors:
            continue
        step = rng.normal(0, SHIFT * errors / 2, 2)
        mask = ndimage.shift(np.pad(cells.mask(k), MARGIN).astype(float), step, order=1) > 0.5
        ragged = ndimage.gaussian_filter(rng.normal(0, 1, mask.shape), RAGGED)
        moved = _distance(mask) + BORDER * errors * ragged / ragged.std() > 0
        pieces.append((y0 - MARGIN, x0 - MARGIN, moved))
        scores.append(float(np.clip(0.95 - 0.12 * errors * (abs(step).sum() + rng.exponential()), 0.05, 1)))
        if rng.random() < INVENTED * errors:
            y, x = rng.integers(0, np.array(labels.shape) - (y1 - y0, x1 - x0) + 1).tolist()
            pieces.append((y, x, cells.mask(k)))
            scores.append(float(rng.uniform(0.05, 0.6)))
    return cells_from_crops(*_inside(labels.shape, pieces, scores))


def _neighbours(labels: Labels) -> list[tuple[int, int]]:
    """Return the pairs of cells that touch."""
    touching = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        edge = (a != b) & (a > 0) & (b > 0)
        touching |= {(min(p), max(p)) for p in zip(a[edge].tolist(), b[edge].tolist(), strict=True)}
    return sorted(touching)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Return the distance to the border in pixels, positive inside."""
    inside: np.ndarray = ndimage.distance_transform_edt(mask)
    return inside - ndimage.distance_transform_edt(~mask)


def _inside(
    shape: tuple[int, ...], pieces: list[tuple[int, int, np.ndarray]], scores: list[float]
) -> tuple[tuple[int, int], list[tuple[int, int, np.ndarray]], list[float]]:
    """Cut the pieces to the image and leave out those that are empty then."""
    kept, own = [], []
    for (y, x, mask), score in zip(pieces, scores, strict=True):
        top, left = max(0, -y), max(0, -x)
        part = mask[top : shape[0] - y, left : shape[1] - x]
        if part.any():
            kept.append((y + top, x + left, part))
            own.append(score)
    return (shape[0], shape[1]), kept, own


def screenshots(report: Path, target: Path) -> None:
    """Take pictures of the numbers with the first curves and of the fields, light and dark."""
    with open_page() as page:
        page.goto(report.as_uri())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for part, first, last in PARTS:
                top, bottom = (page.evaluate(EDGES[side], name) for side, name in (("top", first), ("bottom", last)))
                clip = {"x": 0, "y": top - SPACE, "width": WIDTH, "height": bottom - top + 2 * SPACE}
                save_small(page.screenshot(full_page=True, clip=clip), target / f"report-{part}-{scheme}.png")


def measure(report: Path, images: int) -> None:
    """Print the size of the page, and what it says and asks for when it is opened."""
    told: list[str] = []
    asked: list[str] = []
    with open_page() as page:
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_timeout(1000)
        pictures = page.evaluate("[...document.images].filter(image => image.complete && image.naturalWidth).length")
        total = page.evaluate("document.images.length")
    others = [url for url in asked if url != report.as_uri() and not url.startswith("data:")]
    print(f"| report of {images} images, {len(MODELS)} models | |\n|---|---|")
    print(f"| size | {report.stat().st_size / 1e6:.2f} MB |")
    print(f"| pictures shown | {pictures} of {total} |")
    print(f"| messages and errors on the console | {len(told)} |")
    print(f"| requests to anything but the file | {len(others)} |")


if __name__ == "__main__":
    main()
