"""Binary minimum cut of an image into cell area and background (paper, Methods; solver: PyMaxflow).

Most pixels need no solver: where the evidence outweighs anything that the still open neighbours could pull, the label
is the same in every optimum. `_grow` and `_shrink` find these exactly, and only pixels that stay open become a graph.
What is certainly cell at one threshold is so at all looser ones, and the mask at one threshold holds the mask at every
tighter one: the first goes from tight to loose, the second from loose to tight, and each starts where the last ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lacss_tools.arrays import Mask, Masks, Plane

EDGE = 1e-4
"""q is kept this far from 0 and 1, so that no pixel is beyond what its neighbours say"""
NOTHING = 1e-12
"""a smaller weight, in nats, is taken as none"""
ROUNDS, ROUNDS_OF_CONTRAST = 32, 12
"""passes of `_grow` and `_shrink` at most; what needs more is left to the solver, as counting bytes is quick but
summing weights is not"""
LITTLE = 1e-3
"""four passes that decide less than this fraction of the image are the last"""
MARGIN = 1e-4
"""float32 sums decide a pixel only when they are this clear, in pairs of neighbours"""


@dataclass(frozen=True)
class Smoothness:
    """What a border between two neighbouring pixels costs, in nats.

    Constant: `weight` for each of the 4 or 8 neighbours, diagonal or not. With `scale` s (on the scale of q) it is
    weight * exp(-dq^2 / (2 s^2)) / distance, lower where the intensity changes; distance is 1 or sqrt(2) pixels.
    """

    weight: float
    neighbours: int = 8
    scale: float | None = None


def cut(
    q: Plane, thresholds: list[float], smoothness: Smoothness, edge: float = EDGE, seeds: Mask | None = None
) -> Masks:
    """Return one mask per threshold (ascending), nested: each lies inside the one before it.

    With q the normalised intensity in 0..1 and t the threshold the energy is, per pixel,
        cell: -ln q - ln(1 - t),   background: -ln(1 - q) - ln t,
    plus the smoothness of each pair of different neighbours. Without smoothness a pixel is cell exactly when q > t. q
    is clipped to [edge, 1 - edge]; with `edge` 0, q = 0 is background and q = 1 cell whatever surrounds it. Only the
    difference of the two terms matters, logit(q) - logit(t). It falls with t, so an optimum for t lies inside any
    optimum for a smaller t, and may be looked for there alone.
    """
    q64 = np.clip(q.astype(np.float64), edge, 1 - edge)
    with np.errstate(divide="ignore"):
        evidence = np.log(q64) - np.log1p(-q64)
    if seeds is not None:
        evidence[seeds] = np.inf
    logits = [float(np.log(t) - np.log1p(-t)) for t in thresholds]
    if smoothness.weight < NOTHING:
        return np.stack([evidence > logit for logit in logits])
    pairs = _pairs(q64, smoothness)
    balance = ((pairs.sums(np.ones(q.shape, np.int8)) - evidence / pairs.weight) / 2).astype(np.float32)
    shifts = [logit / pairs.weight / 2 for logit in logits]
    masks = np.zeros((len(logits), *q.shape), dtype=bool)
    certain = np.zeros(q.shape, dtype=bool)
    for k in reversed(range(len(logits))):
        certain = masks[k] = _grow(certain, balance + np.float32(shifts[k]), pairs)
    possible = np.ones(q.shape, dtype=bool)
    for k, logit in enumerate(logits):
        possible = _shrink(possible, balance + np.float32(shifts[k]), pairs)
        possible = masks[k] = _settle(masks[k], possible, evidence - logit, pairs)
    return masks


def contrast_scale(q: Plane, neighbours: int) -> float | None:
    """Return s of the contrast weights: the root mean square of dq over all pairs of neighbours; None without any."""
    squares, count = 0.0, 0
    for here, there in _shifts(q.shape, neighbours):
        squares += float(np.square(q[here] - q[there], dtype=np.float64).sum())
        count += q[here].size
    return float(np.sqrt(squares / count)) if squares > 0 else None


# ---- pairs of neighbours --------------------------------------------------------------------------------------------

Slices = tuple[slice, slice]


@dataclass(frozen=True)
class _Pairs:
    """The weights of all pairs: one number, or per direction an array (y, x) that belongs to the pair's first pixel."""

    neighbours: int
    weight: float
    weights: tuple[np.ndarray, ...] | None

    @property
    def rounds(self) -> int:
        """How often `sums` is worth its time."""
        return ROUNDS if self.weights is None else ROUNDS_OF_CONTRAST

    def sums(self, labels: np.ndarray) -> np.ndarray:
        """Return for each pixel the weights of its neighbours that are set, in units of `weight`."""
        if self.weights is None:
            return _count(labels, self.neighbours)
        total = np.zeros(labels.shape, np.float32)
        for weights, (here, there) in zip(self.weights, _shifts(labels.shape, self.neighbours), strict=True):
            total[here] += weights * labels[there]
            total[there] += weights * labels[here]
        return total


def _steps(neighbours: int) -> list[tuple[int, int]]:
    """Return the (dy, dx) that lead to half of the neighbours, those that follow in reading order."""
    return [(0, 1), (1, 0)] if neighbours == 4 else [(0, 1), (1, -1), (1, 0), (1, 1)]


