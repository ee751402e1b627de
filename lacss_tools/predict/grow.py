"""The pixels of each cell: the middle of its patch first, and further blocks only where the cell reaches them."""

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from lacss_tools.cells import INSIDE
from lacss_tools.network.device import autocast
from lacss_tools.network.patches import Patches
from lacss_tools.network.segmentor import Segmentor
from lacss_tools.predict.found import encode
from lacss_tools.predict.tiles import Box

BLOCK = 16
"""pixels; patches are made of blocks of this side, the last ones cut where they do not fit"""
AT_ONCE = {"cpu": 512}
"""blocks whose features fit into the cache of a core"""
AT_ONCE_ELSEWHERE = 2**14
"""blocks at a time on a GPU"""
EVEN = 32
"""numbers of blocks are multiples of it: oneDNN keeps code for every number that it has met, half a gigabyte in all"""
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""from a block to its neighbours: above, below, left, right"""


def grow(
    segmentor: Segmentor, features: Float[Tensor, "b y x d"], lois: Float[Tensor, "n 2"], patches: Patches, image: Box
) -> UInt8[Tensor, "n p p"]:
    """Return coded probabilities in each patch, 0 in blocks that the cell does not reach and beyond the image.

    The blocks within one of the centre come first; a cell reaches a block when its mask comes up to the border
    between them. `image` is the image in pixels of the window, which may have been filled up beyond it.
    """
    count, half = -(-patches.size // BLOCK), patches.size // 2
    codes = torch.zeros((len(patches), count, count, BLOCK, BLOCK), dtype=torch.uint8, device=lois.device)
    first, last = max(half - BLOCK, 0) // BLOCK, -(-(half + BLOCK) // BLOCK)
    known = torch.zeros((len(patches), count + 2, count + 2), dtype=torch.bool, device=lois.device)
    known[:, [0, -1]] = known[:, :, [0, -1]] = True  # there is nothing around a patch
    reached = torch.zeros_like(known)
    reached[:, 1:-1, 1:-1][:, first:last, first:last] = True
    at_once = AT_ONCE.get(lois.device.type, AT_ONCE_ELSEWHERE)
    while len(blocks := (reached & ~known).nonzero()):
        known |= reached
        for part in map(even, torch.split(blocks, at_once)):
            owner, at = part[:, 0], part[:, 1:]
            where = Patches(patches.origins[owner] + BLOCK * (at - 1), patches.batch[owner], patches.shape, BLOCK)
            with autocast(lois.device):
                logits = segmentor.patch_logits(features, lois[owner], where)
            seen = encode(torch.sigmoid(logits.float())) * inside(where, image)
            codes[owner, at[:, 0] - 1, at[:, 1] - 1] = seen
            edges = torch.stack([seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1]]) >= INSIDE
            for (dy, dx), touched in zip(SIDES, edges.any(dim=2), strict=True):
                reached[owner, at[:, 0] + dy, at[:, 1] + dx] |= touched
    return codes.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, : patches.size, : patches.size]


def even(blocks: Int64[Tensor, "n 3"]) -> Int64[Tensor, "m 3"]:
    """Return blocks with the last one repeated up to a multiple of EVEN; what is done twice comes out the same."""
    return torch.cat([blocks, blocks[-1:].expand(-len(blocks) % EVEN, -1)])


def inside(patches: Patches, image: Box) -> Bool[Tensor, "n p p"]:
    """Return which pixels of patches lie in a box."""
    line = patches.origins[:, None, :] + torch.arange(patches.size, device=patches.origins.device)[:, None]
    rows, columns = ((line[..., i] >= image[i]) & (line[..., i] < image[i + 2]) for i in (0, 1))
    return rows[:, :, None] & columns[:, None, :]
