"""Every number of the cuts, with its default; a plain dataclass, light to import."""

import json
from dataclasses import asdict, dataclass

from lacss_tools.errors import UsageError

SMOOTHNESS, FIJI_SMOOTHNESS = 0.2, 5.0


@dataclass(frozen=True)
class CutSettings:
    """How candidates are cut. Thresholds are on the normalised intensity, 0 to 1, or multiples of its centre."""

    thresholds: tuple[float, ...] = (0.76, 0.88, 1.0, 1.12, 1.24)
    relative: bool = True
    smoothness: float | None = None
    """cost, in nats, of a border between two neighbouring pixels; None is 0.2, or 5 as in Fiji with `fiji_compat`"""
    neighbours: int = 8
    contrast: bool = False
    """whether the smoothness falls where the intensity changes"""
    center: str = "otsu"
    """rule for the centre of relative thresholds: otsu, li or triangle"""
    intensity: str = "log"
    """log or linear"""
    log_strength: float | None = None
    """R of the log intensity ln(1 + R n) / ln(1 + R); None chooses it from each image"""
    membrane: float = 0.0
    """diameter, in pixels, of the largest cell whose dark inside is filled; 0 fills nothing"""
    polarity: str = "auto"
    """whether cells are bright or dark; auto looks at each image"""
    fiji_compat: bool = False
    """energy and intensity of Fiji's Graph_Cut: no percentiles, no log, 8 neighbours of constant weight"""
    tile: int = 2048
    """images of more than tile * tile pixels are cut in tiles with at most this side, in pixels"""
    overlap: int = 128
    """pixels that neighbouring tiles share"""

    def __post_init__(self) -> None:
        if (
            not self.thresholds
            or any(t <= 0 for t in self.thresholds)
            or (not self.relative and any(t >= 1 for t in self.thresholds))
        ):
            raise UsageError("--thresholds takes numbers between 0 and 1, or multiples of the centre as x0.8,x1,x1.2.")
        for name, chosen, allowed in (
            ("--neighbours", self.neighbours, (4, 8)),
            ("--center", self.center, ("otsu", "li", "triangle")),
            ("--intensity", self.intensity, ("log", "linear")),
            ("--polarity", self.polarity, ("auto", "bright", "dark")),
        ):
            if chosen not in allowed:
                raise UsageError(f"{name} {chosen} is not possible. Choose {' or '.join(map(str, allowed))}.")
        self._check_numbers()
        self._check_fiji()

    def _check_numbers(self) -> None:
        if self.weight < 0:
            raise UsageError(f"--smoothness {self.weight:g} cannot be negative.")
        if self.log_strength is not None and self.log_strength <= 0:
            raise UsageError(f"--log-strength {self.log_strength:g} is not positive. Leave it out for the image's own.")
        if self.membrane < 0 or 0 < self.membrane < 3:
            raise UsageError(f"--membrane {self.membrane:g} is no cell diameter. Give 3 pixels or more, or 0 for none.")
        if self.overlap < 2 or self.tile < 2 * self.overlap:
            raise UsageError(f"--tile {self.tile} is under twice the overlap of {self.overlap}. Choose larger tiles.")

    def _check_fiji(self) -> None:
        other = {
            "--contrast": self.contrast,
            "--intensity linear": self.intensity != "log",
            "--log-strength": self.log_strength is not None,
            "--membrane": self.membrane > 0,
            "--neighbours 4": self.neighbours != 8,
        }
        if self.fiji_compat and any(other.values()):
            named = " and ".join(name for name, given in other.items() if given)
            raise UsageError(f"Fiji's plugin knows nothing of {named}. Leave it out, or leave out --fiji-compat.")

    @property
    def weight(self) -> float:
        """The smoothness in force, in nats per pair of neighbours."""
        return (FIJI_SMOOTHNESS if self.fiji_compat else SMOOTHNESS) if self.smoothness is None else self.smoothness

    def to_text(self) -> str:
        """Return all settings as one line of JSON."""
        return json.dumps(asdict(self))


def cut_settings_from_text(text: str) -> CutSettings:
    """Return the settings that `CutSettings.to_text` wrote; the defaults for an empty text.

    >>> cut_settings_from_text(CutSettings(polarity="dark").to_text()).polarity
    'dark'
    """
    values = json.loads(text or "{}")
    if "thresholds" in values:
        values["thresholds"] = tuple(values["thresholds"])
    return CutSettings(**values)


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
