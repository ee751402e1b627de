"""Every number of the LOIs, with its default, meaning and range; plain dataclasses, light to import."""

from dataclasses import dataclass

from lacss_tools.errors import UsageError
from lacss_tools.settings import check, setting, show

NETWORK, PIECES, DOG = "network", "pieces", "dog"
METHODS = (NETWORK, PIECES, DOG)
DEFAULT = NETWORK
"""what finds nuclei when nobody says; the tables in docs/results.md compare the methods"""
PAPER_SIGMA = (4.2, 5.0)
"""pixels; the Gaussians of the paper's rule (Methods)"""
MIN_RESPONSE = 0.006
"""default of `LoiSettings.min_response` of filters, and that with which nuclei are measured"""
MIN_SCORE = 0.42
"""default of `LoiSettings.min_response` of the network"""
LARGEST = 5000.0
"""pixels; nuclei are no larger, however they are magnified"""
NUCLEI = "Nuclei"
"""panel of `lacss annotate-lois --help`"""


@dataclass(frozen=True)
class LoiSettings:
    """How LOIs are found; lengths in pixels."""

    method: str | None = setting(
        None,
        "How to find nuclei. network: by a small network that comes along, at any size; pieces: the roundest pieces of "
        "a blob filter's level sets; dog: the paper's rule, every maximum of a difference of Gaussians.",
        panel=NUCLEI,
        choices=METHODS,
        shown=f"{DEFAULT}, or dog with `sigma`",
    )
    sigma: tuple[float, float] | None = setting(
        None,
        "The two Gaussians of the paper's rule in pixels; giving them chooses `method` dog.",
        panel=NUCLEI,
        above=0,
        most=LARGEST,
        shown=" ".join(map(str, PAPER_SIGMA)),
    )
    nucleus_diameter: float | None = setting(
        None,
        "Typical diameter of a nucleus in pixels; auto: measured, by the network in each image, by pieces in twelve.",
        panel=NUCLEI,
        least=2,
        most=LARGEST,
        absent="auto",
    )
    min_response: float | None = setting(
        None,
        "Smallest score of a nucleus (network, 0.3 to 1), or smallest response of the filter, where 1 is the contrast "
        "of the image (percentiles 1 to 99.8).",
        panel=NUCLEI,
        least=0,
        shown=f"{MIN_SCORE:g} or {MIN_RESPONSE:g}",
    )
    min_distance: float = setting(
        0.0, "Of points closer than this, in pixels, the strongest stays.", panel=NUCLEI, least=0
    )
    smallest: float = setting(
        0.25,
        "Leave out nuclei under this fraction of the typical diameter as debris, where they are many (network).",
        least=0,
        below=1,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.sigma is not None and not self.sigma[0] < self.sigma[1]:
            raise UsageError(f"`sigma` must be two rising numbers, not {show(self.sigma)}. Give for example 4.2 5.0.")
        if self.sigma is not None and self.nucleus_diameter is not None:
            raise UsageError("`sigma` and `nucleus_diameter` say the same thing twice. Give one of them.")
        if self.sigma is not None and self.rule != DOG:
            raise UsageError(f"`sigma` belongs to `method` dog, not {self.method}. Leave out one of the two.")

    @property
    def rule(self) -> str:
        """The method: where none is given, the paper's rule if its Gaussians are."""
        return self.method or (DEFAULT if self.sigma is None else DOG)

    @property
    def gaussians(self) -> tuple[float, float]:
        """The Gaussians of the paper's rule."""
        return self.sigma or PAPER_SIGMA

    @property
    def least(self) -> float:
        """The smallest response or score, that of the method where none is given."""
        if self.min_response is not None:
            return self.min_response
        return MIN_SCORE if self.rule == NETWORK else MIN_RESPONSE
