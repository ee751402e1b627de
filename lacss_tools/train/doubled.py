"""Cells with two LOIs, which a training finds out half-way and from then on learns as one.

A cell with two nuclei, or with one that counted as two, has two LOIs, and labels teach that it is two cells. A network
that has seen many other cells knows better where it does not see the nuclei: the cells that it draws around the two
LOIs then overlap. Where the nuclei touch as well, they are nearly always one cell (docs/lab-notebook/doubled.md).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64

from lacss_tools.arrays import Plane, Points
from lacss_tools.cells import shared_pixels
from lacss_tools.network.backbone import DEEPEST_STRIDE
from lacss_tools.network.device import autocast
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK
from lacss_tools.network.working import pad
from lacss_tools.predict.cut import at_lois, cut
from lacss_tools.predict.found import Found
from lacss_tools.predict.nms import meeting_boxes
from lacss_tools.predict.tiles import Tile
from lacss_tools.train.crops import TrainingImage

SHARED = 0.3
"""of the smaller of two cells, drawn without the nuclei, that they share at least"""
TOUCHING = 0.7
"""of its brightness at the dimmer of two nuclei, above black, that DAPI keeps all the way to the other"""
FEW = 0.02
"""pairs per LOI that there may be where each cell has one LOI: 0.01 were measured"""
SIGMA, SAMPLES, ENDS = 0.7, 41, 10
"""smoothing of DAPI (working pixels), points on the way between two LOIs, and how many at each end are in its
nucleus"""
DOUBLED, DOUBLED_HEADER = "doubled.csv", ["image", "y", "x", "other_y", "other_x"]
"""the file of a run that says which LOIs count as one cell"""
Pairs = list[tuple[int, int]]
"""of LOIs of an image, by number, the smaller first"""


def can_tell(whole: TrainingImage) -> bool:
    """Return whether an image can have doubled cells that are found: it has nuclei, and nobody outlined it."""
    return whole.nuclei and not whole.outlined and len(whole.lois) > 1


def find_doubled(model: Lacss, images: list[TrainingImage], device: torch.device) -> list[Pairs]:
    """Return for each image the pairs of LOIs that lie in one cell, as `model` sees it.

    None where they are so few that most of them may be neighbours.
    """
    pairs = [
        pairs_of(whole, *cells_at(model, without_nuclei(whole), device)) if can_tell(whole) else [] for whole in images
    ]
    few = sum(map(len, pairs)) <= FEW * sum(len(whole.lois) for whole in images if can_tell(whole))
    return [[] for _ in images] if few else pairs


def pairs_of(
    whole: TrainingImage, numbers: Int64[np.ndarray, " n"], cells: Found, shared: float = SHARED, kept: float = TOUCHING
) -> Pairs:
    """Return which LOIs lie in touching nuclei and have cells that overlap; `numbers` tell the LOI of each cell.

    `shared` and `kept` are as in `overlapping` and `touching`.
    """
    lois, pairs = whole.lois.double().numpy(), np.sort(numbers[overlapping(cells, shared)], axis=1)
    dapi = (whole.image[-1] - BLACK).clamp(min=0).numpy()
    near: list[list[int]] = pairs[touching(dapi, lois, pairs, kept)].tolist()
    return sorted((a, b) for a, b in near)


def joined(whole: TrainingImage, pairs: Pairs) -> TrainingImage:
    """Return an image in which the LOIs of each pair, and of pairs that share one, are one, half-way between them.

    Its label is what theirs were.
    """
    if not pairs:
        return whole
    first = np.arange(len(whole.lois))
    for a, b in pairs:
        one, other = sorted((first[a], first[b]))
        first[first == other] = one
    kept, group = np.unique(first, return_inverse=True)
    counts = np.bincount(group)
    lois = np.stack([np.bincount(group, axis) / counts for axis in whole.lois.double().numpy().T], axis=1)
    own = whole.own[torch.from_numpy(kept)]
    labels = whole.labels.clone()
    for k in np.flatnonzero(first != np.arange(len(first))).tolist():
        labels[whole.labels == whole.own[k]] = whole.own[first[k]]
    return replace(whole, lois=torch.from_numpy(lois).float(), own=own, labels=labels)


def without_nuclei(whole: TrainingImage) -> TrainingImage:
    """Return an image whose nuclei are blanked, as in some crops."""
    image = whole.image.clone()
    image[-1] = BLACK
    return replace(whole, image=image)


@torch.no_grad()
def cells_at(model: Lacss, whole: TrainingImage, device: torch.device) -> tuple[Int64[np.ndarray, " n"], Found]:
    """Return the cells that the network draws at the LOIs of an image, and the number of the LOI of each."""
    from scipy.spatial import cKDTree

    size = (whole.image.shape[1], whole.image.shape[2])
    tile = Tile((0, 0, *size), (0, 0, *size))
    with autocast(device):
        maps = model(pad(whole.image[None], DEEPEST_STRIDE).to(device))
    lois = whole.lois.double().numpy()
    (found,) = cut(model, maps, at_lois(maps, tile, lois), tile, size)
    _, numbers = cKDTree(lois).query(found.locations)
    return numbers.astype(np.int64), found


def overlapping(cells: Found, shared: float) -> Int64[np.ndarray, "pair 2"]:
    """Return the pairs of cells that share more than this fraction of the smaller of the two."""
    areas, boxes = cells.areas(), cells.boxes.tolist()
    pairs = [
        (a, b) for a, b in meeting_boxes(cells.boxes).tolist()
        if shared_pixels(boxes[a], cells.mask(a), boxes[b], cells.mask(b)) > shared * min(areas[a], areas[b])
    ]  # fmt: skip
    return np.array(pairs, np.int64).reshape(-1, 2)


def touching(dapi: Plane, lois: Points, pairs: Int64[np.ndarray, "pair 2"], kept: float) -> Bool[np.ndarray, " pair"]:
    """Return for which pairs of LOIs DAPI (0 is black) keeps more than this fraction of its brightness between them.

    The brightness is that of the dimmer of the two nuclei.
    """
    from scipy import ndimage

    if not len(pairs):
        return np.zeros(0, bool)
    part = np.linspace(0, 1, SAMPLES)[:, None]
    lines = lois[pairs[:, 0], None] * (1 - part) + lois[pairs[:, 1], None] * part
    smooth = ndimage.gaussian_filter(dapi, SIGMA)
    profile = ndimage.map_coordinates(smooth, lines.transpose(2, 0, 1), order=1, mode="nearest")
    dimmer = np.minimum(profile[:, :ENDS].max(axis=1), profile[:, -ENDS:].max(axis=1))
    touch: np.ndarray = profile.min(axis=1) > kept * dimmer
    return touch


def table(images: list[TrainingImage], pairs: list[Pairs], scale: float, names: Sequence[str]) -> list[list[Any]]:
    """Return the rows of the file that says which LOIs count as one cell: (y, x) of both in pixels of the image."""
    rows = []
    for name, whole, own in zip(names, images, pairs, strict=True):
        places = (whole.lois.double().numpy() + 0.5) / scale - 0.5
        rows += [[name, *(f"{value:.1f}" for value in places[list(pair)].ravel())] for pair in own]
    return rows
