"""The page at the end of the demo: each step in pictures, and the number it comes down to."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from lacss_tools.arrays import Labels
from lacss_tools.cells import cells_from_labels
from lacss_tools.evaluate.figures import ap_and_fnr
from lacss_tools.evaluate.report import headline
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_image, read_labels, read_mask, write_text
from lacss_tools.io.project import Project, list_images, picks_file
from lacss_tools.metrics.metrics import Evaluation, evaluation_from_json
from lacss_tools.screen import page
from lacss_tools.screen.draw import ORANGE, RGB, SKY, draw_outlines, draw_points, enlarge, tint_cells, to_rgb
from lacss_tools.train.curves import learning_curve
from lacss_tools.train.history import read_metrics

SHOWN = 3
"""images of each step on the page, spread over the set"""
TITLE = "Cell segmentation without outlining cells"
OWN = """# a folder with images/ (cells) and dapi/ (nuclei), files paired by name
lacss annotate-lois dapi
lacss graphcut images
lacss pick                       # or: lacss pick --auto
lacss train --minutes 30 --run mine
lacss predict runs/mine images"""


@dataclass(frozen=True)
class Story:
    """What the page shows."""

    project: Path
    run: Path
    commands: list[str]
    seconds: float
    seed: int


def write_page(story: Story) -> Path:
    """Write demo.html into the project folder and return its path."""
    result = _evaluation(story.run / "report" / "evaluation.json")
    home = Project(story.project)
    stems = list(list_images(home.images))
    shown = [stems[k] for k in np.linspace(0, len(stems) - 1, SHOWN).astype(int)]
    parts = [
        _opening(story, result),
        _lois(home, shown, story.commands[0]),
        _candidates(home, shown[0], story.commands[1]),
        _picks(home, shown, story.commands[2]),
        _training(story, story.commands[3]),
        _predictions(story, result, story.commands[4:]),
        f"<h2>On your own images</h2><pre>{OWN}</pre>" + _sources(),
    ]
    path = story.project / "demo.html"
    write_text(path, page.page(TITLE, "\n".join(parts)))
    return path


def _evaluation(path: Path) -> Evaluation:
    return evaluation_from_json(json.loads(path.read_text()))


def _opening(story: Story, result: Evaluation) -> str:
    images = len(list_images(Project(story.project).images))
    return f"""<h1>{TITLE}</h1>
<p>{images} images of nerve tumour cells and their DAPI images went in. Points came from the nuclei, cell areas from a graph
cut, and one network learned from these alone. <b>No outlined cell entered training.</b></p>
{_first_sight(story.project)}
{headline(result)}
<p class="soft">AP50 {result.ap50 or 0:.3f} is the paper's average precision at IoU 0.5, on {result.n_images} validation
images with {result.n_truth} cells that people outlined. These images were not trained on; training was
validated on them ten times and kept the best weights, which flatters the number a little. Seed {story.seed},
{story.seconds / 60:.1f} minutes in all.</p>"""


def _first_sight(project: Path) -> str:
    stem = next(iter(list_images(project / "validation" / "images")))
    rgb, found, truth = validation_image(project, stem)
    cells = tint_cells(rgb, found, partners(found, truth))
    return page.row([page.picture(rgb, f"{stem}, not seen in training"), page.picture(cells, "cells found")], "26rem")


def _lois(home: Project, stems: list[str], command: str) -> str:
    figures = []
    for stem in stems:
        points, _ = read_lois(home.lois / f"{stem}.csv")
        rgb = draw_points(to_rgb(read_image(home.dapi / f"{stem}.tif")), points, ORANGE, 3)
        figures.append(page.picture(rgb, f"{stem}: {len(points)} points"))
    return f"""<h2>1. A point in every nucleus</h2><pre>{command}</pre>
<p>A small network finds the nuclei in the DAPI image, and each gets a point, its location of interest (LOI): here is a
cell.</p>{page.row(figures)}"""


def _candidates(home: Project, stem: str, command: str) -> str:
    masks, thresholds = read_candidates(home.candidates / f"{stem}.tif")
    picked = _choice(home, stem)
    rgb = to_rgb(read_image(home.images / f"{stem}.tif"))
    figures = [
        page.picture(
            draw_outlines(rgb, mask.astype(np.int32), ORANGE),
            f"{k}: threshold {t:.2f}",
            "picked" if k == picked else "",
        )
        for k, (mask, t) in enumerate(zip(masks, thresholds, strict=True), start=1)
    ]
    return f"""<h2>2. Five guesses of where cells are at all</h2><pre>{command}</pre>
