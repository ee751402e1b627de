"""From the pixels of a file to what the network sees: intensity range and working scale."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.arrays import Image
from lacss_tools.contrast import Range, percentile_range

LOW, HIGH = 1.0, 99.7
"""percentiles of each channel that become 0 and 1"""
CEILING = 2.0
"""intensities are cut at twice the range"""
ROOT_GAIN = 2.0
"""of the square root of the intensity"""
BLACK = -0.5
"""what the darkest percentile becomes; images are continued by it beyond their edges"""
SCALE_LIMITS = (0.05, 4.0)
"""smallest and largest factor of resizing to the working scale"""
SAMPLED_SIDE = 2048
"""up to twice this side, percentiles come from every second line"""


def sample_step(shape: tuple[int, int]) -> int:
    """Return the step between lines that percentiles are taken from: 2, more in very large images."""
    return max(2, int(np.sqrt(shape[0] * shape[1]) / SAMPLED_SIDE))


def intensity_range(image: Image, step: int | None = None) -> Range:
    """Return the 1st and 99.7th percentile of each channel, on every `step`th pixel of every `step`th line."""
    step = sample_step((image.shape[1], image.shape[2])) if step is None else step
    usual = percentile_range(image[:, ::step, ::step], (LOW, HIGH), axis=(1, 2))
    return Range(usual.low.astype(np.float32), usual.high.astype(np.float32))


def to_range(image: Image, intensities: Range) -> Image:
    """Map `intensities` to 0 and 1, take the square root (dim cells stay visible), centre."""
    out: Image = np.sqrt(np.clip(intensities.scale(image, 1e-6), 0, CEILING)) * ROOT_GAIN + BLACK
    return out


def normalise(image: Image) -> Float[Tensor, "channel y x"]:
    """Map each channel's 1st and 99.7th percentile to 0 and 1, take the square root (dim cells stay visible), centre.

    Unchanged by any gain and offset of the camera. A constant channel becomes constant.
    """
    return torch.from_numpy(to_range(image, intensity_range(image)))


def typical_diameter(mask_area: float, lois: int) -> float:
    """Return how many pixels a typical cell is across, from the weak labels alone: sqrt(4/pi * mask area / LOIs)."""
    return float(np.sqrt(4 / np.pi * max(mask_area, 1.0) / max(lois, 1)))


def working_scale(diameter: float, cell_diameter: float) -> float:
    """Return the factor that brings a cell of `diameter` pixels to `cell_diameter`, within SCALE_LIMITS."""
    return float(np.clip(cell_diameter / diameter, *SCALE_LIMITS))


def scaled_size(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the size of an image of `shape` at the working scale, at least 32 pixels."""
    return max(32, round(shape[0] * scale)), max(32, round(shape[1] * scale))


def resize(image: Float[Tensor, "channel y x"], size: tuple[int, int]) -> Float[Tensor, "channel y2 x2"]:
    """Resize with antialiasing."""
    if tuple(image.shape[1:]) == size:
        return image
    return F.interpolate(image[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


def pad(image: Float[Tensor, "b channel y x"], multiple: int) -> Float[Tensor, "b channel y2 x2"]:
    """Continue images in black at the bottom and right up to a multiple of `multiple` pixels."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % multiple, 0, -height % multiple), value=BLACK)


def to_working(points: Float[Tensor, "n 2"], shape: tuple[int, int], size: tuple[int, int]) -> Float[Tensor, "n 2"]:
    """Move (y, x) from an image of `shape` to its resized copy of `size`; pixel centres are at whole numbers."""
    factor = torch.tensor([size[0] / shape[0], size[1] / shape[1]], dtype=points.dtype)
    return (points + 0.5) * factor - 0.5
