"""The loss terms, one function each; sources are the paper's Methods section (Shrestha et al. 2022)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from lacss_tools.network.patches import Patches, gather, pixel_index, scatter

FOCAL_GAMMA = 2.0
"""power by which the LPN loss weighs down coarse cells that are right already"""
HUBER_DELTA = 0.5
"""error of the border map from which the auxnet loss is linear"""


def weak_loss(
    logits: Float[Tensor, "n p p"],
    patches: Patches,
    mask: Float[Tensor, "b y x"],
    weights: Float[Tensor, " n"] | None = None,
    trust: Float[Tensor, "b y x"] | None = None,
) -> Float[Tensor, ""]:
    """Return the instance loss without instance labels.

    With y_k the probability map of cell k and m the image mask (1 on cells), the mean over cells and valid patch pixels
    of  (1 - m) y_k + m (1 - y_k) + y_k sum_{j != k} -log(1 - y_j).  The first two terms let each cell fill the cell
    area, the third forbids two cells on one pixel; gradient flows through both of its factors. 0 without cells.
    `weights` multiply the terms of each cell (1 without them), where some cells are outlined and others not; `trust` in
    the mask multiplies the first two of each pixel.
    """
    if not len(patches):
        return logits.sum()
    index, valid = pixel_index(patches)
    y = torch.sigmoid(logits)
    claim = F.softplus(logits) * valid  # -log(1 - y)
    total = scatter(claim, index, len(mask), patches.shape)
    rivals = gather(total, index) - claim
    m = gather(mask, index)
    filling = _trusted(y + m - 2 * m * y, trust, index)
    return (_weighted(filling + y * rivals, weights) * valid).sum() / valid.sum()


def full_loss(
    logits: Float[Tensor, "n p p"],
    patches: Patches,
    labels: Float[Tensor, "b y x"],
    own: Float[Tensor, " n"],
    weights: Float[Tensor, " n"] | None = None,
    trust: Float[Tensor, "b y x"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy between each patch and the pixels that carry the cell's own label.

    `weights` multiply the terms of each cell, `trust` in the labels those of each pixel (1 without them).
    """
    if not len(patches):
        return logits.sum()
    index, valid = pixel_index(patches)
    target = (gather(labels, index) == own[:, None, None]).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (_weighted(_trusted(entropy, trust, index), weights) * valid).sum() / valid.sum()


def _trusted(
    terms: Float[Tensor, "n p p"], trust: Float[Tensor, "b y x"] | None, index: Int64[Tensor, "n p p"]
) -> Float[Tensor, "n p p"]:
    return terms if trust is None else terms * gather(trust, index)


def _weighted(terms: Float[Tensor, "n p p"], weights: Float[Tensor, " n"] | None) -> Float[Tensor, "n p p"]:
    return terms if weights is None else terms * weights[:, None, None]


def border_magnitude(y: Float[Tensor, "n y x"]) -> Float[Tensor, "n y x"]:
    """Return the Sobel gradient magnitude of each probability map (0 beyond its edge), clipped to 1."""
    framed = F.pad(y, (1, 1, 1, 1))
    down = framed[:, 2:] - framed[:, :-2]
    right = framed[:, :, 2:] - framed[:, :, :-2]
    vertical = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    horizontal = right[:, :-2] + 2 * right[:, 1:-1] + right[:, 2:]
    return torch.sqrt(vertical.square() + horizontal.square() + 1e-8).clamp(max=1.0)


def aux_loss(border: Float[Tensor, "b y x"], logits: Float[Tensor, "n p p"], patches: Patches) -> Float[Tensor, ""]:
    """Return the Huber loss (delta 0.5) between auxnet's border map and the borders of all cells.

    The cells' borders are E = tanh(sum_k e_k) on the image grid with e_k the Sobel magnitude of y_k; no gradient is
    stopped: the term trains auxnet and the cells. 0 without cells.
    """
    if not len(patches):
        return border.sum() * 0
    index, valid = pixel_index(patches)
    edges = scatter(border_magnitude(torch.sigmoid(logits) * valid) * valid, index, len(border), patches.shape)
    return F.huber_loss(border, torch.tanh(edges), delta=HUBER_DELTA)


def lpn_score_loss(logits: Float[Tensor, "b y x"], target: Float[Tensor, "b y x"]) -> Float[Tensor, ""]:
    """Return the focal loss (gamma 2) summed over the score map, per positive coarse cell."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = torch.sigmoid(logits) * (1 - target) + (1 - torch.sigmoid(logits)) * target
    return (wrong**FOCAL_GAMMA * entropy).sum() / target.sum().clamp(min=1)


def lpn_offset_loss(
    offset: Float[Tensor, "b y x 2"], target: Float[Tensor, "b y x 2"], score: Float[Tensor, "b y x"], stride: int
) -> Float[Tensor, ""]:
    """Return the Huber loss of the offsets, in units of the coarse stride, over positive coarse cells."""
    error = F.huber_loss(offset / stride, target / stride, reduction="none").sum(-1)
    return (error * score).sum() / score.sum().clamp(min=1)
