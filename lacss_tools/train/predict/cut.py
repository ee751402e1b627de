"""From the maps of a tile to its cells: proposals, distance NMS, and the mask of each cell on the original grid."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from lacss_tools.cells import MASK_LEVEL
from lacss_tools.train.device import autocast
from lacss_tools.train.model.backbone import COARSE_STRIDE, FINE_STRIDE
from lacss_tools.train.model.lacss import Lacss, Maps
from lacss_tools.train.model.lpn import cell_centres
from lacss_tools.train.model.patches import Patches, patches_around
from lacss_tools.train.predict.found import INSIDE, LEVELS, Found, encode, join
from lacss_tools.train.predict.nms import close_pairs, keep_best
from lacss_tools.train.predict.tiles import Tile
from lacss_tools.train.settings import PredictSettings

AT_ONCE = {"cpu": 32}
"""patches whose features fit into the cache of a core"""
AT_ONCE_ELSEWHERE = 512
PLACE_STEP = 1 / 64
"""pixels; locations are multiples of it, which are exact in float32 wherever a tile begins"""


@dataclass(frozen=True)
class Frame:
    """How a working image lies on its original: sizes of both, (height, width)."""

    size: tuple[int, int]
    shape: tuple[int, int]

    @property
    def factor(self) -> tuple[float, float]:
        """Original pixels per working pixel."""
        return self.shape[0] / self.size[0], self.shape[1] / self.size[1]


@dataclass(frozen=True)
class Proposals:
    """Locations that own a cell, best first, in pixels of the tile's window; `image` is their place in the batch."""

    lois: Float[Tensor, "n 2"]
    ranks: Float[np.ndarray, " n"]
    image: Int64[Tensor, " n"]


def propose(maps: Maps, tile: Tile, margin: float, frame: Frame, settings: PredictSettings) -> Proposals:
    """Return the locations of a batch of windows that stay after distance NMS and whose coarse cell is in the core.

    Up to `margin` pixels around the core others compete, so that both sides of a seam decide alike.
    """
    scores = torch.sigmoid(maps.scores)
    centres = cell_centres(maps.scores.shape[1], maps.scores.shape[2], scores.device)
    chosen = scores >= settings.min_score
    offsets = torch.round(maps.offsets / PLACE_STEP) * PLACE_STEP
    where = (centres + offsets)[chosen].cpu().numpy().astype(np.float64)
    image, row, column = (part.cpu().numpy() for part in chosen.nonzero(as_tuple=True))
    ranks = scores[chosen].cpu().numpy().astype(np.float64)
    top, left = tile.window[:2]
    y, x = (row + 0.5) * COARSE_STRIDE + top, (column + 0.5) * COARSE_STRIDE + left
    y0, x0, y1, x1 = tile.core
    near = (y > y0 - margin) & (y < y1 + margin) & (x > x0 - margin) & (x < x1 + margin)
    # at the end of the image coarse cells may lie beyond it
    last_y, last_x = y1 == frame.size[0], x1 == frame.size[1]
    own = (y > y0) & ((y < y1) | last_y) & (x > x0) & ((x < x1) | last_x)
    kept = [np.zeros(0, np.int64)]
    for b in range(len(scores)):
        own_image = np.flatnonzero((image == b) & near)
        order = own_image[np.argsort(-ranks[own_image], kind="stable")]
        order = order[keep_best(len(order), close_pairs(where[order], settings.nms_distance))]
        inside = ((where[order] + (top, left) > -1) & (where[order] + (top, left) < frame.size)).all(axis=1)
        kept.append(order[own[order] & inside])
    index = np.concatenate(kept)
    device = maps.scores.device
    lois = torch.from_numpy(where[index].astype(np.float32)).to(device)
    return Proposals(lois, ranks[index], torch.from_numpy(image[index]).to(device))


