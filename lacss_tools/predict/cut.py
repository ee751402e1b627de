"""From the maps of a tile to its cells: proposals, distance NMS, and the mask of each, all on the working grid."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from lacss_tools.cells import INSIDE, LEVELS
from lacss_tools.network.backbone import COARSE_STRIDE, FINE_STRIDE
from lacss_tools.network.lacss import Lacss, Maps
from lacss_tools.network.lpn import cell_centres
from lacss_tools.network.patches import patches_around
from lacss_tools.network.scoring import Scoring
from lacss_tools.predict.found import Found, join
from lacss_tools.predict.grow import grow
from lacss_tools.predict.nms import close_pairs, keep_best
from lacss_tools.predict.settings import PredictSettings
from lacss_tools.predict.tiles import Tile
from lacss_tools.predict.whole import make_whole

AT_ONCE = 2048
"""patches, of a byte per pixel"""
MARGIN = 2
"""pixels kept around a mask: between them and the mask its edge is interpolated on the original grid"""
PLACE_STEP = 1 / 64
"""pixels; locations are multiples of it, which are exact in float32 wherever a tile begins"""


MAX_OFFSET = 1.5 * COARSE_STRIDE
"""pixels between a coarse cell and its location: those learned are shorter (`lpn_radius`), and tiles count on it"""


@dataclass(frozen=True)
class Proposals:
    """Locations that own a cell, best first, in pixels of the tile's window; `image` is their place in the batch."""

    lois: Float[Tensor, "n 2"]
    location_scores: Float[np.ndarray, " n"]
    image: Int64[Tensor, " n"]


def propose(maps: Maps, tile: Tile, margin: float, size: tuple[int, int], settings: PredictSettings) -> Proposals:
    """Return the locations of a batch of windows that survive distance NMS and whose coarse cell is in the core.

    Locations under `min_score` are left out (`Predictor.locating`: no cell of theirs reaches it). Up to `margin`
    pixels around the core others compete, so that both sides of a seam decide alike; `size` is that of the whole
    working image.
    """
    scores = torch.sigmoid(maps.scores)
    centres = cell_centres(maps.scores.shape[1], maps.scores.shape[2], scores.device)
    chosen = scores >= settings.min_score
    offsets = torch.round(maps.offsets.clamp(-MAX_OFFSET, MAX_OFFSET) / PLACE_STEP) * PLACE_STEP
    where = (centres + offsets)[chosen].cpu().numpy().astype(np.float64)
    image, row, column = (part.cpu().numpy() for part in chosen.nonzero(as_tuple=True))
    location_scores = scores[chosen].cpu().numpy().astype(np.float64)
    top, left = tile.window[:2]
    y, x = (row + 0.5) * COARSE_STRIDE + top, (column + 0.5) * COARSE_STRIDE + left
    y0, x0, y1, x1 = tile.core
    near = (y > y0 - margin) & (y < y1 + margin) & (x > x0 - margin) & (x < x1 + margin)
    # at the end of the image coarse cells may lie beyond it
    last_y, last_x = y1 == size[0], x1 == size[1]
    own = (y > y0) & ((y < y1) | last_y) & (x > x0) & ((x < x1) | last_x)
    kept = [np.zeros(0, np.int64)]
    for b in range(len(scores)):
        own_image = np.flatnonzero((image == b) & near)
        order = own_image[np.argsort(-location_scores[own_image], kind="stable")]
        order = order[keep_best(len(order), close_pairs(where[order], settings.nms_distance))]
        inside = ((where[order] + (top, left) > -1) & (where[order] + (top, left) < size)).all(axis=1)
        kept.append(order[own[order] & inside])
    index = np.concatenate(kept)
    device = maps.scores.device
    lois = torch.from_numpy(where[index].astype(np.float32)).to(device)
    return Proposals(lois, location_scores[index], torch.from_numpy(image[index]).to(device))


