"""Made-up cells that several tests share: images with cells in them, nuclei, label images, cells that overlap."""

import numpy as np

from lacss_tools.cells import Cells, code_mask


def made_up_image(seed, size=128):
    """Round cells with a bright nucleus and a dim rim, most of them touching, on a noisy background."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels, image, centres = np.zeros((size, size), np.int32), rng.normal(0.1, 0.03, (size, size)), []
    for _ in range(400):
        centre = rng.uniform(8, size - 8, 2)
        if any(np.hypot(*(centre - other)) < 15 for other in centres):
            continue
        centres.append(centre)
        distance = np.hypot(y - centre[0], x - centre[1])
        inside = (distance < rng.uniform(8, 10)) & (labels == 0)
        labels[inside] = len(centres)
        image[inside] += 0.3 + 0.7 * np.exp(-((distance[inside] / 5) ** 2))
    return image.astype(np.float32)[None], labels, np.array(centres)


def nuclei(centres, size=100, radius=6.0, rng=None, edge=2):
    """Return discs with soft edges (float32), all of one radius or each of its own."""
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 20.0)
    for (cy, cx), r in zip(centres, np.broadcast_to(radius, len(centres)), strict=True):
        image += 200 / (1 + np.exp(np.clip((np.hypot(y - cy, x - cx) - r) * edge, -50, 50)))
    return (image + (0 if rng is None else rng.normal(0, 3, image.shape))).astype(np.float32)


def random_labels(rng, side=9, most=6):
    """A label image of up to `most` rectangles painted over one another; labels may be missing."""
    labels = np.zeros((side, side), np.int32)
    for number in range(1, rng.integers(0, most + 1) + 1):
        y, x = rng.integers(0, side, 2)
        h, w = rng.integers(1, side // 2 + 2, 2)
        labels[y : y + h, x : x + w] = number
    return labels


def disturbed(rng, labels):
    """The same labels moved, with pixels and whole cells lost: enough agreement for every IoU to occur."""
    moved = np.roll(labels, rng.integers(-1, 2, 2), (0, 1)) if rng.random() < 0.5 else labels.copy()
    if moved.any():
        moved[moved == rng.integers(1, moved.max() + 1)] *= int(rng.random() < 0.5)
    return np.where(rng.random(labels.shape) < rng.choice([0.7, 0.9, 1.0]), moved, 0).astype(np.int32)


def random_pair(rng):
    truth = random_labels(rng)
    return (random_labels(rng) if rng.random() < 0.3 else disturbed(rng, truth)), truth


def overlapping(rng, shape=(10, 12), most=6):
    """Cells that may overlap, with holes, none empty; scores repeat."""
    boxes, crops = [], []
    for _ in range(rng.integers(0, most + 1)):
        y, x = rng.integers(0, shape[0] - 1), rng.integers(0, shape[1] - 1)
        h, w = rng.integers(1, 7, 2)
        box = (y, x, min(y + h, shape[0]), min(x + w, shape[1]))
        crop = rng.random((box[2] - y, box[3] - x)) < rng.choice([0.6, 0.9, 1.0])
        crop[0, 0] = True
        boxes.append(box)
        crops.append(code_mask(crop))
    n = len(boxes)
    table = np.array(boxes, dtype=np.int64).reshape(n, 4)
    return Cells(shape, rng.integers(1, 6, n) / 5, table[:, :2].astype(float), table, tuple(crops))


def disturbed_cells(rng, cells):
    """Copies of the cells with pixels lost and doubles, in another order, scored at random."""
    keep = rng.permutation(np.concatenate([np.arange(len(cells)), np.flatnonzero(rng.random(len(cells)) < 0.3)]))
    out = cells.select(keep)
    crops = [crop * (rng.random(crop.shape) < rng.choice([0.7, 0.9, 1.0])) for crop in out.crops]
    for crop, old in zip(crops, out.crops, strict=True):
        if not crop.any():
            crop[:] = old
    scores = rng.integers(1, 6, len(out)) / 5
    return Cells(out.shape, scores, out.locations, out.boxes, tuple(crops))


def full_masks(cells):
    out = np.zeros((len(cells), *cells.shape), bool)
    for k, (y0, x0, y1, x1) in enumerate(cells.boxes):
        out[k, y0:y1, x0:x1] = cells.mask(k)
    return out


def tiled_cells(side=18, across=7, contrast=0.6, width=1.6, seed=0):
    """Cells that fill an image as a jittered mesh, parted by lines `contrast` brighter than them (or darker, below 0).

    Returns image (float32), labels and centres; the nearest centre owns a pixel, so the lines are where two are equal.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(across)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    centres = (grid + 0.5) * side + rng.uniform(-side / 5, side / 5, (len(grid), 2))
    y, x = np.mgrid[: side * across, : side * across]
    apart = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1])
    first, second = np.sort(apart, axis=-1)[..., :2].transpose(2, 0, 1)
    image = 1 + contrast * np.exp(-(((second - first) / (2 * width)) ** 2)) + rng.normal(0, 0.03, first.shape)
    return image.astype(np.float32), apart.argmin(axis=-1).astype(np.int32) + 1, centres