def cut(model: Lacss, maps: Maps, proposals: Proposals, tile: Tile, frame: Frame) -> list[Found]:
    """Return, for each image of the batch, the cells of its proposals that are not empty, on the original grid.

    Patches are cut at two thirds of their size first, and whole only where the cell reaches that far.
    """
    whole = model.segmentor.patch_size
    small = whole - 2 * FINE_STRIDE * round(whole / (6 * FINE_STRIDE))
    at_once = AT_ONCE.get(maps.features.device.type, AT_ONCE_ELSEWHERE)
    parts: list[list[Found]] = [[] for _ in maps.scores]
    for k in range(0, len(proposals.lois), at_once):
        part = slice(k, k + at_once)
        lois, image, ranks = proposals.lois[part], proposals.image[part], proposals.ranks[part]
        y, patches = _probabilities(model, maps, lois, image, tile, small)
        wide = _touches(y)
        narrow = ~wide
        pieces = [(narrow, y[narrow], Patches(patches.origins[narrow], image[narrow], patches.shape, small))]
        if wide.any():
            pieces.append((wide, *_probabilities(model, maps, lois[wide], image[wide], tile, whole)))
        for chosen, values, where in pieces:
            found = _on_original(values, where, lois[chosen], ranks[chosen.cpu().numpy()], tile, frame)
            owners = where.batch.cpu().numpy()
            full = found.areas > 0
            for b in np.unique(owners):
                parts[b].append(found.select(np.flatnonzero((owners == b) & full)))
    return [join(frame.shape, own) for own in parts]


def _probabilities(
    model: Lacss, maps: Maps, lois: Float[Tensor, "n 2"], image: Int64[Tensor, " n"], tile: Tile, size: int
) -> tuple[Float[Tensor, "n p p"], Patches]:
    shape = (maps.features.shape[1] * FINE_STRIDE, maps.features.shape[2] * FINE_STRIDE)
    patches = patches_around(lois, image, shape, size)
    with autocast(lois.device):
        logits = model.segmentor.patch_logits(maps.features, lois, patches)
    y0, x0, y1, x1 = tile.window
    return continue_inwards(torch.sigmoid(logits.float()), patches.origins, (y1 - y0, x1 - x0)), patches


def continue_inwards(
    y: Float[Tensor, "n p p"], origins: Int64[Tensor, "n 2"], window: tuple[int, int]
) -> Float[Tensor, "n p p"]:
    """Return patches whose pixels beyond the window repeat the ones at its edge.

    There the network has seen nothing, and what it says would reach into the image when patches are resampled.
    """
    end = origins.new_tensor(window)
    over = ((origins < 0) | (origins + y.shape[1] > end)).any(dim=1).nonzero()[:, 0]
    if not len(over):
        return y
    line = torch.arange(y.shape[1], device=y.device)
    lines = [
        ((origins[over, i, None] + line).clamp(0, window[i] - 1) - origins[over, i, None]).clamp(0, y.shape[1] - 1)
        for i in (0, 1)
    ]
    y[over] = y[over[:, None, None], lines[0][:, :, None], lines[1][:, None, :]]
    return y


def _touches(y: Float[Tensor, "n p p"]) -> Tensor:
    """Return which cells reach the border of their patch."""
    mask = y > MASK_LEVEL
    return mask[:, [0, -1]].any(dim=2).any(dim=1) | mask[:, :, [0, -1]].any(dim=1).any(dim=1)


