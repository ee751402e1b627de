"""From what was measured in each image to what is wrong with it. Knows no file and no picture."""

import numpy as np
from jaxtyping import Bool

from lacss_tools.annotate.check.findings import (
    BEYOND,
    BRIGHT,
    CHANCE,
    CLIPPED,
    DARK,
    DOUBLES,
    EMPTY,
    FAINT,
    FULL,
    INVERTED,
    LONELY,
    MISSED,
    MIXED,
    NEGATIVE,
    NO_LOIS,
    OUTSIDE,
    UNSTAINED,
    UNUSUAL,
    Finding,
    JudgedImage,
    Limits,
    MeasuredImage,
    area_per_loi,
    percent,
)
from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts, too_close
from lacss_tools.annotate.check.related import unrelated
from lacss_tools.annotate.check.unusual import add_unusual
from lacss_tools.annotate.lois import exposure

NUCLEUS_PER_CELL = 0.6
"""diameter of a nucleus, in cell diameters, where neither DAPI nor labels tell it"""


def judge(images: list[MeasuredImage], nucleus: float | None, limits: Limits) -> list[JudgedImage]:
    """Judge every image, by absolute limits and against the set; `nucleus` is the nucleus diameter in pixels."""
    polarity, foreign = _polarity(images), unrelated([one.relation for one in images])
    judged = []
    for one, is_foreign in zip(images, foreign, strict=True):
        doubled = suspected_doubles(one.lois, nucleus, limits)
        findings = _without_cells(one, limits) or [
            *_of_lois(one, doubled, limits),
            *_of_mask(one, polarity, is_foreign, limits),
            *_of_sizes(JudgedImage(one, doubled), limits),
        ]
        judged.append(JudgedImage(one, doubled, tuple(findings)))
    return add_unusual(judged, limits)


def nucleus_per_cell(area: float, count: int) -> float:
    """Return a nucleus diameter where `count` cells cover `area` square pixels: 0.6 cell diameters."""
    return NUCLEUS_PER_CELL * float(np.sqrt(4 / np.pi * area / max(count, 1)))


def estimate_nucleus(images: list[MeasuredImage]) -> float | None:
    """Return a nucleus diameter in pixels where there is no DAPI to measure it: 0.6 cell diameters.

    The cell diameter is that of the median mask area per LOI of the set, or the median distance to the nearest LOI, if
    that is smaller: masks may cover far more than cells. None without LOIs.
    """
    areas = [area for one in images if (area := area_per_loi(one)) is not None]
    nearest = [one.lois.nearest[np.isfinite(one.lois.nearest)] for one in images if one.lois is not None]
    distances = np.concatenate([*nearest, np.zeros(0)])
    estimates = [nucleus_per_cell(float(np.median(areas)), 1)] if areas else []
    if len(distances):
        estimates.append(NUCLEUS_PER_CELL * float(np.median(distances)))
    return min(estimates, default=None)


def suspected_doubles(lois: LoiFacts | None, nucleus: float | None, limits: Limits) -> Bool[np.ndarray, " point"]:
    """Return which LOIs are probably the second of one cell: closer than half a typical nucleus, or in one nucleus."""
    if lois is None:
        return np.zeros(0, dtype=bool)
    doubled = np.zeros(len(lois.points), dtype=bool)
    if nucleus is not None:
        doubled |= too_close(lois.points, lois.response, limits.close * nucleus)
    return doubled if lois.one_nucleus is None else doubled | lois.one_nucleus


WHERE = {
    CHANCE: "off the mask, which fits them no better than by chance",
    FAINT: "off the mask and faint in the DAPI",
    UNSTAINED: "off the mask, in unstained areas",
    OUTSIDE: "off the mask",
}


# ---- absolute limits ------------------------------------------------------------------------------------------------


def _without_cells(one: MeasuredImage, limits: Limits) -> list[Finding]:
    """Return one mild finding when LOIs and mask agree that there is no cell."""
    if one.lois is None or one.mask is None or len(one.lois.points) or one.mask.fraction >= limits.empty:
        return []
    return [Finding(UNUSUAL, "no LOIs and an empty mask: an image without cells", 0.0)]


def _of_lois(one: MeasuredImage, doubled: np.ndarray, limits: Limits) -> list[Finding]:
    if one.lois is None:
        return []
    lois, count = one.lois, len(one.lois.points)
    if lois.fault == exposure.INVERTED:  # nothing else that the DAPI says is true
        return [Finding(NEGATIVE, "nuclei are darker than background in the DAPI")]
    clipped = Finding(CLIPPED, "many pixels of the DAPI have the highest value")
    whole_image = [clipped] if lois.fault == exposure.SATURATED else []
    if not count:
        return [*whole_image, Finding(NO_LOIS, "no LOIs")]
    found = []
    if lois.beyond.any():
        found.append(_affecting(BEYOND, lois.beyond, "outside the image"))
    if lois.on_dark is not None and _many(lois.on_dark, limits.dark, limits):
        found.append(_affecting(DARK, lois.on_dark, "where the DAPI is dark"))
    if not (lois.calm and found):  # points that are elsewhere miss the nuclei too
        found += _of_missed(lois, limits)
    if _many(doubled, limits.doubles, limits):
        found.append(_affecting(DOUBLES, doubled, "probably second points of a nucleus"))
    return whole_image + found


