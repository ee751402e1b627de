"""What training will learn from LOIs and masks: pseudo-labels at the working scale."""

from dataclasses import dataclass

import numpy as np

from lacss_tools.annotate.check.findings import JudgedImage
from lacss_tools.annotate.pseudo.labels import pseudo_labels
from lacss_tools.arrays import Image, Labels, Mask, Plane, Points
from lacss_tools.network.preprocess import (
    intensity_range,
    resize_mask,
    resize_plane,
    resize_points,
    scaled_size,
    to_range,
    typical_diameter,
    working_scale,
)
from lacss_tools.network.settings import ModelSettings
from lacss_tools.points import inside_image, values_at

GIANT = 3.0
"""a pseudo-label is far larger than usual from this many times the median area"""


@dataclass(frozen=True)
class WorkingImage:
    """One image as training sees it; LOIs outside the mask are left out."""

    image: Plane
    mask: Mask
    points: Points


@dataclass(frozen=True)
class Learned:
    """The pseudo-labels of one image, at the working scale, and how many there are."""

    labels: Labels
    cells: int
    giants: Points
    """LOIs, in pixels of the image, of cells of GIANT times the median area and more: neighbours without a LOI are part
    of them"""


def scale_of(judged: list[JudgedImage]) -> float | None:
    """Return the working scale that training will estimate, None without masks or without LOIs on them."""
    area, lois = 0.0, 0
    for one in judged:
        mask, shape = one.image.mask, one.image.shape
        if mask is not None and mask.outside is not None and shape is not None and not mask.outside.all():
            area += mask.fraction * shape[0] * shape[1]
            lois += int(np.count_nonzero(~mask.outside))
    return working_scale(typical_diameter(area, lois), ModelSettings().cell_diameter) if lois else None


def to_working(image: Image, mask: Mask, points: Points, scale: float) -> WorkingImage:
    """Return an image as training sees it, the mean of its channels."""
    size = scaled_size(mask.shape, scale)
    plane = np.mean([resize_plane(channel, size) for channel in to_range(image, intensity_range(image))], axis=0)
    points = points[inside_image(points, mask.shape)]
    inside = resize_points(points[values_at(mask, points)], mask.shape, size)
    return WorkingImage(plane.astype(np.float32), resize_mask(mask, size), inside)


def learn(one: WorkingImage, borders: str, shape: tuple[int, int]) -> Learned:
    """Make the pseudo-labels of an image of `shape`, as training will."""
    labels = pseudo_labels(one.image, one.mask, one.points, borders)
    areas = np.bincount(labels.ravel(), minlength=len(one.points) + 1)[1:]
    cells = areas > 0
    giant = areas > GIANT * np.median(areas[cells]) if cells.any() else cells
    return Learned(labels, int(cells.sum()), resize_points(one.points[giant], one.mask.shape, shape))
