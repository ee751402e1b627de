"""From what was measured in each image to what is wrong with it. Knows no file and no picture."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts, too_close

# what can be found in an image, the worst first
INVERTED, EMPTY, FULL, NO_LOIS, BEYOND, DARK, CHANCE, OUTSIDE, FAINT, DOUBLES, LONELY, UNUSUAL = KINDS = (
    "inverted mask",
    "empty mask",
    "full mask",
    "no LOIs",
    "LOIs outside the image",
    "LOIs on dark DAPI",
    "LOIs and mask do not match",
    "LOIs outside the mask",
    "faint LOIs outside the mask",
    "suspected doubles",
    "mask without LOIs",
    "unusual",
)
NUCLEUS_PER_CELL = 0.6
"""diameter of a nucleus, in cell diameters, where neither DAPI nor labels tell it"""


@dataclass(frozen=True)
class Limits:
    """When an image is in trouble; fractions 0 to 1. A fraction counts only with at least `fewest` LOIs behind it."""

    empty: float = 0.001
    full: float = 0.95
    outside: float = 0.15
    beyond: float = 0.0
    dark: float = 0.15
    doubles: float = 0.15
    lonely: float = 0.25
    fewest: int = 3
    close: float = 0.5
    """LOIs closer than this many nucleus diameters are suspected doubles, whatever the DAPI shows"""
    faint: float = 0.33
    """LOIs off the mask are faint when their DAPI is below this fraction of that of LOIs on the mask (medians)"""
    chance: float = 3.0
    """LOIs are on the mask by chance when they exceed its fraction of the image by fewer standard deviations"""
    robust_z: float = 5.0
    """distance from the median of the set, in robust standard deviations, from which an image is unusual ..."""
    factor: float = 2.0
    """... if it is also this many times more or less"""
    smallest_set: int = 8
    """images with a value that it takes to say what is usual"""


@dataclass(frozen=True)
class MeasuredImage:
    """One image as measured."""

    stem: str
    shape: tuple[int, int] | None
    lois: LoiFacts | None
    mask: MaskFacts | None
    source: str
    """where the mask came from: picked, automatic, own, rejected or none"""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an image, in words; `amount` (0 to 1) ranks findings of one kind."""

    kind: str
    text: str
    amount: float = 1.0

    @property
    def weight(self) -> float:
        """Return how bad it is: kinds in their order, then the amount."""
        return 2.0 ** (len(KINDS) - KINDS.index(self.kind)) * (0.5 + self.amount / 2)


@dataclass(frozen=True)
class JudgedImage:
    """An image with its doubtful LOIs and its findings."""

    image: MeasuredImage
    doubled: Bool[np.ndarray, " point"]
    findings: tuple[Finding, ...] = ()

    @property
    def weight(self) -> float:
        """Return how bad the image is; 0 when nothing was found."""
        return sum((finding.weight for finding in self.findings), start=0.0)

    @property
    def area_per_loi(self) -> float | None:
        """Return mask area in pixels per LOI, None without either."""
        return _area_per_loi(self.image)


def judge(images: list[MeasuredImage], nucleus: float | None, limits: Limits) -> list[JudgedImage]:
    """Judge every image, by absolute limits and against the set; `nucleus` is the nucleus diameter in pixels."""
    polarity = _polarity(images)
    judged = []
    for one in images:
        doubled = suspected_doubles(one.lois, nucleus, limits)
        findings = _without_cells(one, limits) or _of_lois(one, doubled, limits) + _of_mask(one, polarity, limits)
        judged.append(JudgedImage(one, doubled, tuple(findings)))
    return _unusual(judged, limits)


def estimate_nucleus(images: list[MeasuredImage]) -> float | None:
    """Return a nucleus diameter in pixels where there is no DAPI to measure it: 0.6 cell diameters.

    The cell diameter is sqrt(4/pi * mask area per LOI), median of the set; without masks the median distance to the
    nearest LOI stands in. None without LOIs.
    """
    areas = [area for one in images if (area := _area_per_loi(one)) is not None]
    if areas:
        return NUCLEUS_PER_CELL * float(np.sqrt(4 / np.pi * np.median(areas)))
    nearest = [one.lois.nearest[np.isfinite(one.lois.nearest)] for one in images if one.lois is not None]
    distances = np.concatenate([*nearest, np.zeros(0)])
    return NUCLEUS_PER_CELL * float(np.median(distances)) if len(distances) else None


def suspected_doubles(lois: LoiFacts | None, nucleus: float | None, limits: Limits) -> Bool[np.ndarray, " point"]:
    """Return which LOIs are probably the second of one cell: closer than half a nucleus, or in one nucleus."""
    if lois is None:
        return np.zeros(0, dtype=bool)
    doubled = np.zeros(len(lois.points), dtype=bool)
    if nucleus is not None:
        doubled |= too_close(lois.points, lois.response, limits.close * nucleus)
    return doubled if lois.one_nucleus is None else doubled | lois.one_nucleus


