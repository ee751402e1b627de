"""Vary intensity, noise and sharpness of training crops, as exposure, stain, detector and focus do.

(Flips, rotation by any angle and scale are one resampling with the crop itself: `crops.random_matrix`.) Each function
changes pixels; `vary_intensity` draws their strengths from the generator of the step. A strength of 0 in
the settings draws nothing, so that switching one on or off leaves the draws of the others as they are.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.network.preprocess import BLACK
from lacss_tools.train.settings import TrainSettings

CONTRAST = 2.0
"""from black to white in a normalised image"""
Crop = Float[Tensor, "channel y x"]


def vary_intensity(image: Crop, settings: TrainSettings, rng: np.random.Generator) -> Crop:
    """Change gain and offset of each channel, add noise, and, where the settings say so, gamma and blur.

    `image` is normalised (`preprocess.normalise`), so one unit is half of the contrast of the image.
    """
    channels = len(image)
    gain = rng.uniform(1 / (1 + settings.gain), 1 + settings.gain, (channels, 1, 1)).astype(np.float32)
    offset = rng.uniform(-settings.offset, settings.offset, (channels, 1, 1)).astype(np.float32)
    spread = float(rng.uniform(0, settings.noise))
    grain = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    if settings.gamma > 0:
        image = gamma(image, float(np.exp(rng.uniform(-1, 1) * np.log1p(settings.gamma))))
    if settings.blur > 0:
        image = blur(image, float(rng.uniform(0, settings.blur)))
    return image * torch.from_numpy(gain) + torch.from_numpy(offset) + grain * spread


def gamma(image: Crop, power: float) -> Crop:
    """Raise the brightness above black, in units of the image's contrast, to `power`; black and white stay.

    >>> gamma(torch.tensor([[[-0.5, 0.0, 1.5]]]), 2.0).tolist()
    [[[-0.5, -0.375, 1.5]]]
    """
    return ((image - BLACK).clamp(min=0) / CONTRAST) ** power * CONTRAST + BLACK


def blur(image: Crop, sigma: float) -> Crop:
    """Smooth by a Gaussian of `sigma` pixels, as if out of focus; edge pixels repeat beyond the edge."""
    reach = max(1, round(3 * sigma))
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (line / max(sigma, 1e-3)) ** 2)
    kernel = kernel / kernel.sum()
    planes = F.pad(image[:, None], (reach,) * 4, mode="replicate")
    smooth = F.conv2d(F.conv2d(planes, kernel[None, None, :, None]), kernel[None, None, None, :])
    return smooth[:, 0]