def _on_original(
    y: Float[Tensor, "n p p"],
    patches: Patches,
    lois: Float[Tensor, "n 2"],
    ranks: Float[np.ndarray, " n"],
    tile: Tile,
    frame: Frame,
) -> Found:
    """Return the cells of patches: resampled, cut to the image and to their masks; empty ones have area 0.

    The score is the proposal's times the mean probability inside the mask, of whole codes, so that no order of
    summation shows in it.
    """
    corner = torch.tensor(tile.window[:2], device=lois.device)
    placed = Patches(patches.origins + corner, patches.batch, patches.shape, patches.size)
    first, values = to_original(y, placed, frame)
    codes = encode(values)
    for axis in (0, 1):
        line = first[:, axis, None] + np.arange(codes.shape[axis + 1])
        codes *= np.expand_dims((line >= 0) & (line < frame.shape[axis]), 2 - axis)
    inside = np.asarray(codes >= INSIDE)
    areas = np.count_nonzero(inside, axis=(1, 2))
    total = np.where(inside, codes, 0).sum(axis=(1, 2), dtype=np.int64)
    lines = [np.asarray(inside.any(axis=2)), np.asarray(inside.any(axis=1))]
    low = np.stack([line.argmax(axis=1) for line in lines], axis=1) if len(ranks) else np.zeros((0, 2), np.int64)
    ends = [line.shape[1] - line[:, ::-1].argmax(axis=1) for line in lines] if len(ranks) else [areas, areas]
    high = np.stack(ends, axis=1)
    crops = tuple(codes[k, a:c, b:d].copy() for k, ((a, b), (c, d)) in enumerate(zip(low, high, strict=True)))
    places = (lois.double().cpu().numpy() + tile.window[:2] + 0.5) * frame.factor - 0.5
    scores = ranks * total / (LEVELS * np.maximum(areas, 1))
    return Found(frame.shape, ranks, scores, places, np.concatenate([first + low, first + high], axis=1), areas, crops)


def to_original(
    y: Float[Tensor, "n p p"], patches: Patches, frame: Frame
) -> tuple[Int64[np.ndarray, "n 2"], Float[np.ndarray, "n h w"]]:
    """Resample probabilities from the working to the original grid: the first (y, x) of each window, and its values.

    Origins are those in the whole working image. Only the boxes of the masks are resampled, all of a chunk to the
    same extent, since most of a patch is background.
    """
    low, extent = _mask_boxes(y)
    if frame.shape == frame.size:
        low = torch.minimum(low, patches.size - low.new_tensor(extent))
        lines = [low[:, i, None] + torch.arange(extent[i], device=y.device) for i in (0, 1)]
        number = torch.arange(len(y), device=y.device)
        values = y[number[:, None, None], lines[0][:, :, None], lines[1][:, None, :]]
        return (patches.origins + low).cpu().numpy(), values.float().cpu().numpy()
    factor = torch.tensor(frame.factor, device=y.device, dtype=torch.float64)
    first = torch.floor((patches.origins + low - 0.5) * factor - 0.5).long()
    sides = [int(np.ceil((extent[i] + 2) * frame.factor[i])) + 1 for i in (0, 1)]
    normal = []
    for i, side in enumerate(sides):
        line = (torch.arange(side, device=y.device) + first[:, i, None] + 0.5) / factor[i] - 0.5
        normal.append(((line - patches.origins[:, i, None] + 0.5) / patches.size * 2 - 1).float())
    grid = torch.stack(
        [normal[1][:, None, :].expand(-1, sides[0], -1), normal[0][:, :, None].expand(-1, -1, sides[1])], dim=-1
    )
    values = F.grid_sample(y[:, None].float(), grid, mode="bilinear", align_corners=False)[:, 0]
    return first.cpu().numpy(), values.cpu().numpy()


def _mask_boxes(y: Float[Tensor, "n p p"]) -> tuple[Int64[Tensor, "n 2"], tuple[int, int]]:
    """Return the first row and column of each mask, and how many rows and columns, at least 1, hold any from there."""
    mask = y > MASK_LEVEL
    lows, extents = [], []
    for other in (2, 1):
        line = mask.any(dim=other).to(torch.int8)
        first = line.argmax(dim=1)
        last = line.shape[1] - line.flip(1).argmax(dim=1)
        filled = line.any(dim=1)
        lows.append(torch.where(filled, first, 0))
        extents.append(int(torch.where(filled, last - first, 1).max()) if len(y) else 1)
    return torch.stack(lows, dim=1), (extents[0], extents[1])
