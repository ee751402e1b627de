"""Every number of the LOIs, with its default; plain dataclasses, light to import."""

from dataclasses import dataclass

from lacss_tools.errors import UsageError

METHODS = ("network", "pieces", "dog")
PAPER_SIGMA = (4.2, 5.0)
MIN_RESPONSE = 0.006
MIN_SCORE = 0.45


@dataclass(frozen=True)
class LoiSettings:
    """How LOIs are found; lengths in pixels."""

    method: str = "network"
    """network: nuclei of any size, by the network in the wheel; pieces: the roundest pieces of a blob filter's level
    sets; dog: the paper's rule, every maximum of a difference of Gaussians"""
    sigma: tuple[float, float] | None = None
    """the two Gaussians of the paper's rule, which is chosen by giving them; None: 4.2 and 5.0"""
    nucleus_diameter: float | None = None
    """typical diameter; None estimates it: the network from each image, `pieces` from all of them"""
    min_response: float | None = None
    """smallest score of a nucleus (network, 0 to 1) or smallest difference of Gaussians, on intensities whose 1st and
    99.8th percentile are 0 and 1; None for the default of the method"""
    smallest: float = 0.2
    """nuclei under this fraction of the typical diameter are debris (network)"""
    min_distance: float = 0.0
    """of LOIs closer than this, the strongest stays"""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"Method {self.method!r} is unknown. Choose one of: {', '.join(METHODS)}.")
        if self.sigma is not None and self.method == "pieces":
            raise UsageError("--sigma belongs to --method dog. Leave out one of the two.")
        if self.sigma is not None and not 0 < self.sigma[0] < self.sigma[1]:
            raise UsageError(
                f"--sigma {self.sigma[0]:g} {self.sigma[1]:g} must be two rising positive numbers, as 4.2 5.0."
            )
        if self.nucleus_diameter is not None and self.nucleus_diameter < 2:
            raise UsageError(
                f"--nucleus-diameter {self.nucleus_diameter:g} is under 2 pixels. Give the diameter in pixels."
            )
        if not 0 <= self.smallest < 1:
            raise UsageError(f"--smallest is a fraction of a typical nucleus from 0 to 1, not {self.smallest:g}.")
        if self.min_distance < 0 or (self.min_response is not None and self.min_response < 0):
            raise UsageError("--min-response and --min-distance cannot be negative.")

    @property
    def rule(self) -> str:
        """The method, which is the paper's rule wherever its Gaussians are given."""
        return self.method if self.sigma is None else "dog"

    @property
    def least(self) -> float:
        """The smallest response or score, that of the method where none is given."""
        if self.min_response is not None:
            return self.min_response
        return MIN_SCORE if self.rule == "network" else MIN_RESPONSE