<p>A graph cut separates cell area from background at five thresholds. The candidates are nested, loosest first. Image
{stem}; the frame marks the pick.</p>{page.row(figures, "12rem")}"""


def _choice(home: Project, stem: str) -> int | None:
    from lacss_tools.annotate.pick.journal import read_picks

    return read_picks(picks_file(home.masks))[stem].number


def _picks(home: Project, stems: list[str], command: str) -> str:
    figures = []
    for stem in stems:
        number = _choice(home, stem)
        if number is None:
            continue
        rgb = to_rgb(read_image(home.images / f"{stem}.tif"))
        mask = read_mask(home.masks / f"{stem}.tif")
        points, _ = read_lois(home.lois / f"{stem}.csv")
        rgb = draw_points(draw_outlines(rgb, mask.astype(np.int32), SKY), points, ORANGE, 2)
        figures.append(page.picture(rgb, f"{stem}: candidate {number}"))
    return f"""<h2>3. One pick per image</h2><pre>{command}</pre>
<p>Here the candidate that agrees best with the points was taken without a person. <code>lacss pick</code> opens a page
where you choose with one key per image. Points and picked areas are all that training sees.</p>{page.row(figures)}"""


def _training(story: Story, command: str) -> str:
    rows = read_metrics(story.run)
    return f"""<h2>4. Training</h2><pre>{command}</pre>
<p>{rows[-1].step} steps. The network sees the cell image and its DAPI image, which is blanked now and then so that it works
without one too. It learns from cells guessed around the points, inside the picked areas
(<i>labels</i>), and where to look for cells from the points themselves (<i>score</i>, <i>offset</i>).</p>
{page.plot(learning_curve(rows), "Left: the terms of the loss. Right: AP on the validation images.")}"""


def _predictions(story: Story, result: Evaluation, commands: list[str]) -> str:
    figures = []
    for stem in list_images(story.project / "validation" / "images"):
        rgb, found, truth = validation_image(story.project, stem)
        cells = (found, "found", partners(found, truth)), (truth, "outlined by people", None)
        figures.append(page.picture(rgb, stem))
        for labels, name, numbers in cells:
            caption = f"{name}: {len(cells_from_labels(labels))} cells"
            figures.append(page.picture(tint_cells(rgb, labels, numbers), caption))
    lines = "\n".join(commands)
    return f"""<h2>5. Cells on images it has not seen</h2><pre>{lines}</pre>
<p>In one colour: a cell found and the outlined one that it shares most pixels with.</p>{page.row(figures, "18rem")}
{page.plot(ap_and_fnr({"demo": result}), "AP and false negative rate over the IoU threshold, as in the paper's figure 3b.")}
<p class="soft">More: <a href="runs/demo/report/report.html">the evaluation report</a>; label images and tables in
<code>predictions/</code>.</p>"""


def validation_image(project: Path, stem: str) -> tuple[RGB, Labels, Labels]:
    """Return a validation image of a finished demo twice as large: picture, cells found, cells outlined by people."""
    rgb = to_rgb(read_image(project / "validation" / "images" / f"{stem}.tif"))
    found = read_labels(Project(project).predictions / f"{stem}.tif")
    truth = read_labels(project / "validation" / "labels" / f"{stem}.tif")
    return enlarge(rgb, 2), _doubled(found), _doubled(truth)


def _doubled(labels: Labels) -> np.ndarray:
    return np.repeat(np.repeat(labels, 2, axis=0), 2, axis=1)


def partners(found: Labels, truth: Labels) -> Int[np.ndarray, " label"]:
    """Return for each label found the true one that it shares most pixels with; with none, a number of its own."""
    n_found, n_truth = int(found.max()) + 1, int(truth.max()) + 1
    shared = np.bincount((found * n_truth + truth).ravel(), minlength=n_found * n_truth).reshape(n_found, n_truth)
    shared[:, 0] = 0
    return np.where(shared.any(axis=1), shared.argmax(axis=1), n_truth + np.arange(n_found))


def _sources() -> str:
    return """<p class="soft">Method: Shrestha, Kuang, Yu, Communications Biology 6:232 (2023). Data: Yu, Lee, Hariharan,
Bu, Ahmed, CCDB:6843, Cell Image Library, doi:10.7295/W9CCDB6843, CC BY 3.0, reduced to 3/4 size and 8 bit.</p>"""
