"""Location proposal network (LPN): coarse map -> where the cells are (paper, Methods; scores by focal loss).

Each cell of the coarse map says how likely a LOI lies near and at which offset.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lacss_tools.network.backbone import COARSE_STRIDE

EXACT = "donot_use_mm_for_euclid_dist"
"""by products of matrices, which a GPU rounds to ten bits, distances would be off by pixels"""


class LPN(nn.Module):
    """3x3 convolution and 1x1 convolutions -> score logit and (dy, dx) in units of the coarse stride."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.score = nn.Conv2d(hidden, 1, 1)
        self.offset = nn.Conv2d(hidden, 2, 1)
        nn.init.constant_(self.score.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, coarse: Float[Tensor, "b c y x"]) -> tuple[Float[Tensor, "b y x"], Float[Tensor, "b y x 2"]]:
        """Return score logits and offsets (dy, dx) from the centre of each coarse cell, in pixels."""
        x = torch.relu(self.conv(coarse))
        offset = self.offset(x).permute(0, 2, 3, 1).float() * COARSE_STRIDE
        return self.score(x)[:, 0].float(), offset


def cell_centres(height: int, width: int, device: torch.device) -> Float[Tensor, "y x 2"]:
    """Return the (y, x) pixel position of the centre of each coarse cell."""
    y = (torch.arange(height, device=device) + 0.5) * COARSE_STRIDE - 0.5
    x = (torch.arange(width, device=device) + 0.5) * COARSE_STRIDE - 0.5
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)


def lpn_targets(
    lois: Float[Tensor, "n 2"], batch: Int64[Tensor, " n"], shape: tuple[int, int, int], radius: float
) -> tuple[Float[Tensor, "b y x"], Float[Tensor, "b y x 2"]]:
    """Return score targets (1 within `radius` pixels of a LOI, else 0) and the (dy, dx) to the nearest LOI.

    `shape` is that of the score map: (batch, height, width); `batch` is the image of each LOI. Nothing is read back
    from the device, so that a GPU need not be waited for.
    """
    if not len(lois):
        return lois.new_zeros(shape), lois.new_zeros((*shape, 2))
    centres = cell_centres(shape[1], shape[2], lois.device).reshape(-1, 2)
    elsewhere = batch != torch.arange(shape[0], device=lois.device)[:, None]
    distance = torch.cdist(centres, lois, compute_mode=EXACT).expand(shape[0], -1, -1)
    least, nearest = distance.masked_fill(elsewhere[:, None], math.inf).min(dim=2)
    offset = (lois[nearest] - centres).masked_fill(least.isinf()[..., None], 0)
    return (least <= radius).float().view(shape), offset.view(*shape, 2)


def best_proposals(
    lois: Float[Tensor, "n 2"],
    batch: Int64[Tensor, " n"],
    scores: Float[Tensor, "b y x"],
    offsets: Float[Tensor, "b y x 2"],
    reach: float,
) -> Float[Tensor, "n 2"]:
    """Return for each LOI the location that the LPN proposes with the highest score within `reach` pixels of it.

    A proposal belongs to the LOI that is nearest to it, and counts from a score of 0.5. A LOI without one stays where
    it is. `scores` are logits and `offsets` in pixels, as `LPN` gives them. The locations carry no gradient (paper,
    Methods). Nothing is read back from the device, so that a GPU need not be waited for.
    """
    if not len(lois):
        return lois
    places = (cell_centres(scores.shape[1], scores.shape[2], lois.device) + offsets.detach()).flatten(1, 2)
    distance = torch.cdist(places, lois.expand(len(places), -1, -1), compute_mode=EXACT)
    elsewhere = batch != torch.arange(len(places), device=lois.device)[:, None]
    least, nearest = (part.flatten() for part in distance.masked_fill(elsewhere[:, None], math.inf).min(dim=2))
    logits = scores.detach().flatten()
    usable = (least <= reach) & (logits >= 0)
    own = usable & (nearest == torch.arange(len(lois), device=lois.device)[:, None])
    best, index = logits.masked_fill(~own, -math.inf).max(dim=1)
    return torch.where(best.isinf()[:, None], lois, places.flatten(0, 1)[index].to(lois.dtype))
