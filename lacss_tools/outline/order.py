"""Which images first: those whose outlines should teach a model most."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Image
from lacss_tools.contrast import percentile_range

UNSURE, DIVERSE, RANDOM, BY_NAME = "unsure", "diverse", "random", "name"
ORDERS = (UNSURE, DIVERSE, RANDOM, BY_NAME)
WORTH = 8
"""images whose outlines usually pay; the page suggests to stop after as many and to train"""
PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)


@dataclass(frozen=True)
class Traits:
    """What tells images apart: numbers that describe each, and how unsure the model is of it."""

    features: Float[np.ndarray, "n d"]
    unsureness: Float[np.ndarray, " n"]


def features_of(image: Image, areas: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> list[float]:
    """Return what describes an image: its intensities, its texture, and how many, large and sure its cells are."""
    plane = image[0, ::2, ::2]
    scaled = np.clip(percentile_range(plane, (0.1, 99.9)).scale(plane), 0, 1)
    rough = float(np.abs(np.diff(scaled, axis=0)).mean() + np.abs(np.diff(scaled, axis=1)).mean())
    cells = [np.log1p(len(areas)), np.log1p(float(np.median(areas))) if len(areas) else 0.0]
    return [*np.percentile(scaled, PERCENTILES).tolist(), rough, *cells, float(scores.mean()) if len(scores) else 0.0]


def arrange(order: str, stems: list[str], traits: Traits, done: set[str]) -> list[str]:
    """Return the stems in an order of ORDERS; those that are `done` come last, but for the order by name."""
    if order == BY_NAME:
        return stems
    open_ones = [k for k, stem in enumerate(stems) if stem not in done]
    rest = [k for k, stem in enumerate(stems) if stem in done]
    if order == RANDOM:
        first = np.random.default_rng(0).permutation(open_ones).astype(int).tolist()
    elif order == UNSURE:
        first = sorted(open_ones, key=lambda k: -traits.unsureness[k])
    else:
        first = _farthest_first(traits.features, open_ones, rest)
    return [stems[k] for k in (*first, *rest)]


def _farthest_first(features: Float[np.ndarray, "n d"], open_ones: list[int], done: list[int]) -> list[int]:
    """Return images such that each is the one least like all before it and those done; the most typical one begins."""
    scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)
    apart = np.full(len(scaled), np.inf)
    for k in done:
        apart = np.minimum(apart, np.linalg.norm(scaled - scaled[k], axis=1))
    if not done:
        apart = -np.linalg.norm(scaled, axis=1)
    chosen: list[int] = []
    left = list(open_ones)
    while left:
        k = max(left, key=lambda i: apart[i])
        left.remove(k)
        chosen.append(k)
        distance = np.linalg.norm(scaled - scaled[k], axis=1)
        apart = distance if len(chosen) == 1 and not done else np.minimum(apart, distance)
    return chosen
