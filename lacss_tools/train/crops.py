"""Training images in memory at the working scale, and random crops of them which depend on seed and step alone."""

import dataclasses
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from lacss_tools.annotate.pseudo.borders import Evidence, measure
from lacss_tools.annotate.pseudo.labels import pseudo_labels
from lacss_tools.annotate.pseudo.names import DARK
from lacss_tools.arrays import Image, Labels, Mask, Points
from lacss_tools.network.preprocess import BLACK, scaled_size
from lacss_tools.network.working import normalise, resize, to_working
from lacss_tools.train.augment import Strengths, draw_strengths, vary_intensity
from lacss_tools.train.in_view import places_in_view, sample_pixels
from lacss_tools.train.moving import M, Moving
from lacss_tools.train.part import WHOLE, Part
from lacss_tools.train.sampling import sample, sampling_grids
from lacss_tools.train.settings import TrainSettings

EMPTY_WEIGHT = 3.0
"""images are drawn in proportion to their LOIs plus this, so that each cell of a kind is seen equally often"""
LOI_MARGIN = 3.0
"""a LOI this close to the outside of a crop (pixels) still counts, since the cell is visible"""
NEAR = 48.0
"""a crop's centre is at most this far from a LOI, in y and in x"""
BEYOND = 16.0
"""pixels that an unrotated crop may reach beyond the image: enough to see its border, with little empty ground"""


@dataclass(frozen=True)
class TrainingImage:
    """One annotated image at the working scale; its pixels may be on a GPU, its LOIs are on the host."""

    image: Float[Tensor, "channel y x"]
    mask: Float[Tensor, "y x"]
    """cell area, 0 or 1"""
    labels: Float[Tensor, "y x"]
    """instances: outlined by a person (full supervision) or guessed (weak, `annotate.pseudo`)"""
    lois: Float[Tensor, "n 2"]
    own: Float[Tensor, " n"]
    """label of the cell of each LOI"""
    outlined: bool = False
    """whether a person outlined the labels, so that they can be trusted"""
    doubt: Float[Tensor, "y x"] | None = None
    """how much of each pixel the mask is unsure of, 0 to 1; None where it does not say or nobody asks"""
    nuclei: bool = False
    """whether the last channel is that of the nuclei"""

    @cached_property
    def above_black(self) -> Float[Tensor, "channel y x"]:
        """The image with its black at 0, which is what lies beyond its edges."""
        return self.image - BLACK

    @cached_property
    def truth(self) -> Float[Tensor, "plane y x"]:
        """Mask and labels, and doubt where there is some."""
        return torch.stack([self.mask, self.labels, *([] if self.doubt is None else [self.doubt])])

    @cached_property
    def cells(self) -> Float[Tensor, " m"]:
        """The labels of the cells that have a LOI, each once."""
        return torch.from_numpy(np.unique(self.own[self.own > 0].numpy()))

    @cached_property
    def samples(self) -> Float[Tensor, "m sample 2"]:
        """The (y, x) of pixels of each of the cells, on the host."""
        return torch.from_numpy(sample_pixels(self.labels.cpu().numpy(), self.cells.numpy()))

    def on(self, device: torch.device) -> "TrainingImage":
        """Return the image with its pixels on another device."""
        image, mask, labels = (part.to(device) for part in (self.image, self.mask, self.labels))
        doubt = None if self.doubt is None else self.doubt.to(device)
        moved = replace(self, image=image, mask=mask, labels=labels, doubt=doubt)
        vars(moved).update(samples=self.samples)  # while the labels are here
        return moved


@dataclass(frozen=True)
class Loci(Moving):
    """The LOIs of all crops of a batch in one list."""

    lois: Float[Tensor, "n 2"]
    batch: Int64[Tensor, " n"]
    own: Float[Tensor, " n"]
    outlined: Float[Tensor, " n"]
    """1 for LOIs of images that a person outlined"""


@dataclass(frozen=True)
class Batch(Loci):
    """Crops of equal size; the LOIs of all of them in one list."""

    image: Float[Tensor, "b channel y x"]
    mask: Float[Tensor, "b y x"]
    labels: Float[Tensor, "b y x"]
    doubt: Float[Tensor, "b y x"] | None = None
    """as in the images; None where these have none"""


