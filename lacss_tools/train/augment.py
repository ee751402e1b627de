"""Vary intensity, noise and sharpness of training crops, as exposure, stain, detector and focus do.

(Flips, rotation by any angle and scale are one resampling with the crop itself: `crops.random_matrix`.) Each function
is a plain change of pixels, on whatever device they are; `draw_strengths` draws how much, on the host, from the
generator of the step. A strength of 0 in the settings draws nothing, so that switching one on or off leaves the draws
of the others as they are.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.network.preprocess import BLACK
from lacss_tools.train.moving import Moving
from lacss_tools.train.settings import TrainSettings

CONTRAST = 2.0
"""from black to white in a normalised image"""
Crop = Float[Tensor, "*batch channel y x"]


@dataclass(frozen=True)
class Strengths(Moving):
    """How much each crop of a batch is changed; one row per crop."""

    gain: Float[Tensor, "b channel 1 1"]
    offset: Float[Tensor, "b channel 1 1"]
    spread: Float[Tensor, "b 1 1 1"]
    """standard deviation of the noise"""
    grain: Float[Tensor, "b channel y x"]
    """noise of standard deviation 1"""
    power: Float[Tensor, "b 1 1 1"] | None
    """of `gamma`; None where the settings ask for none"""
    kernels: Float[Tensor, "b taps"] | None
    """of `blur`; likewise"""
    visible: Float[Tensor, "b channel 1 1"] | None = None
    """1, or 0 for nuclei that are blanked; None for images without nuclei"""


def draw_strengths(
    shape: tuple[int, int, int], settings: TrainSettings, rng: np.random.Generator, nuclei: bool = False
) -> Strengths:
    """Draw the changes of one crop of `shape` (channels, height, width), as a batch of one on the host.

    `nuclei` says whether the last channel is that of the nuclei, which may be blanked.
    """
    channels = shape[0]
    gain = rng.uniform(1 / (1 + settings.gain), 1 + settings.gain, (1, channels, 1, 1)).astype(np.float32)
    offset = rng.uniform(-settings.offset, settings.offset, (1, channels, 1, 1)).astype(np.float32)
    spread = float(rng.uniform(0, settings.noise))
    grain = torch.from_numpy(rng.standard_normal((1, *shape), dtype=np.float32))
    power = kernels = None
    if settings.gamma > 0:
        power = _number(np.exp(rng.uniform(-1, 1) * np.log1p(settings.gamma)))
    if settings.blur > 0:
        kernels = gaussian(float(rng.uniform(0, settings.blur)), reach_of(settings.blur))[None]
    visible = None
    if nuclei:
        visible = torch.ones(1, channels, 1, 1)
        visible[0, -1] = float(rng.random() >= settings.blank_nuclei)
    return Strengths(torch.from_numpy(gain), torch.from_numpy(offset), _number(spread), grain, power, kernels, visible)


def _number(value: float) -> Float[Tensor, "1 1 1 1"]:
    return torch.full((1, 1, 1, 1), float(value))


def vary_intensity(images: Float[Tensor, "b channel y x"], how: Strengths) -> Float[Tensor, "b channel y x"]:
    """Change gain and offset of each channel, add noise, and, where the settings say so, gamma and blur.

    `images` are normalised (`working.normalise`), so one unit is half of the contrast of the image. Blanked nuclei are
    black, which is also what normalisation makes of a channel of zeros: the same as where there are none in prediction.
    """
    if how.power is not None:
        images = gamma(images, how.power)
    if how.kernels is not None:
        images = blur(images, how.kernels)
    images = images * how.gain + how.offset + how.grain * how.spread
    return images if how.visible is None else torch.where(how.visible > 0, images, BLACK)


def gamma(image: Crop, power: float | Tensor) -> Crop:
    """Raise the brightness above black, in units of the image's contrast, to `power`; black and white stay.

    >>> gamma(torch.tensor([[[-0.5, 0.0, 1.5]]]), 2.0).tolist()
    [[[-0.5, -0.375, 1.5]]]
    """
    return ((image - BLACK).clamp(min=0) / CONTRAST) ** power * CONTRAST + BLACK


def reach_of(sigma: float) -> int:
    """Return how many pixels to each side a blur of `sigma` pixels takes in."""
    return max(1, round(3 * sigma))


def gaussian(sigma: float, reach: int) -> Float[Tensor, " taps"]:
    """Return a Gaussian of `sigma` pixels that sums to 1, cut at its own reach, in `reach` pixels to each side."""
    own = reach_of(sigma)
    line = torch.arange(-own, own + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (line / max(sigma, 1e-3)) ** 2)
    return F.pad(kernel / kernel.sum(), (reach - own,) * 2)


def blur(images: Float[Tensor, "b channel y x"], kernels: Float[Tensor, "b taps"]) -> Float[Tensor, "b channel y x"]:
    """Smooth each image by its own kernel along both axes, as out of focus; beyond the edge its pixels are repeated."""
    batch, channels, reach = len(images), images.shape[1], kernels.shape[1] // 2
    planes = F.pad(images, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    each = kernels.repeat_interleave(channels, dim=0)
    tall = F.conv2d(planes, each[:, None, :, None], groups=batch * channels)
    return F.conv2d(tall, each[:, None, None, :], groups=batch * channels).view(images.shape)