def _of_missed(lois: LoiFacts, limits: Limits) -> list[Finding]:
    seen = lois.missed + len(lois.points)
    if lois.missed < limits.fewest_missed or lois.missed <= limits.missed * seen:
        return []
    text = f"{lois.missed} of {seen} nuclei in the DAPI have no LOI"
    return [Finding(MISSED if lois.calm else BRIGHT, text, lois.missed / seen)]


def _of_mask(one: MeasuredImage, polarity: float, is_foreign: bool, limits: Limits) -> list[Finding]:
    if one.mask is None or one.source == "rejected":
        return []
    mask = one.mask
    if mask.fraction < limits.empty:
        return [Finding(EMPTY, f"mask covers {percent(mask.fraction)} of the image")]
    if mask.fraction > limits.full:
        return [Finding(FULL, f"mask covers {percent(mask.fraction)} of the image")]
    if is_inverted(mask, 0.0 if is_foreign else polarity, limits):
        return [Finding(INVERTED, "mask covers the background: inverted")]
    found = []
    by_chance = is_foreign and _deviation(mask) < limits.chance
    if mask.outside is not None and (by_chance or _many(mask.outside, limits.outside, limits)):
        kind = CHANCE if by_chance else _off_mask(mask, one.lois, limits)
        found.append(_affecting(kind, mask.outside, WHERE[kind]))
    if mask.lonely is not None and mask.outside is not None and len(mask.outside) and mask.lonely > limits.lonely:
        found.append(Finding(LONELY, f"{percent(mask.lonely)} of the mask has no LOI", mask.lonely))
    return found


def _of_sizes(one: JudgedImage, limits: Limits) -> list[Finding]:
    sizes = size_range([one], limits)
    if sizes is None or sizes[1] < limits.mixed * sizes[0]:
        return []
    return [Finding(MIXED, f"nuclei are {sizes[0]:.0f} to {sizes[1]:.0f} px across", 0.0)]


def size_range(ones: list[JudgedImage], limits: Limits) -> tuple[float, float] | None:
    """Return the 10th and 90th percentile of the nucleus diameters at LOIs, doubles left out; None if few are known."""
    known = [lois.diameter[~one.doubled] for one in ones if (lois := one.image.lois) and lois.diameter is not None]
    together = np.concatenate([*known, np.zeros(0)])
    if len(together) < limits.fewest_sizes:
        return None
    low, high = np.percentile(together, (10, 90)).tolist()
    return low, high


def _off_mask(mask: MaskFacts, lois: LoiFacts | None, limits: Limits) -> str:
    """Return why many LOIs lie off a mask of their image."""
    if lois is not None and mask.outside is not None and off_is_faint(lois, mask.outside, limits):
        return FAINT
    return UNSTAINED if off_is_unstained(mask, limits) else OUTSIDE


def is_inverted(mask: MaskFacts, polarity: float, limits: Limits) -> bool:
    """Return whether the mask covers the background: LOIs avoid it, or the image is the other way round than elsewhere.

    LOIs avoid it when far fewer lie on it than its fraction of the image, and surely so; a few less lie on stained
    tissue where the nuclei beside it are denser. The image alone decides only when most masks of the set agree
    (`polarity` not 0) and the LOIs do not speak for the mask.
    """
    deviation = _deviation(mask)
    if deviation < -limits.chance and mask.outside is not None:
        return bool((~mask.outside).mean() < limits.avoided * mask.fraction)
    flipped = polarity != 0 and mask.step is not None and mask.step * polarity < 0
    return flipped and deviation < limits.chance


def off_is_unstained(mask: MaskFacts, limits: Limits) -> bool:
    """Return whether the LOIs off the mask have no stain around them: the mask is not too tight there."""
    if mask.stain is None or mask.outside is None:
        return False
    return bool(np.median(mask.stain[mask.outside]) < limits.unstained)


def off_is_faint(lois: LoiFacts, outside: np.ndarray, limits: Limits) -> bool:
    """Return whether the LOIs off the mask are specks in the DAPI beside those on it."""
    if lois.dapi is None or np.count_nonzero(~outside) < limits.fewest or not outside.any():
        return False
    return bool(np.median(lois.dapi[outside]) < limits.faint * np.median(lois.dapi[~outside]))


def _deviation(mask: MaskFacts) -> float:
    """Return by how many standard deviations the LOIs on the mask exceed a random throw (binomial); 0 without LOIs."""
    if mask.outside is None or not len(mask.outside):
        return 0.0
    count, hits = len(mask.outside), int(np.count_nonzero(~mask.outside))
    spread = np.sqrt(count * mask.fraction * (1 - mask.fraction))
    return float((hits - count * mask.fraction) / max(spread, 1e-9))


def _polarity(images: list[MeasuredImage]) -> float:
    """Return 1 when cells are brighter in nearly all masks of the set, -1 when darker, 0 when that cannot be told."""
    steps = [one.mask.step for one in images if one.mask is not None and one.mask.step is not None]
    brighter = np.mean([step > 0 for step in steps]) if len(steps) >= 3 else 0.5
    return 1.0 if brighter > 0.6 else -1.0 if brighter < 0.4 else 0.0


def _many(which: np.ndarray, fraction: float, limits: Limits) -> bool:
    return bool(np.count_nonzero(which) >= limits.fewest and which.mean() > fraction)


def _affecting(kind: str, which: np.ndarray, where: str) -> Finding:
    return Finding(kind, f"{np.count_nonzero(which)} of {len(which)} LOIs {where}", float(which.mean()))
