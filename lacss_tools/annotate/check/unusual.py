"""Images that stand out from the set."""

import numpy as np

from lacss_tools.annotate.check.findings import (
    UNUSUAL,
    Finding,
    JudgedImage,
    Limits,
    MeasuredImage,
    area_per_loi,
    percent,
)


def add_unusual(judged: list[JudgedImage], limits: Limits) -> list[JudgedImage]:
    """Add what stands out to images in which nothing worse was found, compared with these."""
    quiet = [one for one in judged if not one.findings]
    reasons: dict[str, list[str]] = {}
    for name, value in (
        ("LOIs", _count),
        ("px mask area per LOI", area_per_loi),
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
        return f"{percent(value)} {name} (median {percent(median)})"
    return f"{value:.0f} {name} (median {median:.0f})"


def _count(one: MeasuredImage) -> float | None:
    return None if one.lois is None else float(len(one.lois.points))


def _fraction_of(one: MeasuredImage) -> float | None:
    return None if one.mask is None else one.mask.fraction
