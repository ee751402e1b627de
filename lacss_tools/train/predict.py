"""Use a trained model: image in, cells out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lacss_tools.arrays import Image
from lacss_tools.cells import MASK_LEVEL, Cells
from lacss_tools.errors import InputError
from lacss_tools.train.device import autocast
from lacss_tools.train.model.backbone import DEEPEST_STRIDE
from lacss_tools.train.model.lacss import Lacss, Maps
from lacss_tools.train.model.lpn import proposals
from lacss_tools.train.model.patches import Patches, patches_around
from lacss_tools.train.preprocess import normalise, pad, resize, scaled_size
from lacss_tools.train.settings import PredictSettings

CELLS_AT_ONCE = 256


@dataclass(frozen=True)
class Predictor:
    """A model with its working scale; calling it with an image returns the cells, best first."""

    model: Lacss
    scale: float
    device: torch.device
    settings: PredictSettings

    def __call__(self, image: Image) -> Cells:
        """Find the cells of one image (channel, y, x); raises InputError when the number of channels is wrong."""
        expected = self.model.settings.channels
        if len(image) != expected:
            raise InputError(
                f"The image has {len(image)} channels, the model was trained on {expected}. Give the same."
            )
        shape = (image.shape[1], image.shape[2])
        size = scaled_size(shape, self.scale)
        with torch.inference_mode():
            working = pad(resize(normalise(image), size)[None], DEEPEST_STRIDE).to(self.device)
            with autocast(self.device):
                maps = self.model(working)
            return find_cells(self.model, maps, size, shape, self.settings)


def find_cells(
    model: Lacss, maps: Maps, size: tuple[int, int], shape: tuple[int, int], settings: PredictSettings
) -> Cells:
    """Turn the maps of one image of working `size` into cells on its original `shape`."""
    lois, scores = proposals(maps.scores[0], maps.offsets[0], settings.min_score, settings.nms_distance, settings.most)
    inside = ((lois > -1) & (lois < torch.tensor(size, device=lois.device))).all(dim=1)
    lois, scores = lois[inside], scores[inside]
    parts = [_cut(model, maps, lois[k : k + CELLS_AT_ONCE], size, shape) for k in range(0, len(lois), CELLS_AT_ONCE)]
    crops = [crop for part in parts for crop in part]
    boxes, trimmed, confidence, area = _trim(crops, shape)
    factor = np.array([shape[0] / size[0], shape[1] / size[1]])
    cells = Cells(
        shape=shape,
        scores=scores.double().cpu().numpy() * confidence,
        locations=(lois.double().cpu().numpy() + 0.5) * factor - 0.5,
        boxes=boxes,
        crops=trimmed,
    )
    large = area >= settings.min_area * factor.prod()
    order = np.argsort(-cells.scores, kind="stable")
    return suppress(cells.select(order[large[order]]), settings.max_overlap)


def _cut(
    model: Lacss, maps: Maps, lois: Float[Tensor, "n 2"], size: tuple[int, int], shape: tuple[int, int]
) -> list[tuple[int, int, np.ndarray]]:
    """Return (y0, x0, probabilities) of each cell on the original grid."""
    padded = (maps.features.shape[1] * 2, maps.features.shape[2] * 2)
    batch = torch.zeros(len(lois), dtype=torch.long, device=lois.device)
    patches = patches_around(lois, batch, padded, model.segmentor.patch_size)
    with autocast(lois.device):
        logits = model.segmentor.patch_logits(maps.features, lois, patches)
    return to_original(torch.sigmoid(logits), patches, size, shape)


def to_original(
    y: Float[Tensor, "n p p"], patches: Patches, size: tuple[int, int], shape: tuple[int, int]
) -> list[tuple[int, int, np.ndarray]]:
    """Resample patches from the working grid of `size` to the original grid of `shape`: (y0, x0, values) of each."""
    factor = torch.tensor([shape[0] / size[0], shape[1] / size[1]], device=y.device)
    corners = torch.floor((patches.origins + 0.5) * factor - 0.5).long()
    if shape == size:
        return [(int(c[0]), int(c[1]), v) for c, v in zip(corners.tolist(), y.float().cpu().numpy(), strict=True)]
    extent = [int(np.ceil(patches.size * float(f))) + 1 for f in factor]
    lines = [torch.arange(extent[i], device=y.device) + corners[:, i, None] for i in (0, 1)]
    lines = [((line + 0.5) / factor[i] - 0.5) - patches.origins[:, i, None] for i, line in enumerate(lines)]
    normal = [(line + 0.5) / patches.size * 2 - 1 for line in lines]
    grid = torch.stack(
        [normal[1][:, None, :].expand(-1, extent[0], -1), normal[0][:, :, None].expand(-1, -1, extent[1])], dim=-1
    )
    values = F.grid_sample(y[:, None].float(), grid.float(), mode="bilinear", align_corners=False)[:, 0].cpu().numpy()
    return [(int(c[0]), int(c[1]), v) for c, v in zip(corners.tolist(), values, strict=True)]


def _trim(
    crops: list[tuple[int, int, np.ndarray]], shape: tuple[int, int]
) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Cut each crop to the image and to its mask; also mean probability inside the mask, and its area."""
    boxes = np.zeros((len(crops), 4), dtype=np.int64)
    confidence, area = np.zeros(len(crops)), np.zeros(len(crops))
    trimmed: list[np.ndarray] = []
    for k, (y0, x0, values) in enumerate(crops):
        top, left = max(0, -y0), max(0, -x0)
        values = values[top : max(0, shape[0] - y0), left : max(0, shape[1] - x0)]
        mask = values > MASK_LEVEL
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            trimmed.append(np.zeros((0, 0), np.float32))
            continue
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        area[k] = np.count_nonzero(mask)
        confidence[k] = values[mask].mean()
        start = np.array([y0 + top + rows[0], x0 + left + columns[0]])
        trimmed.append(np.ascontiguousarray(values[window]))
        boxes[k] = (*start, *(start + trimmed[-1].shape))
    return boxes, tuple(trimmed), confidence, area


