"""Every number of the annotation steps, with its default; plain dataclasses, light to import."""

from dataclasses import dataclass

from lacss_tools.errors import UsageError

PAPER_SIGMA = (4.2, 5.0)
SIGMA_PER_DIAMETER = 0.25
SIGMA_RATIO = PAPER_SIGMA[1] / PAPER_SIGMA[0]


@dataclass(frozen=True)
class LoiSettings:
    """How LOIs are found; lengths in pixels.

    `sigma` gives the two Gaussians of the paper's rule and switches merging off unless `min_distance` is given too.
    Without it they follow from the nucleus diameter, which is estimated from the images unless given.
    """

    sigma: tuple[float, float] | None = None
    nucleus_diameter: float | None = None
    min_response: float = 0.01
    """smallest difference of Gaussians, on intensities whose 1st and 99.8th percentile are 0 and 1"""
    min_distance: float | None = None
    """LOIs closer than this are always one; default 0.3 nucleus diameters"""
    dip: float = 0.3
    """maxima within 1.2 nucleus diameters are one unless the response between them falls by more than this part"""

    def __post_init__(self) -> None:
        if self.sigma is not None and not 0 < self.sigma[0] < self.sigma[1]:
            raise UsageError(
                f"--sigma {self.sigma[0]:g} {self.sigma[1]:g} must be two rising positive numbers, as 4.2 5.0."
            )
        if self.nucleus_diameter is not None and self.nucleus_diameter < 2:
            raise UsageError(
                f"--nucleus-diameter {self.nucleus_diameter:g} is under 2 pixels. Give the diameter in pixels."
            )
        if self.min_response < 0 or (self.min_distance or 0) < 0:
            raise UsageError("--min-response and --min-distance cannot be negative.")

    def sigmas(self, diameter: float) -> tuple[float, float]:
        """Return the two sigmas for nuclei of `diameter` pixels."""
        return self.sigma or (SIGMA_PER_DIAMETER * diameter, SIGMA_PER_DIAMETER * diameter * SIGMA_RATIO)


@dataclass(frozen=True)
class CutSettings:
    """How candidates are cut. Thresholds are on the normalised log intensity, 0 to 1, or multiples of its centre."""

    thresholds: tuple[float, ...] = (0.76, 0.88, 1.0, 1.12, 1.24)
    relative: bool = True
    smoothness: float = 0.2
    """cost, in nats, of a border between two neighbouring pixels"""
    neighbours: int = 8

    def __post_init__(self) -> None:
        if (
            not self.thresholds
            or any(t <= 0 for t in self.thresholds)
            or (not self.relative and any(t >= 1 for t in self.thresholds))
        ):
            raise UsageError("--thresholds takes numbers between 0 and 1, or multiples of the centre as x0.8,x1,x1.2.")
        if self.smoothness < 0:
            raise UsageError(f"--smoothness {self.smoothness:g} cannot be negative.")
        if self.neighbours not in (4, 8):
            raise UsageError(f"--neighbours {self.neighbours} is not possible. Choose 4 or 8.")


def parse_thresholds(text: str) -> tuple[tuple[float, ...], bool]:
    """Return the thresholds, loosest (smallest) first, and whether they are multiples of the centre.

    >>> parse_thresholds("x0.9,x1.1")
    ((0.9, 1.1), True)
    >>> parse_thresholds("0.5,0.3")
    ((0.3, 0.5), False)
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    relative = [item.lower().startswith("x") for item in items]
    if any(relative) and not all(relative):
        raise UsageError(f"--thresholds {text} mixes absolute and relative values. Write x before all or none.")
    try:
        values = sorted(float(item.lower().removeprefix("x")) for item in items)
    except ValueError:
        raise UsageError(f"--thresholds {text} is not a list of numbers. Write for example 0.3,0.4,0.5.") from None
    return tuple(values), bool(relative) and relative[0]