WHERE = {
    OUTSIDE: "off the mask",
    CHANCE: "off the mask, no better than by chance",
    FAINT: "off the mask and faint in the DAPI",
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
    if not count:
        return [Finding(NO_LOIS, "no LOIs")]
    found = []
    if lois.beyond.any():
        found.append(_affecting(BEYOND, lois.beyond, "outside the image"))
    if lois.on_dark is not None and _many(lois.on_dark, limits.dark, limits):
        found.append(_affecting(DARK, lois.on_dark, "where the DAPI is dark"))
    if _many(doubled, limits.doubles, limits):
        found.append(_affecting(DOUBLES, doubled, "probably second points of a nucleus"))
    return found


def _of_mask(one: MeasuredImage, polarity: float, limits: Limits) -> list[Finding]:
    if one.mask is None or one.source == "rejected":
        return []
    mask = one.mask
    if mask.fraction < limits.empty:
        return [Finding(EMPTY, f"mask covers {_percent(mask.fraction)} of the image")]
    if mask.fraction > limits.full:
        return [Finding(FULL, f"mask covers {_percent(mask.fraction)} of the image")]
    if is_inverted(mask, polarity, limits):
        return [Finding(INVERTED, "mask covers the background: inverted")]
    found = []
    if mask.outside is not None and _many(mask.outside, limits.outside, limits):
        faint = one.lois is not None and off_is_faint(one.lois, mask.outside, limits)
        kind = FAINT if faint else CHANCE if is_chance(mask, limits) else OUTSIDE
        found.append(_affecting(kind, mask.outside, WHERE[kind]))
    if mask.lonely is not None and mask.outside is not None and len(mask.outside) and mask.lonely > limits.lonely:
        found.append(Finding(LONELY, f"{_percent(mask.lonely)} of the mask has no LOI", mask.lonely))
    return found


def is_inverted(mask: MaskFacts, polarity: float, limits: Limits) -> bool:
    """Return whether the mask covers the background: LOIs avoid it, or the image is the other way round than elsewhere.

    LOIs avoid it when fewer lie on it than `limits.chance` standard deviations under its fraction of the image. The
    image alone decides only when most masks of the set agree (`polarity` not 0) and the LOIs do not speak for the mask.
    """
    deviation = _deviation(mask)
    if deviation is not None and deviation < -limits.chance:
        return True
    flipped = polarity != 0 and mask.step is not None and mask.step * polarity < 0
    return flipped and (deviation is None or deviation < limits.chance)


def is_chance(mask: MaskFacts, limits: Limits) -> bool:
    """Return whether no more LOIs lie on the mask than if they were thrown onto the image."""
    deviation = _deviation(mask)
    return deviation is not None and deviation < limits.chance


def off_is_faint(lois: LoiFacts, outside: np.ndarray, limits: Limits) -> bool:
    """Return whether the LOIs off the mask are specks in the DAPI beside those on it."""
    if lois.dapi is None or np.count_nonzero(~outside) < limits.fewest or not outside.any():
        return False
    return bool(np.median(lois.dapi[outside]) < limits.faint * np.median(lois.dapi[~outside]))


def _deviation(mask: MaskFacts) -> float | None:
    """Return by how many standard deviations the LOIs on the mask exceed a random throw (binomial)."""
    if mask.outside is None or not len(mask.outside):
        return None
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


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.{0 if fraction >= 0.1 or fraction == 0 else 1}f} %"


# ---- against the set ------------------------------------------------------------------------------------------------


def _unusual(judged: list[JudgedImage], limits: Limits) -> list[JudgedImage]:
    """Add what stands out to images in which nothing worse was found, compared with these."""
    quiet = [one for one in judged if not one.findings]
    reasons: dict[str, list[str]] = {}
    for name, value in (
        ("LOIs", _count),
        ("px mask area per LOI", _area_per_loi),
        ("of the image in the mask", _fraction_of),
    ):
        values = {one.image.stem: number for one in quiet if (number := value(one.image))}
        for stem, (number, median) in stand_out(values, limits).items():
            reasons.setdefault(stem, []).append(_compare(name, number, median))
    return [_with(one, reasons.get(one.image.stem)) for one in judged]


def stand_out(values: dict[str, float], limits: Limits) -> dict[str, tuple[float, float]]:
    """Return value and median of those far from the median, in robust standard deviations of the logarithm.

    One robust standard deviation is 1.4826 times the median distance from the median, and at least 5 %. None stand
    out in a set under `limits.smallest_set`, or within a factor of `limits.factor`.
    """
    if len(values) < limits.smallest_set:
        return {}
    logs = np.log(list(values.values()))
    away = np.abs(logs - np.median(logs))
    spread = max(1.4826 * float(np.median(away)), 0.05)
    far = (away > limits.robust_z * spread) & (away > np.log(limits.factor))
    middle = float(np.exp(np.median(logs)))
    return {stem: (value, middle) for (stem, value), is_far in zip(values.items(), far, strict=True) if is_far}


def _with(one: JudgedImage, reasons: list[str] | None) -> JudgedImage:
    if reasons is None:
        return one
    return JudgedImage(one.image, one.doubled, (*one.findings, Finding(UNUSUAL, "; ".join(reasons), 0.0)))


def _compare(name: str, value: float, median: float) -> str:
    if value < 1:
        return f"{_percent(value)} {name} (median {_percent(median)})"
    return f"{value:.0f} {name} (median {median:.0f})"


def _count(one: MeasuredImage) -> float | None:
    return None if one.lois is None else float(len(one.lois.points))


def _fraction_of(one: MeasuredImage) -> float | None:
    return None if one.mask is None else one.mask.fraction


def _area_per_loi(one: MeasuredImage) -> float | None:
    if one.mask is None or one.lois is None or one.shape is None or not len(one.lois.points) or not one.mask.fraction:
        return None
    return one.mask.fraction * one.shape[0] * one.shape[1] / len(one.lois.points)
