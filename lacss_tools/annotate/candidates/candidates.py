"""From an image to its candidate masks: polarity, normalised intensity, centre, thresholds around it, cut."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from lacss_tools.annotate.candidates.graphcut import EDGE, Smoothness, contrast_scale, cut
from lacss_tools.annotate.candidates.intensity import automatic_centre, normalise
from lacss_tools.annotate.candidates.membrane import fill_outlines
from lacss_tools.annotate.candidates.nuclei import Nuclei, fill_hollows, in_stain
from lacss_tools.annotate.candidates.polarity import cells_are_dark
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.candidates.tiles import Window, cut_tiles, plan
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
    stained: Bool[np.ndarray, " nucleus"] | None = None
    """which nuclei lie in stain and so inside every mask; None when none were given"""


def find_candidates(
    image: Image, settings: CutSettings, full_scale: float | None = None, nuclei: Nuclei | None = None
) -> Candidates:
    """Cut an image at all thresholds of `settings`; relative ones are multiples of the automatic centre.

    `full_scale` is 2**bits of the file's type (None for floating point); only `settings.fiji_compat` looks at it. Those
    of the `nuclei` that lie in stain are cell in every mask, and so are dark hollows around them.
    """
    settings = settle_polarity(image, settings)
    q = _prepare(image, settings, full_scale)
    thresholds = _absolute(q, settings)
    if nuclei is None:
        masks, seam = _cut(q, thresholds, settings)
        return Candidates(masks, thresholds, settings.polarity == "dark", seam)
    q, seeds, stained = _with_nuclei(q, thresholds, settings, nuclei)
    masks, seam = _cut(q, thresholds, settings, seeds)
    return Candidates(masks, thresholds, settings.polarity == "dark", seam, stained)


def make_candidates(image: Image, settings: CutSettings, full_scale: float | None = None) -> tuple[Masks, list[float]]:
    """Return masks (loosest first) and their thresholds; see `find_candidates`."""
    found = find_candidates(image, settings, full_scale)
    return found.masks, found.thresholds


def cut_at(
    image: Image,
    settings: CutSettings,
    threshold: float,
    full_scale: float | None = None,
    nuclei: Nuclei | None = None,
) -> Mask:
    """Return the mask at one absolute threshold of the normalised intensity, whatever `settings.thresholds` says.

    At a threshold of `find_candidates` the mask is the same candidate, up to ties of equal energy.
    """
    settings = settle_polarity(image, settings)
    q, seeds = _prepare(image, settings, full_scale), None
    if nuclei is not None:
        q, seeds, _ = _with_nuclei(q, _absolute(q, settings), settings, nuclei)
    mask: Mask = _cut(q, [threshold], settings, seeds)[0][0]
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


def _absolute(q: Plane, settings: CutSettings) -> list[float]:
    """Return the thresholds as values of q."""
    thresholds = [float(t) for t in settings.thresholds]
    if not settings.relative:
        return thresholds
    centre = automatic_centre(q, settings.center)
    return [float(np.clip(t * centre, 0.001, 0.999)) for t in thresholds]


def _with_nuclei(
    q: Plane, thresholds: list[float], settings: CutSettings, nuclei: Nuclei
) -> tuple[Plane, Mask, Bool[np.ndarray, " nucleus"]]:
    """Return q without hollows around stained nuclei, their pixels, and which nuclei these are."""
    loose, middle = _cut(q, [thresholds[0], thresholds[len(thresholds) // 2]], settings)[0]
    stained = in_stain(nuclei, loose, middle)
    seeds: Mask = np.concatenate([[False], stained])[nuclei.labels]
    return fill_hollows(q, nuclei, stained, thresholds[-1]), seeds, stained


def _cut(
    q: Plane, thresholds: list[float], settings: CutSettings, seeds: Mask | None = None
) -> tuple[Masks, float | None]:
    """Cut q whole or, when it has more pixels than a tile, in tiles; contrast is that of the whole image in either."""
    scale = contrast_scale(q, settings.neighbours) if settings.contrast else None
    smoothness = Smoothness(settings.weight, settings.neighbours, scale)
    edge = 0.0 if settings.fiji_compat else EDGE
    if q.size <= settings.tile**2:
        return cut(q, thresholds, smoothness, edge, seeds), None

    def cut_window(window: Window) -> Masks:
        return cut(q[window], thresholds, smoothness, edge, None if seeds is None else seeds[window])

    shape = (q.shape[0], q.shape[1])
    return cut_tiles(shape, plan(shape, settings.tile, settings.overlap), len(thresholds), cut_window)
