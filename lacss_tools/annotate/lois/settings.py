"""Every number of the LOIs, with its default, meaning and range; plain dataclasses, light to import."""

from dataclasses import dataclass

from lacss_tools.errors import UsageError
from lacss_tools.settings import check, setting, show

MIN_RESPONSE = 0.006
"""default of `LoiSettings.min_response`, and that with which nuclei are measured"""
NUCLEI = "Nuclei"
"""panel of `lacss annotate-lois --help`"""


@dataclass(frozen=True)
class LoiSettings:
    """How LOIs are found; lengths in pixels."""

    sigma: tuple[float, float] | None = setting(
        None,
        "The two Gaussians in pixels; 4.2 5.0 is the paper's rule: every maximum, nothing merged.",
        panel=NUCLEI,
        above=0,
        shown="no fixed filter",
    )
    nucleus_diameter: float | None = setting(
        None,
        "Typical diameter of a nucleus in pixels; auto: that of the nuclei found in twelve images.",
        panel=NUCLEI,
        least=2,
        absent="auto",
    )
    min_response: float = setting(
        MIN_RESPONSE,
        "Smallest response of the filter, where 1 is the contrast of the image (percentiles 1 to 99.8).",
        panel=NUCLEI,
        least=0,
    )
    min_distance: float = setting(
        0.0, "Of points closer than this, in pixels, the strongest stays.", panel=NUCLEI, least=0
    )

    def __post_init__(self) -> None:
        check(self)
        if self.sigma is not None and not self.sigma[0] < self.sigma[1]:
            raise UsageError(f"`sigma` must be two rising numbers, not {show(self.sigma)}. Give for example 4.2 5.0.")
        if self.sigma is not None and self.nucleus_diameter is not None:
            raise UsageError("`sigma` and `nucleus_diameter` say the same thing twice. Give one of them.")
