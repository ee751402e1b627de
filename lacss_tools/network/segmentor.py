"""Segmentation FCN: fine map + LOI -> logits of one cell in its patch (paper, Methods).

The convolutions run once per image; per cell only a window is cut out, the position relative to the LOI and the
features at the LOI enter by 1x1 convolutions, and a transposed convolution brings it to full resolution.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.network.backbone import FINE_STRIDE, norm
from lacss_tools.network.patches import Patches, pixel_index, relative_lines

PRIOR_HEIGHT = 2.0
"""logit of the radial prior at the LOI"""
PRIOR_REACH = 16.0
"""(r/R)^2 from which the prior is flat, so that long thin cells are not forbidden"""


class Segmentor(nn.Module):
    """Shared convolutions and the per-cell head. `radius` (pixels) is that of a typical cell at the working scale."""

    def __init__(self, fine: int, width: int, patch_size: int, radius: float, group: int = 8) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.radius = radius
        self.shared = nn.Sequential(
            norm(fine, group),
            nn.ReLU(),
            nn.Conv2d(fine, width, 3, padding=1, bias=False),
            norm(width, group),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.position = nn.Sequential(nn.Linear(6, width), nn.ReLU(inplace=True), nn.Linear(width, width, bias=False))
        self.identity = nn.Linear(width, width)
        self.hidden = nn.Linear(width, width)
        self.upscale = nn.Linear(width, FINE_STRIDE**2)  # a transposed convolution of kernel 2 and stride 2
        self.prior = nn.Parameter(torch.tensor([PRIOR_HEIGHT, PRIOR_HEIGHT]))

    def forward(self, fine: Float[Tensor, "b c y x"]) -> Float[Tensor, "b y x d"]:
        """Return the map from which patches are cut, channels last."""
        return self.shared(fine).permute(0, 2, 3, 1).contiguous()  # type: ignore[no-any-return]

    def patch_logits(
        self, features: Float[Tensor, "b y x d"], lois: Float[Tensor, "n 2"], patches: Patches
    ) -> Float[Tensor, "n p p"]:
        """Return one logit per pixel of each patch; 0.5 probability is the border of the cell."""
        n, half = patches.origins.shape[0], patches.size // FINE_STRIDE  # not len(), so that exports keep it open
        index, _ = pixel_index(patches, step=FINE_STRIDE)
        flat = features.reshape(-1, features.shape[-1])
        window = flat.index_select(0, index.reshape(-1)).view(n, half * half, features.shape[-1])
        own = flat.index_select(0, loi_index(patches, lois))
        hidden = self.position(self.squares(patches, lois, features.dtype)).add_(self.identity(own)[:, None])
        hidden = hidden.add_(window).relu_()  # in place: this is most of the memory that prediction goes through
        hidden = self.hidden(hidden).add_(window).relu_()
        blocks = self.upscale(hidden).float().view(n, half, half, FINE_STRIDE, FINE_STRIDE)
        logits = blocks.transpose(2, 3).reshape(n, patches.size, patches.size)
        out: Tensor = logits + self.radial_prior(patches, lois)
        return out

    def squares(self, patches: Patches, lois: Float[Tensor, "n 2"], kind: torch.dtype) -> Float[Tensor, "n m 6"]:
        """Return y, x, yx, yy, xx and r of each window cell from its LOI, in radii of a typical cell, as a `kind`."""
        y, x = (relative_lines(patches, lois, step=FINE_STRIDE) / self.radius).unbind(1)
        y, x = y[:, :, None], x[:, None, :]
        terms = (y, x, y * x, y * y, x * x, torch.sqrt(y * y + x * x + 1e-6))
        # rounded before they are spread over the window, where autocast would do it after
        window = (-1, y.shape[1], y.shape[1])
        return torch.stack([t.clamp(-8, 8).to(kind).expand(window) for t in terms], dim=-1).flatten(1, 2)

    def radial_prior(self, patches: Patches, lois: Float[Tensor, "n 2"]) -> Float[Tensor, "n p p"]:
        """Return a - b min((r/R)^2, 16), which keeps the weak loss from collapsing to empty cells at the start."""
        squares = (relative_lines(patches, lois) / self.radius).square()
        square = squares[:, 0, :, None] + squares[:, 1, None, :]
        return self.prior[0] - self.prior[1] * square.clamp(max=PRIOR_REACH)


def loi_index(patches: Patches, lois: Float[Tensor, "n 2"]) -> Tensor:
    """Return the flat index, into (batch, y // 2, x // 2), of the fine cell that holds each LOI."""
    height, width = patches.shape[0] // FINE_STRIDE, patches.shape[1] // FINE_STRIDE
    y = (lois[:, 0].round().long() // FINE_STRIDE).clamp(0, height - 1)
    x = (lois[:, 1].round().long() // FINE_STRIDE).clamp(0, width - 1)
    return (patches.batch * height + y) * width + x