@dataclass(frozen=True)
class Plan(Moving):
    """A batch before it has pixels: what was drawn at random, and the LOIs that follow from it."""

    chosen: tuple[int, ...]
    """which image each crop is of"""
    size: int
    """side of a crop"""
    matrices: Float[Tensor, "b 2 2"]
    centres: Float[Tensor, "b 2"]
    extents: Float[Tensor, "b 2"]
    """(height, width) of the images"""
    strengths: Strengths
    loci: Loci


def weak_image(image: Image, mask: Mask, lois: Points, scale: float, borders: str = DARK) -> TrainingImage:
    """Build a training image from LOIs and an image-level mask; its labels are guessed as fits the `borders`."""
    return guess(unguessed_image(image, mask, lois, scale), borders)


def unguessed_image(image: Image, mask: Mask, lois: Points, scale: float, unsure: Mask | None = None) -> TrainingImage:
    """Build a training image from LOIs and a mask, which is unsure of some pixels, without labels yet."""
    size = scaled_size(image.shape[1:], scale)
    pixels = resize(normalise(image), size)
    area = resize(torch.from_numpy(mask.astype(np.float32))[None], size)[0] > 0.5
    where = to_working(torch.from_numpy(lois).float(), mask.shape, size)
    own = torch.arange(1, len(lois) + 1).float()
    doubt = None if unsure is None else resize(torch.from_numpy(unsure.astype(np.float32))[None], size)[0]
    return TrainingImage(pixels, area.float(), torch.zeros(size), where, own, doubt=doubt)


def guess(whole: TrainingImage, borders: str) -> TrainingImage:
    """Return a training image with pseudo-labels."""
    labels = pseudo_labels(*_seen(whole), borders)
    return replace(whole, labels=torch.from_numpy(labels).float())


def border_evidence(whole: TrainingImage) -> Evidence:
    """Return what an image tells about the borders between its cells."""
    return measure(*_seen(whole))


