"""Training fields in memory at the working scale, and random crops of them as a function of (seed, step) alone."""

import dataclasses
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from lacss_tools.arrays import Image, Labels, Mask, Points
from lacss_tools.network.preprocess import BLACK, normalise, resize, scaled_size, to_working
from lacss_tools.train.augment import Strengths, draw_strengths, vary_intensity
from lacss_tools.train.moving import M, Moving
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.watershed import watershed_labels

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
    """One annotated image at the working scale; its pixels may be on a GPU, its LOIs are on the host."""

    image: Float[Tensor, "channel y x"]
    mask: Float[Tensor, "y x"]
    """cell area, 0 or 1"""
    labels: Float[Tensor, "y x"]
    """instances: outlined by a person (full supervision) or guessed by watershed (weak)"""
    lois: Float[Tensor, "n 2"]
    own: Float[Tensor, " n"]
    """label of the cell of each LOI"""
    outlined: bool = False
    """whether the labels are a person's, and so to be believed"""

    @cached_property
    def above_black(self) -> Float[Tensor, "channel y x"]:
        """The image with its black at 0, which is what lies beyond its edges."""
        return self.image - BLACK

    @cached_property
    def truth(self) -> Float[Tensor, "2 y x"]:
        """Mask and labels."""
        return torch.stack([self.mask, self.labels])

    def on(self, device: torch.device) -> "TrainingImage":
        """Return the field with its pixels on another device."""
        image, mask, labels = (part.to(device) for part in (self.image, self.mask, self.labels))
        return replace(self, image=image, mask=mask, labels=labels)


@dataclass(frozen=True)
class Loci(Moving):
    """The LOIs of all crops of a batch in one list."""

    lois: Float[Tensor, "n 2"]
    batch: Int64[Tensor, " n"]
    own: Float[Tensor, " n"]
    outlined: Float[Tensor, " n"]
    """1 for LOIs of fields that a person outlined"""
    counts: tuple[int, ...]
    """LOIs of each crop, known on the host"""


@dataclass(frozen=True)
class Batch(Loci):
    """Crops of equal size; the LOIs of all of them in one list."""

    image: Float[Tensor, "b channel y x"]
    mask: Float[Tensor, "b y x"]
    labels: Float[Tensor, "b y x"]


@dataclass(frozen=True)
class Plan(Moving):
    """A batch before it has pixels: what was drawn at random, and the LOIs that follow from it."""

    chosen: tuple[int, ...]
    """fields of the crops"""
    size: int
    """side of a crop"""
    matrices: Float[Tensor, "b 2 2"]
    centres: Float[Tensor, "b 2"]
    extents: Float[Tensor, "b 2"]
    """(height, width) of the fields"""
    strengths: Strengths
    loci: Loci


def weak_field(image: Image, mask: Mask, lois: Points, scale: float) -> TrainingImage:
    """Build a field from LOIs and an image-level mask; its labels are guessed by watershed."""
    size = scaled_size(image.shape[1:], scale)
    pixels = resize(normalise(image), size)
    area = resize(torch.from_numpy(mask.astype(np.float32))[None], size)[0] > 0.5
    where = to_working(torch.from_numpy(lois).float(), mask.shape, size)
    guess = watershed_labels(pixels.mean(0).numpy(), area.numpy(), where.double().numpy())
    own = torch.arange(1, len(lois) + 1).float()
    return TrainingImage(pixels, area.float(), torch.from_numpy(guess).float(), where, own)


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
    return render(fields, plan_batch(fields, settings, step, rank))


def plan_batch(fields: list[TrainingImage], settings: TrainSettings, step: int, rank: int = 0) -> Plan:
    """Draw, on the host, all that is random in the batch of `step`."""
    rng = np.random.default_rng([settings.seed, step, rank])
    chance = np.array([len(field.lois) + EMPTY_WEIGHT for field in fields])
    chosen = tuple(int(k) for k in rng.choice(len(fields), size=settings.batch, p=chance / chance.sum()))
    return _together([plan_crop(k, fields[k], settings, rng) for k in chosen])


