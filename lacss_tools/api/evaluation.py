"""A segmentation against the truth: `lacss eval` as a function."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lacss_tools.api.arguments import as_arguments, as_labels, beside, named
from lacss_tools.cells import Cells, cells_from_labels
from lacss_tools.errors import ArgumentError
from lacss_tools.metrics import metrics
from lacss_tools.metrics.metrics import Evaluation

Segmentation = np.ndarray | Cells
"""a label image (y, x), or cells that may overlap and have scores"""


def evaluate(
    truth: Segmentation | Sequence[Segmentation],
    found: Segmentation | Sequence[Segmentation],
    score_cut: float | None = None,
) -> Evaluation:
    """Compare found cells with true ones, as `lacss eval` does.

    Numbers of several images are pooled, never averaged over images. AP is the paper's: detections ranked by score,
    precision averaged over the true cells, no interpolation. To measure a model's AP, give
    `model.cells(images, all_detections=True)`; label images have no scores, so their AP says little beside
    `accuracy50`, which is TP / (TP + FP + FN).

    Parameters
    ----------
    truth : label image (y, x), Cells, or a list of them
        Outlined cells; in label images 0 is background and 1, 2, ... are the cells.
    found : label image (y, x), Cells, or a list of them
        Segmentation of the same images, by any tool; cells of a label image have score 1.
    score_cut : float, optional
        Rates and counts are those of the cells with this score at least. By default the best F1 at IoU 0.5 decides.

    Returns
    -------
    Evaluation
        `ap50`, `ap75`, `map`; `ap` and `fnr` at the IoU thresholds 0.50, 0.55, ..., 0.95; `rates` (precision, recall,
        F1, PQ, SEG, ...); `images` with numbers of each image; `n_truth`, `n_detections`, `score_cut`. Undefined values
        are None. `as_json()` is a dictionary of it all.

    Raises
    ------
    ArgumentError
        When the two do not belong together or are no label images.

    References
    ----------
    Shrestha, Kuang, Yu, *Communications Biology* 6:232 (2023), Methods: AP, FNR and AFNR.

    Examples
    --------
    >>> import numpy as np
    >>> from lacss_tools import evaluate
    >>> truth = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2]])
    >>> found = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 3]])
    >>> result = evaluate(truth, found)
    >>> result.n_truth, result.n_detections, result.fnr50, round(result.accuracy50, 2)
    (2, 2, 0.5, 0.33)
    """
    true = {name: _as_cells(name, value) for name, value in named(truth, "truth").items()}
    pairs = []
    for (name, value), (of, cells) in zip(beside(found, "found", truth, "truth").items(), true.items(), strict=True):
        mine = _as_cells(name, value)
        if mine.shape != cells.shape:
            raise ArgumentError(f"{name} is {mine.shape} pixels and {of} {cells.shape}. Give one size.")
        pairs.append((mine, cells))
    if score_cut is not None and not np.isfinite(score_cut):
        raise ArgumentError(f"score_cut is {score_cut}. Give a score such as 0.5, or leave it out.")
    with as_arguments():
        return metrics.evaluate(pairs, score_cut)


def _as_cells(name: str, value: Any) -> Cells:
    return value if isinstance(value, Cells) else cells_from_labels(as_labels(name, value))
