"""Every number of the LOIs, with its default; plain dataclasses, light to import."""

from dataclasses import dataclass

from lacss_tools.errors import UsageError

MIN_RESPONSE = 0.006


@dataclass(frozen=True)
class LoiSettings:
    """How LOIs are found; lengths in pixels."""

    sigma: tuple[float, float] | None = None
    """the two Gaussians of the paper's rule, which then is all that is done"""
    nucleus_diameter: float | None = None
    """typical diameter; None estimates it from the images"""
    min_response: float = MIN_RESPONSE
    """smallest difference of Gaussians, on intensities whose 1st and 99.8th percentile are 0 and 1"""
    min_distance: float = 0.0
    """of LOIs closer than this, the strongest stays"""

    def __post_init__(self) -> None:
        if self.sigma is not None and not 0 < self.sigma[0] < self.sigma[1]:
            raise UsageError(
                f"--sigma {self.sigma[0]:g} {self.sigma[1]:g} must be two rising positive numbers, as 4.2 5.0."
            )
        if self.nucleus_diameter is not None and self.nucleus_diameter < 2:
            raise UsageError(
                f"--nucleus-diameter {self.nucleus_diameter:g} is under 2 pixels. Give the diameter in pixels."
            )
        if self.min_response < 0 or self.min_distance < 0:
            raise UsageError("--min-response and --min-distance cannot be negative.")
