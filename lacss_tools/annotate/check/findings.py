"""What can be wrong with an image, in kinds and words, and the limits from which it is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from lacss_tools.annotate.check.measure import LoiFacts, MaskFacts
from lacss_tools.annotate.check.related import Relation

# what can be found in an image, the worst first
KINDS = (
    INVERTED := "inverted mask",
    EMPTY := "empty mask",
    FULL := "full mask",
    NO_LOIS := "no LOIs",
    BEYOND := "LOIs outside the image",
    NEGATIVE := "inverted DAPI",
    CLIPPED := "saturated DAPI",
    DARK := "LOIs on dark DAPI",
    BRIGHT := "nuclei missed beside bright debris or glare",
    MISSED := "nuclei without LOIs",
    CHANCE := "LOIs and mask do not match",
    OUTSIDE := "LOIs outside the mask",
    FAINT := "faint LOIs outside the mask",
    DOUBLES := "suspected doubles",
    LONELY := "mask without LOIs",
    UNSTAINED := "nuclei without stain",
    MIXED := "nuclei of many sizes",
    UNUSUAL := "unusual",
)


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
    missed: float = 0.3
    """of the nuclei that the DAPI shows: LOIs of clean images miss 0.29 at most, of all but one in a hundred"""
    fewest_missed: int = 10
    fewest: int = 3
    close: float = 0.5
    """LOIs closer than this many typical nucleus diameters are suspected doubles, whatever the DAPI shows"""
    faint: float = 0.33
    """LOIs off the mask are faint when their DAPI is below this fraction of that of LOIs on the mask (medians)"""
    chance: float = 3.0
    """LOIs speak for or against a mask when this many standard deviations more or fewer than its fraction lie on it"""
    avoided: float = 0.5
    """they avoid it when this fraction of what chance would put there, or less, lies on it"""
    unstained: float = 0.3
    """LOIs off the mask lie in unstained areas when the stain around them is below this fraction of the way from
    background to cells (median)"""
    mixed: float = 2.5
    """nuclei are of many sizes when the 90th percentile of their diameters is so many times the 10th"""
    fewest_sizes: int = 20
    """LOIs that it takes to say so"""
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
    relation: Relation | None = None
    """whether LOIs, DAPI, image and mask agree"""


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
        return area_per_loi(self.image)


def area_per_loi(one: MeasuredImage) -> float | None:
    """Return mask area in pixels per LOI, None without either."""
    if one.mask is None or one.lois is None or one.shape is None or not len(one.lois.points) or not one.mask.fraction:
        return None
    return one.mask.fraction * one.shape[0] * one.shape[1] / len(one.lois.points)


def percent(fraction: float) -> str:
    """Return a fraction as people read it.

    >>> percent(0.311), percent(0.031)
    ('31 %', '3.1 %')
    """
    return f"{100 * fraction:.{0 if fraction >= 0.1 or fraction == 0 else 1}f} %"


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun.

    >>> counted(1, "image"), counted(3, "image"), counted(2, "mask covers", "masks cover")
    ('1 image', '3 images', '2 masks cover')
    """
    return f"{number} {one if number == 1 else several or one + 's'}"