def _seen(whole: TrainingImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of the channels, but that of the nuclei, the mask and the LOIs as arrays."""
    cells = whole.image[:-1] if whole.nuclei else whole.image
    return cells.mean(0).numpy(), (whole.mask > 0).numpy(), whole.lois.double().numpy()


def full_image(image: Image, labels: Labels, lois: Points, own: np.ndarray, scale: float) -> TrainingImage:
    """Build a training image from instance labels; `own` is the label of the cell of each LOI."""
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


def draw_batch(
    images: list[TrainingImage], settings: TrainSettings, step: int, rank: int = 0, part: Part = WHOLE
) -> Batch:
    """Return the batch of `step`: the same for the same seed, whatever ran before, which makes resuming exact.

    Each process of a distributed training draws its own by its `rank`; several may make a `part` of it each.
    """
    return render(images, plan_batch(images, settings, step, rank, part))


def plan_batch(
    images: list[TrainingImage], settings: TrainSettings, step: int, rank: int = 0, part: Part = WHOLE
) -> Plan:
    """Draw, on the host, all that is random in the batch of `step`, and return a `part` of it."""
    rng = np.random.default_rng([settings.seed, step, rank])
    chosen = tuple(int(k) for k in rng.choice(len(images), size=settings.batch, p=chances(images, settings.outlined)))
    plans = [plan_crop(k, images[k], settings, rng) for k in chosen]
    return _together([plans[k] for k in part.mine([len(plan.loci.lois) for plan in plans])])


def chances(images: list[TrainingImage], outlined: float) -> np.ndarray:
    """Return how likely a crop is to be of each image: in proportion to its LOIs.

    Outlined images together have `outlined` at least, however few they are.
    """
    chance = np.array([len(whole.lois) + EMPTY_WEIGHT for whole in images])
    trusted = np.array([whole.outlined for whole in images])
    chance /= chance.sum()
    share = chance[trusted].sum()
    if 0 < share < outlined:
        chance = chance * np.where(trusted, outlined / share, (1 - outlined) / (1 - share))
    return chance


def plan_crop(number: int, whole: TrainingImage, settings: TrainSettings, rng: np.random.Generator) -> Plan:
    """Draw a random square, turned, mirrored and resized, with changed brightness and jittered LOIs: a batch of one.

    The crop is centred on a random LOI (or anywhere, one time in five), so that empty areas do not waste steps.
    `number` is that of the image.
    """
    size = settings.crop
    matrix = random_matrix(settings, rng)
    centre = random_centre(whole, size, rng)
    loci = plan_loci(whole, settings, matrix, centre, rng)
    extent = torch.tensor(whole.image.shape[1:], dtype=torch.float32)
    strengths = draw_strengths((len(whole.image), size, size), settings, rng, whole.nuclei)
    return Plan((number,), size, matrix[None], centre[None], extent[None], strengths, loci)


def plan_loci(
    whole: TrainingImage,
    settings: TrainSettings,
    matrix: Float[Tensor, "2 2"],
    centre: Float[Tensor, " 2"],
    rng: np.random.Generator,
) -> Loci:
    """Return the LOIs in a crop, jittered, and a place in each cell that it shows without its LOI."""
    size, back = settings.crop, torch.linalg.inv(matrix).T
    half = (size - 1) / 2
    lois = (whole.lois - centre) @ back + half
    inside = ((lois > -LOI_MARGIN) & (lois < size - 1 + LOI_MARGIN)).all(dim=1)
    noise = torch.from_numpy(rng.normal(0, settings.jitter, (len(lois), 2))).float()
    lois, own = (lois + noise).clamp(0, size - 1)[inside], whole.own[inside]
    others = ~torch.isin(whole.cells, own)
    shown, places = places_in_view((whole.samples[others] - centre) @ back + half, size, settings.in_view)
    lois, own = torch.cat([lois, places]), torch.cat([own, whole.cells[others][shown]])
    outlined = torch.full((len(lois),), float(whole.outlined))
    return Loci(lois, torch.zeros(len(lois), dtype=torch.long), own, outlined)


def _together(plans: list[Plan]) -> Plan:
    """Return plans of one crop each as one."""
    counts = torch.tensor([len(plan.loci.lois) for plan in plans])
    owner = torch.repeat_interleave(torch.arange(len(plans)), counts)
    loci = replace(_joined([plan.loci for plan in plans]), batch=owner)
    strengths = _joined([plan.strengths for plan in plans])
    chosen = tuple(plan.chosen[0] for plan in plans)
    return replace(_joined(plans), chosen=chosen, strengths=strengths, loci=loci)


def _joined(records: list[M]) -> M:
    """Return the first record with the tensors of all."""
    names = [item.name for item in dataclasses.fields(records[0]) if isinstance(getattr(records[0], item.name), Tensor)]
    return replace(records[0], **{name: torch.cat([getattr(one, name) for one in records]) for name in names})


def render(images: list[TrainingImage], plan: Plan) -> Batch:
    """Return the batch that was planned, with pixels; computed where the plan and the pixels of the images are."""
    grids = sampling_grids(plan.matrices, plan.centres, plan.extents, plan.size)
    chosen = [images[k] for k in plan.chosen]
    image = sample([whole.above_black for whole in chosen], grids, "bilinear") + BLACK
    mask, labels, *doubt = sample([whole.truth for whole in chosen], grids, "nearest").unbind(1)
    loci = {item.name: getattr(plan.loci, item.name) for item in dataclasses.fields(plan.loci)}
    image = vary_intensity(image, plan.strengths)
    return Batch(image=image, mask=mask, labels=labels, doubt=doubt[0] if doubt else None, **loci)


def random_matrix(settings: TrainSettings, rng: np.random.Generator) -> Float[Tensor, "2 2"]:
    """Return the matrix from crop offsets to image offsets, (y, x): rotation, mirror, scale.

    Without `rotation` there are only half turns, which with a mirror along one axis make the mirrors along both.
    """
    angle, flip = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
    if not settings.rotation:
        angle = np.pi * (angle > np.pi)
    factor = float(np.exp(rng.uniform(-1, 1) * np.log1p(settings.scale_range)))
    cos, sin = np.cos(angle) / factor, np.sin(angle) / factor
    return torch.tensor([[cos, -sin * flip], [sin, cos * flip]], dtype=torch.float32)


def random_centre(whole: TrainingImage, crop: int, rng: np.random.Generator) -> Float[Tensor, " 2"]:
    """Return the (y, x) of the centre, in the image, of a crop of side `crop`; the middle of a small image."""
    sides = torch.tensor(whole.image.shape[1:], dtype=torch.float32)
    if len(whole.lois) == 0 or rng.random() < 0.2:
        return torch.from_numpy(rng.uniform(0, sides.numpy())).float()
    near = whole.lois[int(rng.integers(len(whole.lois)))] + torch.from_numpy(rng.uniform(-NEAR, NEAR, 2)).float()
    inset = (sides / 2).clamp(max=crop / 2 - BEYOND)
    return torch.minimum(torch.maximum(near, inset), sides - inset)
