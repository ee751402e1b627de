"""Training fields in memory at the working scale, and random crops of them as a function of (seed, step) alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from lacss_tools.annotate.pseudo.borders import DARK, Evidence, measure
from lacss_tools.annotate.pseudo.labels import pseudo_labels
from lacss_tools.arrays import Image, Labels, Mask, Points
from lacss_tools.network.preprocess import BLACK, normalise, resize, scaled_size, to_working
from lacss_tools.train.augment import vary_intensity
from lacss_tools.train.settings import TrainSettings

EMPTY_WEIGHT = 3.0
"""fields are drawn in proportion to their LOIs plus this, so that each cell is seen equally often"""
LOI_MARGIN = 3.0
"""a LOI this close to the outside of a crop (pixels) still counts, since the cell is visible"""
NEAR = 48.0
"""a crop's centre is at most this far from a LOI, in y and in x"""
BEYOND = 16.0
"""how far a crop, unturned, may reach beyond the field: enough to see its border, and little empty ground"""


@dataclass(frozen=True)
class TrainingImage:
    """One annotated image at the working scale."""

    image: Float[Tensor, "channel y x"]
    mask: Float[Tensor, "y x"]
    """cell area, 0 or 1"""
    labels: Float[Tensor, "y x"]
    """instances: outlined by a person (full supervision) or guessed (weak, `annotate.pseudo`)"""
    lois: Float[Tensor, "n 2"]
    own: Float[Tensor, " n"]
    """label of the cell of each LOI"""
    outlined: bool = False
    """whether the labels are a person's, and so to be believed"""


@dataclass(frozen=True)
class Batch:
    """Crops of equal size; the LOIs of all of them in one list."""

    image: Float[Tensor, "b channel y x"]
    mask: Float[Tensor, "b y x"]
    labels: Float[Tensor, "b y x"]
    lois: Float[Tensor, "n 2"]
    batch: Int64[Tensor, " n"]
    own: Float[Tensor, " n"]
    outlined: Float[Tensor, " n"]
    """1 for LOIs of fields that a person outlined"""
    counts: tuple[int, ...]
    """LOIs of each crop, known on the host"""

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device."""
        apart = device.type == "cuda"  # elsewhere memory that is not pinned may be reused before it was read
        return self._each(lambda part: part.to(device, non_blocking=apart))

    def pinned(self) -> "Batch":
        """Return the batch in memory that a GPU copies from without making the host wait."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: change(value) for name, value in tensors.items()})  # type: ignore[arg-type]


def weak_field(image: Image, mask: Mask, lois: Points, scale: float, borders: str = DARK) -> TrainingImage:
    """Build a field from LOIs and an image-level mask; its labels are guessed, as fits the `borders` between cells."""
    return guess(unguessed_field(image, mask, lois, scale), borders)


def unguessed_field(image: Image, mask: Mask, lois: Points, scale: float) -> TrainingImage:
    """Build a field from LOIs and an image-level mask, without labels yet."""
    size = scaled_size(image.shape[1:], scale)
    pixels = resize(normalise(image), size)
    area = resize(torch.from_numpy(mask.astype(np.float32))[None], size)[0] > 0.5
    where = to_working(torch.from_numpy(lois).float(), mask.shape, size)
    own = torch.arange(1, len(lois) + 1).float()
    return TrainingImage(pixels, area.float(), torch.zeros(size), where, own)


def guess(field: TrainingImage, borders: str) -> TrainingImage:
    """Return the field with pseudo-labels."""
    labels = pseudo_labels(*_seen(field), borders)
    return replace(field, labels=torch.from_numpy(labels).float())


def border_evidence(field: TrainingImage) -> Evidence:
    """Return what an image tells about the borders between its cells."""
    return measure(*_seen(field))


