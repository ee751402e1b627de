"""What training will learn from LOIs and masks: pseudo-labels at the working scale, and crops of them to look at."""

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
from lacss_tools.screen.draw import RGB, YELLOW, draw_points, enlarge, stretch, tint_cells

CROP = 210
"""working pixels, side of a crop: some seven cells"""
ENLARGED = 3
"""picture pixels per working pixel: a nucleus is some 40 across"""
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
    """The pseudo-labels of one image: a crop to look at, and how many there are."""

    crop: RGB
    cells: int
    giants: int
    """cells of GIANT times the median area and more: neighbours without a LOI are part of them"""


def scale_of(judged: list[JudgedImage]) -> float | None:
    """Return the working scale that training will estimate, None without masks or without LOIs on them."""
    area, lois = 0.0, 0
    for one in judged:
        mask, shape = one.image.mask, one.image.shape
        if mask is not None and mask.outside is not None and shape is not None:
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


def learn(one: WorkingImage, borders: str) -> Learned:
    """Make the pseudo-labels of an image, as training will."""
    labels = pseudo_labels(one.image, one.mask, one.points, borders)
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    giants = int((areas > GIANT * np.median(areas)).sum()) if len(areas) else 0
    return Learned(draw_crop(one, labels), len(areas), giants)


def draw_crop(one: WorkingImage, labels: Labels) -> RGB:
    """Return the crop with the most LOIs: as it is, and with small points and a colour for each pseudo-label."""
    top, left = crowded(one)
    part = np.s_[top : top + CROP, left : left + CROP]
    grey = np.stack([stretch(one.image, gamma=1.0)[part]] * 3, axis=-1)
    large = labels[part].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    plain = enlarge(grey, ENLARGED)
    places = (one.points - (top, left) + 0.5) * ENLARGED - 0.5
    tinted = draw_points(draw_points(tint_cells(plain, large), places, (0, 0, 0), 4), places, YELLOW, 2)
    return np.concatenate([plain, tinted], axis=1)


def crowded(one: WorkingImage) -> tuple[int, int]:
    """Return the corner (y, x) of the crop around a LOI that holds the most LOIs, in the image."""
    last = np.maximum(np.array(one.mask.shape) - CROP, 0)
    corners = np.clip(np.round(one.points).astype(int) - CROP // 2, 0, last)
    if not len(corners):
        return 0, 0
    inside = (one.points >= corners[:, None]) & (one.points < corners[:, None] + CROP)
    y, x = corners[inside.all(axis=2).sum(axis=1).argmax()].tolist()
    return int(y), int(x)
