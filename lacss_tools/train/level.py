"""The level at which a probability map becomes a mask, calibrated on the training masks.

At borders, where the network is unsure, it gives the pixels of both sides a probability under 0.5, so cells come out
too small. How large they are in all is known from the labels of the training, pseudo-labels too: no outline is needed.
"""

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.network.backbone import DEEPEST_STRIDE
from lacss_tools.network.device import autocast
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.patches import gather, patches_around, pixel_index
from lacss_tools.network.working import pad
from lacss_tools.train.crops import TrainingImage

MOST_IMAGES = 12
"""to look at, spread over all"""
MOST_CELLS = 256
"""of each of them"""
LARGEST = 1.5
"""change of a logit; more would not be a matter of level"""


def calibrated(model: Lacss, images: list[TrainingImage], device: torch.device) -> Lacss:
    """Return a copy of `model` whose cells at the training LOIs cover, in all, as many pixels as their labels do."""
    level = mask_level(model, images, device)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied.segmentor.prior[0] += level  # a constant of every mask logit
    return copied


def mask_level(model: Lacss, images: list[TrainingImage], device: torch.device) -> float:
    """Return what to add to every mask logit; 0 where there is no cell to tell.

    Each cell counts for itself: where two cells share pixels, both have them. Where some images are outlined, they
    alone tell.
    """
    some = [image for image in images if len(image.lois)]
    chosen = [image for image in some if image.outlined] or some
    pairs = [cell_logits(model, image, device) for image in chosen[:: -(-len(chosen) // MOST_IMAGES) or 1]]
    logits = torch.cat([torch.zeros(0), *(logits for logits, _ in pairs)])
    area = sum(area for _, area in pairs)
    if not 0 < area < len(logits):
        return 0.0
    level = -float(torch.kthvalue(logits, len(logits) - area).values)
    return max(-LARGEST, min(LARGEST, level))


@torch.no_grad()
def cell_logits(model: Lacss, image: TrainingImage, device: torch.device) -> tuple[Float[Tensor, " m"], int]:
    """Return the mask logits of cells of an image, all in one, and how many pixels their labels have.

    Pixels of a label beyond the patch of its cell do not count.
    """
    some = slice(None, None, -(-len(image.lois) // MOST_CELLS))
    lois, own = image.lois[some].to(device), image.own[some].to(device)
    pixels = pad(image.image[None], DEEPEST_STRIDE).to(device)
    shape = (pixels.shape[2], pixels.shape[3])
    labels = F.pad(image.labels[None], (0, shape[1] - image.labels.shape[1], 0, shape[0] - image.labels.shape[0]))
    of_one = torch.zeros(len(lois), dtype=torch.long, device=device)
    patches = patches_around(lois, of_one, shape, model.segmentor.patch_size)
    with autocast(device):
        logits = model.segmentor.patch_logits(model(pixels).features, lois, patches)
    index, valid = pixel_index(patches)
    area = ((gather(labels.to(device), index) == own[:, None, None]) & valid).sum()
    return logits[valid].float().cpu(), int(area)
