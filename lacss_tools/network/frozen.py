"""A network with fixed norms: measured once on an image, then the same for all of its tiles.

Group norm and channel attention depend on the whole map that they see, so a tile cut from an image would get other
features than the image in one piece, and its own contrast. Here their statistics are taken once, jointly over a few
windows of the image, layer by layer in one pass; with them fixed the network is a plain convolution of finite reach.
"""

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lacss_tools.network.backbone import ChannelAttention
from lacss_tools.network.lacss import Lacss, Maps


class FrozenNorm(nn.Module):
    """Group norm with the statistics of the first batch that it sees, over all its images together."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.norm = norm
        self.mean: Tensor | None = None
        self.variance: Tensor | None = None

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Return (x - mean of the group) / its standard deviation, with the norm's own gain and bias."""
        if self.mean is None or self.variance is None:
            self.mean, self.variance = group_statistics(x, self.norm.num_groups)
        return F.batch_norm(x, self.mean, self.variance, self.norm.weight, self.norm.bias, eps=self.norm.eps)


class FrozenAttention(nn.Module):
    """Channel attention with the factors that the first batch gives, over all its images together."""

    def __init__(self, attention: ChannelAttention) -> None:
        super().__init__()
        self.attention = attention
        self.factors: Tensor | None = None

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Return the map with its channels scaled."""
        if self.factors is None:
            means = x.mean(dim=(0, 2, 3), keepdim=True)
            self.factors = self.attention.excite(F.relu(self.attention.squeeze(means))).sigmoid()
        return x * self.factors


def group_statistics(x: Float[Tensor, "b c y x"], groups: int) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Return mean and variance of each channel's group over batch, group and map, in float32."""
    # on the host: Apple's GPUs have no float64
    variance, mean = (part.cpu().double() for part in torch.var_mean(x.float(), dim=(0, 2, 3), correction=0))
    means = mean.view(groups, -1).mean(dim=1, keepdim=True)
    variances = (variance + mean.square()).view(groups, -1).mean(dim=1, keepdim=True) - means.square()
    size = x.shape[1] // groups
    wide = torch.stack([means, variances]).expand(-1, -1, size).reshape(2, -1).float().to(x.device)
    return wide[0], wide[1]


def freeze(model: Lacss, windows: Float[Tensor, "b channel y x"]) -> tuple[Lacss, Maps]:
    """Return a copy of `model` whose norms have the statistics of `windows`, and its maps of them."""
    frozen = copy.deepcopy(model)
    for name, module in list(frozen.named_modules()):
        replacement: nn.Module | None = None
        if isinstance(module, nn.GroupNorm):
            replacement = FrozenNorm(module)
        elif isinstance(module, ChannelAttention):
            replacement = FrozenAttention(module)
        if replacement is not None:
            parent, _, last = name.rpartition(".")
            setattr(frozen.get_submodule(parent), last, replacement)
    return frozen, frozen(windows)
