"""Images to train on as they were annotated: with LOIs and a mask, or outlined."""

from dataclasses import dataclass, replace

import numpy as np

from lacss_tools.arrays import Image, Labels, Mask, Points
from lacss_tools.cells import cells_from_labels
from lacss_tools.formats.weak import inner_points
from lacss_tools.points import values_at
from lacss_tools.train.labelled import LabelledImage

NARROWEST = 64
"""pixels; no narrower strip is held back"""
FEWEST = 10
"""cells held back, in all; fewer cannot tell which weights are better"""


@dataclass(frozen=True)
class AnnotatedImage:
    """One image as read: its pixels, cell area (or labels), LOIs and how many of these lay outside the cell area."""

    image: Image
    area: np.ndarray
    lois: np.ndarray
    outlined: bool
    dropped: int = 0
    unsure: Mask | None = None
    """pixels of which the mask is unsure, where it says so"""


def weakly_annotated(image: Image, mask: Mask, lois: Points) -> AnnotatedImage:
    """Return an image with those of its LOIs that lie on its mask, all of them inside the image."""
    inside = values_at(mask, lois)
    return AnnotatedImage(image, mask, lois[inside], False, int((~inside).sum()))


def outlined(image: Image, labels: Labels, lois: Points | None = None) -> AnnotatedImage:
    """Return an image with a LOI inside each of its labelled cells: that of `lois` which lies alone in it.

    So in all images of a training LOIs are where nuclei are, whoever drew the cells. Other cells have their middle.
    """
    points = inner_points(labels)
    if lois is not None and len(lois) and len(points):
        found, cells = values_at(labels, lois).tolist(), values_at(labels, points).tolist()
        alone = {cell: k for k, cell in enumerate(found) if found.count(cell) == 1}
        points = np.array([lois[alone[cell]] if cell in alone else points[k] for k, cell in enumerate(cells)])
    return AnnotatedImage(image, labels, points, True)


def hold_back(
    sources: list[AnnotatedImage], stems: list[str], fraction: float
) -> tuple[list[AnnotatedImage], list[LabelledImage], list[str]]:
    """Return the images without a strip of each outlined one, the strips to validate on, and a note on them.

    Nothing is held back where strips would be narrow or have few cells.
    """
    if fraction == 0:
        return sources, [], []
    cut = [
        _cut(source, stem, fraction) if source.outlined else None for source, stem in zip(sources, stems, strict=True)
    ]
    held = [parts[1] for parts in cut if parts]
    cells = sum(len(image.truth) for image in held)
    if cells < FEWEST:
        return sources, [], []
    kept = [parts[0] if parts else source for source, parts in zip(sources, cut, strict=True)]
    return kept, held, [f"{fraction:.0%} of each outlined image, {cells} cells in all, is held back to validate on"]


def _cut(source: AnnotatedImage, stem: str, fraction: float) -> tuple[AnnotatedImage, LabelledImage] | None:
    """Return an outlined image without a strip at the end of its longer side, and the strip."""
    axis = int(np.argmax(source.area.shape))
    at = round(source.area.shape[axis] * (1 - fraction))
    if source.area.shape[axis] - at < NARROWEST:
        return None
    rest, strip = ((slice(None),) * axis + (side,) for side in (slice(at), slice(at, None)))
    kept = outlined(source.image[(slice(None), *rest)], source.area[rest], source.lois[source.lois[:, axis] < at - 0.5])
    truth = cells_from_labels(source.area[strip])
    return replace(source, image=kept.image, area=kept.area, lois=kept.lois), LabelledImage(
        stem, source.image[(slice(None), *strip)], truth
    )