def suppress(cells: Cells, max_overlap: float) -> Cells:
    """Drop each cell (best first) of which more than `max_overlap` of the smaller of the two lies in a kept one."""
    kept: list[int] = []
    areas = cells.areas()
    masks = [cells.mask(k) for k in range(len(cells))]
    for k in range(len(cells)):
        y0, x0, y1, x1 = cells.boxes[k]
        if kept:
            others = cells.boxes[kept]
            near = (others[:, 0] < y1) & (others[:, 2] > y0) & (others[:, 1] < x1) & (others[:, 3] > x0)
            rivals = [kept[int(j)] for j in np.flatnonzero(near)]
        else:
            rivals = []
        if all(_shared(cells, masks, k, j) <= max_overlap * min(areas[k], areas[j]) for j in rivals):
            kept.append(k)
    return cells.select(np.array(kept, dtype=np.int64))


def _shared(cells: Cells, masks: list[np.ndarray], k: int, j: int) -> int:
    low = np.maximum(cells.boxes[k, :2], cells.boxes[j, :2])
    high = np.minimum(cells.boxes[k, 2:], cells.boxes[j, 2:])
    views = []
    for i in (k, j):
        (y0, x0), (y1, x1) = low - cells.boxes[i, :2], high - cells.boxes[i, :2]
        views.append(masks[i][y0:y1, x0:x1])
    return int(np.count_nonzero(views[0] & views[1]))


def load_predictor(path: Path, device: str = "auto", settings: PredictSettings | None = None) -> Predictor:
    """Load a run folder (its best weights) or a .safetensors file; InputError when it is not a model of ours."""
    from lacss_tools.train.checkpoint import load_weights
    from lacss_tools.train.device import choose_device

    chosen = choose_device(device)
    model, scale = load_weights(path)
    return Predictor(model.to(chosen).eval(), scale, chosen, settings or PredictSettings())