def _shifts(shape: tuple[int, ...], neighbours: int) -> Iterator[tuple[Slices, Slices]]:
    """Yield for each step where both pixels of its pairs lie: slices of the first and of the second."""
    height, width = shape
    for dy, dx in _steps(neighbours):
        left, right = max(0, -dx), width - max(0, dx)
        yield (slice(0, height - dy), slice(left, right)), (slice(dy, height), slice(left + dx, right + dx))


def _pairs(q: np.ndarray, smoothness: Smoothness) -> _Pairs:
    if smoothness.scale is None:
        return _Pairs(smoothness.neighbours, smoothness.weight, None)
    weights = []
    for (here, there), step in zip(_shifts(q.shape, smoothness.neighbours), _steps(smoothness.neighbours), strict=True):
        falling = np.exp(-((q[here] - q[there]) ** 2) / (2 * smoothness.scale**2)) / np.hypot(*step)
        weights.append(falling.astype(np.float32))
    return _Pairs(smoothness.neighbours, smoothness.weight, tuple(weights))


def _count(labels: np.ndarray, neighbours: int) -> np.ndarray:
    """Return how many neighbours of each pixel are set, int8; this is where the time of `_decide` goes."""
    padded = np.zeros((labels.shape[0] + 2, labels.shape[1] + 2), np.int8)
    padded[1:-1, 1:-1] = labels
    if neighbours == 4:
        return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    rows = padded[:, :-2] + padded[:, 1:-1]
    rows += padded[:, 2:]
    total: np.ndarray = rows[:-2] + rows[1:-1]
    total += rows[2:]
    total -= padded[1:-1, 1:-1]
    return total


# ---- the optimum ----------------------------------------------------------------------------------------------------


def _grow(certain: Mask, half: np.ndarray, pairs: _Pairs) -> Mask:
    """Return `certain` and more pixels that are cell in every optimum.

    `half` is, in units of the pairs' weight, how much of its neighbours must be cell for a pixel to be undecided. Where
    the certain ones alone weigh more, the pixel is cell.
    """
    needed: np.ndarray
    if pairs.weights is None:  # counts are whole numbers: compare bytes
        needed = (np.floor(np.clip(half + MARGIN, -2, 9)) + 1).astype(np.int8)
    else:
        needed = half + np.float32(MARGIN)
    for number in range(1, pairs.rounds + 1):
        before, certain = certain, certain | (pairs.sums(certain) >= needed)
        if number % 4 == 0 and np.count_nonzero(certain != before) <= LITTLE / 4 * certain.size:
            break
    return certain


def _shrink(possible: Mask, half: np.ndarray, pairs: _Pairs) -> Mask:
    """Return `possible` without pixels whose possible neighbours together weigh too little, background in any case."""
    needed: np.ndarray
    if pairs.weights is None:
        needed = np.ceil(np.clip(half - MARGIN, -2, 9)).astype(np.int8)
    else:
        needed = half - np.float32(MARGIN)
    for number in range(1, pairs.rounds + 1):
        before, possible = possible, possible & (pairs.sums(possible) >= needed)
        if number % 4 == 0 and np.count_nonzero(possible != before) <= LITTLE / 4 * possible.size:
            break
    return possible


def _settle(certain: Mask, possible: Mask, evidence: np.ndarray, pairs: _Pairs) -> Mask:
    """Return an optimum between `certain` and `possible`; evidence (y, x) in nats, positive for cell."""
    certain = certain & possible  # equal energies may have been settled for background at the threshold before
    open_ = np.flatnonzero(certain != possible)
    if not len(open_):
        return possible
    # what decided neighbours pull goes to the pixel's own evidence, what open ones pull becomes an edge
    everything = pairs.sums(np.ones(possible.shape, np.int8))
    pull = (pairs.sums(certain) + pairs.sums(possible) - everything).ravel()[open_]
    mask = certain.copy()
    mask.ravel()[open_] = _solve(evidence.ravel()[open_] + pairs.weight * pull, _edges(open_, pairs, possible.shape))
    return mask


def _edges(open_: np.ndarray, pairs: _Pairs, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first, second and weight (nats) of each pair of open pixels, which are numbered in reading order."""
    height, width = shape
    numbers = np.full((height + 2) * (width + 2), -1, np.int32)
    places = (open_ // width + 1) * (width + 2) + open_ % width + 1
    numbers[places] = np.arange(len(open_), dtype=np.int32)
    steps = _steps(pairs.neighbours)
    partners = numbers[places[:, None] + [dy * (width + 2) + dx for dy, dx in steps]]
    both = partners >= 0
    first, direction = np.nonzero(both)  # ordered by pixel, which keeps the solver's memory accesses close together
    weight = np.full(len(first), pairs.weight)
    if pairs.weights is not None:
        full = np.zeros((len(steps), height, width), np.float32)
        for k, (here, _) in enumerate(_shifts(shape, pairs.neighbours)):
            full[k][here] = pairs.weights[k]
        weight *= full.reshape(len(steps), -1)[direction, open_[first]]
    return first.astype(np.int32), partners[both], weight


def _solve(pull: np.ndarray, edges: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Return for each open pixel whether it is cell, by maximum flow; `pull` in nats, positive for cell."""
    import maxflow

    first, second, weight = edges
    graph: Any = maxflow.GraphFloat(len(pull), len(first))
    nodes = graph.add_grid_nodes((len(pull),))
    graph.add_edges(first, second, weight, weight)
    graph.add_grid_tedges(nodes, np.maximum(pull, 0), np.maximum(-pull, 0))
    graph.maxflow()
    cell: np.ndarray = ~graph.get_grid_segments(nodes)
    return cell
