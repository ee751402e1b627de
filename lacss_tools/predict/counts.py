"""Cell counts of images, which images are outliers, and signs of bad predictions."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.formats.table import RELATIVE
from lacss_tools.network.preprocess import typical_diameter
from lacss_tools.predict.found import Found

DEVIATIONS = 3.0
"""an outlier is this many median absolute deviations (scaled to a standard deviation) from the median"""
MAD_TO_SIGMA = 1.4826
"""standard deviations per median absolute deviation, of a normal distribution"""
FEWEST = 8
"""images; with fewer there are no outliers"""
SHOWN = 10
"""outliers by name in the summary"""
GIANT = 3.0
"""a cell is far larger than usual from this many times the median area of its image"""
TO_COMPARE = 8
"""cells; among fewer none is called far larger than usual"""
MANY_IN_PIECES = 0.1
"""fraction of cells that came in pieces from which something is wrong: after a good training it is 1 in 100"""
MISSED = 0.5
"""fraction of the points that should have got a cell"""
UNSURE = 0.75
"""probability that the median cell of a typical image is right, under which the image is unlike those of the training:
by the starter model 0.88 and more on cells like those, 0.51 on colonies and 0.66 on tissue, but 0.83 in LIVECell"""
OTHER_SIZE = 1.4
"""a typical cell that is larger or smaller than the model expects by this factor: its magnification is another one"""


@dataclass(frozen=True)
class Tally:
    """What was found in one image."""

    cells: int
    giants: int = 0
    """cells of GIANT times the median area and more"""
    in_pieces: int = 0
    """cells that the network saw in pieces"""
    points: int | None = None
    """at how many points cells were asked for"""
    area: float = 0.0
    """pixels of all cells"""
    score: float | None = None
    """of the median cell, None where there is none or nobody knows"""


def tally(found: Found, points: int | None = None) -> Tally:
    """Count the cells of one image."""
    enough = len(found) >= TO_COMPARE
    areas = found.areas()
    giants = int((areas > GIANT * np.median(areas)).sum()) if enough else 0
    score = float(np.median(found.scores)) if len(found) else None
    return Tally(len(found), giants, int(found.in_pieces.sum()), points, float(areas.sum()), score)


def tally_of_table(path: Path) -> Tally:
    """Count the cells of an image that was done before by its table."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    sizes = [float(row.get(RELATIVE) or 1.0) for row in rows]
    giants = sum(size > GIANT for size in sizes) if len(sizes) >= TO_COMPARE else 0
    scores = [float(row["score"]) for row in rows if row.get("score")]
    score = float(np.median(scores)) if scores else None
    area = sum((float(row.get("area") or 0) for row in rows), 0.0)
    return Tally(len(sizes), giants, area=area, score=score)


def outliers(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the images whose number of cells is further from the median than chance explains, the furthest first.

    Further than 3 * max(1.4826 MAD, sqrt(median), 1) from it: where most images agree exactly, counting noise remains.
    """
    if len(counts) < FEWEST:
        return {}
    values = np.array(list(counts.values()), dtype=float)
    median = np.median(values)
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(values - median))), float(np.sqrt(median)), 1.0)
    unlike = {name: count for name, count in counts.items() if abs(count - median) > DEVIATIONS * spread}
    return dict(sorted(unlike.items(), key=lambda item: -abs(item[1] - median)))


def summary(tallies: Mapping[str, Tally], diameter: float | None = None, probable: bool = True) -> list[str]:
    """Return lines for people: cells in all, per image, the outliers by name, and what looks wrong.

    `diameter` (pixels) is that of the cells that the model expects. Scores tell nothing where they are not `probable`:
    no probabilities, as of weights from before they were.
    """
    if not tallies:
        return []
    counts = {name: one.cells for name, one in tallies.items()}
    values = np.array(list(counts.values()))
    low, median, high = (f"{value:g}" for value in (values.min(), np.median(values), values.max()))
    lines = [f"{values.sum()} cells in {len(values)} images, {median} in the median one ({low} to {high})"]
    if not values.any():
        lines.append("No cell at all: lower `min_score`, check `diameter` and `channel`, or train longer.")
    if unlike := outliers(counts):
        lines.append(f"{len(unlike)} unlike the others, look at them: {_named(unlike)}")
    unsure = _unsure(tallies) if probable else ""
    doubts = unsure or _other_size(tallies, diameter), _giants(tallies), _in_pieces(tallies), _missed(tallies)
    return lines + [line for line in doubts if line]


def _unsure(tallies: Mapping[str, Tally]) -> str:
    scores = [one.score for one in tallies.values() if one.score is not None and one.points is None]
    if not scores or (typical := float(np.median(scores))) >= UNSURE:
        return ""
    return (
        f"the model is unsure: the median cell scores {typical:.2f}, with a good model on images like those of its "
        "training 0.85 or more. Look at the cells and check `diameter`; else train on some of these images."
    )


def _other_size(tallies: Mapping[str, Tally], diameter: float | None) -> str:
    area, cells = (sum(getattr(one, name) for one in tallies.values() if one.area) for name in ("area", "cells"))
    if diameter is None or cells < TO_COMPARE:
        return ""
    across = typical_diameter(area, int(cells))
    if max(across / diameter, diameter / across) <= OTHER_SIZE:
        return ""
    return (
        f"cells are {across:.0f} px across and the model expects {diameter:.0f}: set `diameter` to {across:.0f} and "
        "compare."
    )


def _giants(tallies: Mapping[str, Tally]) -> str:
    images = {name: one.giants for name, one in tallies.items() if one.giants}
    if not images:
        return ""
    images = dict(sorted(images.items(), key=lambda item: -item[1]))
    total = sum(images.values())
    return (
        f"{total} {'cell is' if total == 1 else 'cells are'} more than {GIANT:g} times as large as the median cell of "
        f"their image ({RELATIVE} in the tables): {_named(images)}"
    )


def _in_pieces(tallies: Mapping[str, Tally]) -> str:
    cells, pieces = (sum(getattr(one, name) for one in tallies.values()) for name in ("cells", "in_pieces"))
    if pieces <= MANY_IN_PIECES * cells:
        return ""
    return (
        f"{100 * pieces / cells:.0f} % of the cells came in several pieces, of which one was kept each: the model is "
        "unsure of these images. Train longer, look at the pseudo-labels with lacss check, or check `diameter`."
    )


def _missed(tallies: Mapping[str, Tally]) -> str:
    few = {
        name: one.cells for name, one in tallies.items() if one.points is not None and one.cells < MISSED * one.points
    }
    if not few:
        return ""
    points = sum(tallies[name].points or 0 for name in few)
    return (
        f"only {sum(few.values())} cells at {points} points: {_named(few)}. The model knows no such cells, or there "
        "are several points in each. Check `diameter`, `channel` and the points."
    )


def _named(images: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} ({count})" for name, count in list(images.items())[:SHOWN])
    return shown + (f" and {len(images) - SHOWN} more" if len(images) > SHOWN else "")