def at_lois(maps: Maps, tile: Tile, lois: Float[np.ndarray, "n 2"]) -> Proposals:
    """Return LOIs (in working pixels of the image) in the core of a tile as proposals of its only window.

    Each has the best score around it, for a LOI need not lie in the coarse cell that the network prefers.
    """
    y0, x0, y1, x1 = tile.core
    places = lois[((lois >= (y0 - 0.5, x0 - 0.5)) & (lois < (y1 - 0.5, x1 - 0.5))).all(axis=1)] - tile.window[:2]
    places = np.round(places / PLACE_STEP) * PLACE_STEP
    near = F.max_pool2d(torch.sigmoid(maps.scores), 3, stride=1, padding=1)[0].cpu().numpy().astype(np.float64)
    row, column = np.clip(np.floor((places + 0.5) / COARSE_STRIDE).astype(int), 0, np.array(near.shape) - 1).T
    device = maps.scores.device
    where = torch.from_numpy(places.astype(np.float32)).to(device)
    return Proposals(where, near[row, column], torch.zeros(len(places), dtype=torch.long, device=device))


def cut(model: Lacss, maps: Maps, proposals: Proposals, tile: Tile, size: tuple[int, int]) -> list[Found]:
    """Return, for each image of the batch, the cells of its proposals that are not empty.

    What lies beyond the working image, of height and width `size`, belongs to no cell.
    """
    segmentor, (top, left) = model.segmentor, tile.window[:2]
    image_box = (-top, -left, size[0] - top, size[1] - left)
    shape = (maps.features.shape[1] * FINE_STRIDE, maps.features.shape[2] * FINE_STRIDE)
    parts: list[list[Found]] = [[] for _ in maps.scores]
    for k in range(0, len(proposals.lois), AT_ONCE):
        part = slice(k, k + AT_ONCE)
        lois, image = proposals.lois[part], proposals.image[part]
        patches = patches_around(lois, image, shape, segmentor.patch_size)
        codes = grow(segmentor, maps.features, lois, patches, image_box)
        corners = patches.origins + torch.tensor((top, left), device=lois.device)
        places = lois.cpu().double().numpy() + np.array((top, left))
        found = _crop(codes, corners, places, proposals.location_scores[part], size, scoring=model.scoring)
        owners, full = image.cpu().numpy(), found.areas() > 0
        for b in np.unique(owners):
            parts[b].append(found.select(np.flatnonzero((owners == b) & full)))
    return [join(size, own) for own in parts]


def _crop(
    codes: UInt8[Tensor, "n p p"],
    origins: Int64[Tensor, "n 2"],
    places: Float[np.ndarray, "n 2"],
    location_scores: Float[np.ndarray, " n"],
    size: tuple[int, int],
    *,
    scoring: Scoring,
) -> Found:
    """Return the cells of patches, made whole, cut to their masks and MARGIN around; empty ones have no pixel.

    The mean probability inside the mask, for the score, is of whole codes, so that no order of summation shows in it.
    """
    pixels, corners = codes.cpu().numpy(), origins.cpu().numpy()
    low, high = np.zeros((2, *corners.shape), np.int64)
    for axis in (0, 1):
        filled = pixels.max(axis=2 - axis) >= INSIDE  # which is faster than `any`
        first, last = filled.argmax(axis=1), filled.shape[1] - filled[:, ::-1].argmax(axis=1)
        low[:, axis] = np.maximum(first - MARGIN, np.maximum(-corners[:, axis], 0))
        high[:, axis] = np.minimum(last + MARGIN, np.minimum(size[axis] - corners[:, axis], filled.shape[1]))
    ends = np.concatenate([low, high], axis=1).tolist()
    crops, in_pieces = make_whole(
        [pixels[k, a:c, b:d].copy() for k, (a, b, c, d) in enumerate(ends)], places - corners - low
    )
    masks = [crop >= INSIDE for crop in crops]
    areas = np.array([np.count_nonzero(mask) for mask in masks], dtype=np.int64)
    total = np.array([(crop * mask).sum(dtype=np.int64) for crop, mask in zip(crops, masks, strict=True)], np.int64)
    boxes = np.concatenate([corners + low, corners + high], axis=1)
    scores = scoring(location_scores, total / (LEVELS * np.maximum(areas, 1)))
    return Found(size, scores, places, boxes, tuple(crops), location_scores, in_pieces)
