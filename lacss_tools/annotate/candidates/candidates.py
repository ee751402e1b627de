"""From an image to its candidate masks: polarity, normalised intensity, centre, thresholds around it, cut."""

from dataclasses import dataclass, replace

import numpy as np

from lacss_tools.annotate.candidates.graphcut import EDGE, Smoothness, contrast_scale, cut
from lacss_tools.annotate.candidates.intensity import automatic_centre, normalise
from lacss_tools.annotate.candidates.membrane import fill_outlines
from lacss_tools.annotate.candidates.polarity import cells_are_dark
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.candidates.tiles import cut_tiles, plan
from lacss_tools.arrays import Image, Mask, Masks, Plane


@dataclass(frozen=True)
class Candidates:
    """The candidates of one image and what its user should know about them."""

    masks: Masks
    """loosest first, each inside the one before it"""
    thresholds: list[float]
    """of the normalised intensity, ascending"""
    dark: bool
    """whether the cells were taken to be darker than the background"""
    seam: float | None
    """fraction of the pixels cut twice on which tiles disagree, 0 to 1; None when the image was cut whole"""


def find_candidates(image: Image, settings: CutSettings, full_scale: float | None = None) -> Candidates:
    """Cut an image at all thresholds of `settings`; relative ones are multiples of the automatic centre.

    `full_scale` is 2**bits of the file's type (None for floating point); only `settings.fiji_compat` looks at it.
    """
    settings = settle_polarity(image, settings)
    q = _prepare(image, settings, full_scale)
    thresholds = [float(t) for t in settings.thresholds]
    if settings.relative:
        centre = automatic_centre(q, settings.center)
        thresholds = [float(np.clip(t * centre, 0.001, 0.999)) for t in thresholds]
    masks, seam = _cut(q, thresholds, settings)
    return Candidates(masks, thresholds, settings.polarity == "dark", seam)


def make_candidates(image: Image, settings: CutSettings, full_scale: float | None = None) -> tuple[Masks, list[float]]:
    """Return masks (loosest first) and their thresholds; see `find_candidates`."""
    found = find_candidates(image, settings, full_scale)
    return found.masks, found.thresholds


def cut_at(image: Image, settings: CutSettings, threshold: float, full_scale: float | None = None) -> Mask:
    """Return the mask at one absolute threshold of the normalised intensity, whatever `settings.thresholds` says.

    At a threshold of `find_candidates` the mask is the same candidate, up to ties of equal energy.
    """
    settings = settle_polarity(image, settings)
    mask: Mask = _cut(_prepare(image, settings, full_scale), [threshold], settings)[0][0]
    return mask


def settle_polarity(image: Image, settings: CutSettings) -> CutSettings:
    """Return the settings with polarity `auto` replaced by what the image shows: `bright` or `dark`."""
    if settings.polarity != "auto":
        return settings
    return replace(settings, polarity="dark" if cells_are_dark(image) else "bright")


def _prepare(image: Image, settings: CutSettings, full_scale: float | None) -> Plane:
    if settings.membrane > 0:
        sign = np.float32(-1 if settings.polarity == "dark" else 1)
        image = np.stack([sign * fill_outlines(sign * channel, settings.membrane) for channel in image])
    return normalise(image, settings, full_scale)


def _cut(q: Plane, thresholds: list[float], settings: CutSettings) -> tuple[Masks, float | None]:
    """Cut q whole or, when it has more pixels than a tile, in tiles; contrast is that of the whole image in either."""
    scale = contrast_scale(q, settings.neighbours) if settings.contrast else None
    smoothness = Smoothness(settings.weight, settings.neighbours, scale)
    edge = 0.0 if settings.fiji_compat else EDGE
    if q.size <= settings.tile**2:
        return cut(q, thresholds, smoothness, edge), None
    tiles = plan((q.shape[0], q.shape[1]), settings.tile, settings.overlap)
    return cut_tiles(
        (q.shape[0], q.shape[1]), tiles, len(thresholds), lambda window: cut(q[window], thresholds, smoothness, edge)
    )