def plan_crop(number: int, field: TrainingImage, settings: TrainSettings, rng: np.random.Generator) -> Plan:
    """Draw a random square, turned, mirrored and resized, with changed brightness and jittered LOIs: a batch of one.

    The crop is centred on a random LOI (or anywhere, one time in five), so that empty areas do not waste steps.
    `number` is that of the field.
    """
    size = settings.crop
    matrix = random_matrix(settings.scale_range, rng)
    centre = random_centre(field, size, rng)
    half = (size - 1) / 2
    lois = (field.lois - centre) @ torch.linalg.inv(matrix).T + half
    inside = ((lois > -LOI_MARGIN) & (lois < size - 1 + LOI_MARGIN)).all(dim=1)
    noise = torch.from_numpy(rng.normal(0, settings.jitter, (len(lois), 2))).float()
    lois = (lois + noise).clamp(0, size - 1)[inside]
    count = len(lois)
    outlined = torch.full((count,), float(field.outlined))
    loci = Loci(lois, torch.zeros(count, dtype=torch.long), field.own[inside], outlined, (count,))
    extent = torch.tensor(field.image.shape[1:], dtype=torch.float32)
    strengths = draw_strengths((len(field.image), size, size), settings, rng)
    return Plan((number,), size, matrix[None], centre[None], extent[None], strengths, loci)


def _together(plans: list[Plan]) -> Plan:
    """Return plans of one crop each as one."""
    counts = tuple(len(plan.loci.lois) for plan in plans)
    owner = torch.repeat_interleave(torch.arange(len(plans)), torch.tensor(counts))
    loci = replace(_joined([plan.loci for plan in plans]), batch=owner, counts=counts)
    strengths = _joined([plan.strengths for plan in plans])
    chosen = tuple(plan.chosen[0] for plan in plans)
    return replace(_joined(plans), chosen=chosen, strengths=strengths, loci=loci)


def _joined(records: list[M]) -> M:
    """Return the first record with the tensors of all."""
    names = [item.name for item in dataclasses.fields(records[0]) if isinstance(getattr(records[0], item.name), Tensor)]
    return replace(records[0], **{name: torch.cat([getattr(one, name) for one in records]) for name in names})


def render(fields: list[TrainingImage], plan: Plan) -> Batch:
    """Return the batch that was planned, with pixels; computed where the plan and the pixels of the fields are."""
    grids = sampling_grids(plan.matrices, plan.centres, plan.extents, plan.size)
    chosen = [fields[k] for k in plan.chosen]
    image = sample([field.above_black for field in chosen], grids, "bilinear") + BLACK
    mask, labels = sample([field.truth for field in chosen], grids, "nearest").unbind(1)
    loci = {item.name: getattr(plan.loci, item.name) for item in dataclasses.fields(plan.loci)}
    return Batch(image=vary_intensity(image, plan.strengths), mask=mask, labels=labels, **loci)


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


def sampling_grids(
    matrices: Float[Tensor, "b 2 2"], centres: Float[Tensor, "b 2"], extents: Float[Tensor, "b 2"], size: int
) -> Float[Tensor, "b size size 2"]:
    """Return where `grid_sample` reads squares of `size` pixels around the centres: (x, y), -1 to 1 in the field.

    The matrices lead from offsets in the square to offsets in the field. Their product is written out, since as a
    product of matrices a GPU would round it to ten bits.
    """
    line = torch.arange(size, device=matrices.device) - (size - 1) / 2
    y, x = line[:, None, None], line[:, None]
    down, right = matrices[:, None, None].flip(-2).unbind(-1)
    where = y * down + x * right + centres[:, None, None].flip(-1)
    return (where + 0.5) / extents[:, None, None].flip(-1) * 2 - 1


def sample(
    images: list[Float[Tensor, "channel _ _"]], grids: Float[Tensor, "b size size 2"], mode: str
) -> Float[Tensor, "b channel size size"]:
    """Read each image, of any size, at its grid; beyond its edges it is 0."""
    parts = [
        F.grid_sample(image[None], grid[None], mode=mode, align_corners=False)
        for image, grid in zip(images, grids, strict=True)
    ]
    return torch.cat(parts)