def _seen(field: TrainingImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of the channels, the mask and the LOIs as arrays."""
    return field.image.mean(0).numpy(), (field.mask > 0).numpy(), field.lois.double().numpy()


def full_field(image: Image, labels: Labels, lois: Points, own: np.ndarray, scale: float) -> TrainingImage:
    """Build a field from instance labels; `own` is the label of the cell of each LOI."""
    size = scaled_size(image.shape[1:], scale)
    names, dense = np.unique(labels, return_inverse=True)  # float32 cannot tell labels above 2^24 apart
    dense = dense.reshape(labels.shape) + (names[0] > 0)
    own = np.searchsorted(names, own) + (names[0] > 0)
    instances = F.interpolate(torch.from_numpy(dense)[None, None].float(), size=size, mode="nearest-exact")[0, 0]
    where = to_working(torch.from_numpy(lois).float(), labels.shape, size)
    pixels = resize(normalise(image), size)
    return TrainingImage(
        pixels, (instances > 0).float(), instances, where, torch.from_numpy(own).float(), outlined=True
    )


def draw_batch(fields: list[TrainingImage], settings: TrainSettings, step: int, rank: int = 0) -> Batch:
    """Return the batch of `step`: the same for the same seed, whatever ran before, which makes resuming exact.

    Each process of a distributed training draws its own by its `rank`.
    """
    rng = np.random.default_rng([settings.seed, step, rank])
    chance = np.array([len(field.lois) + EMPTY_WEIGHT for field in fields])
    chosen = rng.choice(len(fields), size=settings.batch, p=chance / chance.sum())
    crops = [draw_crop(fields[int(k)], settings, rng) for k in chosen]
    counts = tuple(len(crop.lois) for crop in crops)
    owner = torch.repeat_interleave(torch.arange(len(crops)), torch.tensor(counts))
    return Batch(
        torch.stack([crop.image for crop in crops]),
        torch.stack([crop.mask for crop in crops]),
        torch.stack([crop.labels for crop in crops]),
        torch.cat([crop.lois for crop in crops]),
        owner,
        torch.cat([crop.own for crop in crops]),
        torch.tensor([float(crop.outlined) for crop in crops])[owner],
        counts,
    )


def draw_crop(field: TrainingImage, settings: TrainSettings, rng: np.random.Generator) -> TrainingImage:
    """Cut a random square, turned, mirrored and resized, with changed brightness and jittered LOIs.

    The crop is centred on a random LOI (or anywhere, one time in five), so that empty areas do not waste steps.
    """
    size = settings.crop
    matrix = random_matrix(settings.scale_range, rng)
    centre = random_centre(field, size, rng)
    image = sample(field.image, matrix, centre, size, "bilinear", outside=BLACK)
    mask, labels = sample(torch.stack([field.mask, field.labels]), matrix, centre, size)
    half = (size - 1) / 2
    lois = (field.lois - centre) @ torch.linalg.inv(matrix).T + half
    inside = ((lois > -LOI_MARGIN) & (lois < size - 1 + LOI_MARGIN)).all(dim=1)
    noise = torch.from_numpy(rng.normal(0, settings.jitter, (len(lois), 2))).float()
    lois = (lois + noise).clamp(0, size - 1)
    return TrainingImage(
        vary_intensity(image, settings, rng), mask, labels, lois[inside], field.own[inside], field.outlined
    )


def random_matrix(scale_range: float, rng: np.random.Generator) -> Float[Tensor, "2 2"]:
    """Return the matrix from crop offsets to image offsets, (y, x): rotation by any angle, mirror, scale."""
    angle, flip = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
    factor = float(np.exp(rng.uniform(-1, 1) * np.log1p(scale_range)))
    cos, sin = np.cos(angle) / factor, np.sin(angle) / factor
    return torch.tensor([[cos, -sin * flip], [sin, cos * flip]], dtype=torch.float32)


def random_centre(field: TrainingImage, crop: int, rng: np.random.Generator) -> Float[Tensor, " 2"]:
    """Return the (y, x) of the centre, in the field, of a crop of side `crop`; of a small field the middle."""
    sides = torch.tensor(field.image.shape[1:], dtype=torch.float32)
    if len(field.lois) == 0 or rng.random() < 0.2:
        return torch.from_numpy(rng.uniform(0, sides.numpy())).float()
    near = field.lois[int(rng.integers(len(field.lois)))] + torch.from_numpy(rng.uniform(-NEAR, NEAR, 2)).float()
    inset = (sides / 2).clamp(max=crop / 2 - BEYOND)
    return torch.minimum(torch.maximum(near, inset), sides - inset)


def sample(
    image: Float[Tensor, "channel y x"],
    matrix: Float[Tensor, "2 2"],
    centre: Float[Tensor, " 2"],
    size: int,
    mode: str = "nearest",
    outside: float = 0.0,
) -> Float[Tensor, "channel size size"]:
    """Read a square of `size` pixels around `centre`; beyond the image it holds the value `outside`."""
    line = torch.arange(size) - (size - 1) / 2
    offsets = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1)
    where = offsets @ matrix.T + centre
    extent = torch.tensor(image.shape[1:], dtype=torch.float32)
    normal = (where + 0.5) / extent * 2 - 1
    grid = normal.flip(-1)[None]
    return F.grid_sample(image[None] - outside, grid, mode=mode, align_corners=False)[0] + outside
