"""Every number of the cuts, with its default, meaning and range; a plain dataclass, light to import."""

import json
from dataclasses import asdict, dataclass

from lacss_tools.errors import UsageError
from lacss_tools.settings import Values, check, from_table, setting

SMOOTHNESS, FIJI_SMOOTHNESS = 0.2, 5.0
"""in force where none is given, without and with `fiji_compat`"""
THRESHOLDS = (0.76, 0.88, 1.0, 1.12, 1.24)
"""multiples of the automatic centre"""
SMALLEST_CELL = 3
"""pixels across: a smaller one has no inside to fill"""
CUT, INTENSITY, TILES = "Cut", "Intensity", "Large images"
"""panels of `lacss graphcut --help`"""


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
        raise UsageError(f"`thresholds` {text} mixes absolute and relative values. Write x before all or none.")
    try:
        values = sorted(float(item.lower().removeprefix("x")) for item in items)
    except ValueError:
        raise UsageError(f"`thresholds` {text} is not a list of numbers. Write for example 0.3,0.4,0.5.") from None
    return tuple(values), bool(relative) and relative[0]


def _thresholds_and_kind(text: str) -> Values:
    values, relative = parse_thresholds(text)
    return {"thresholds": values, "relative": relative}


@dataclass(frozen=True)
class CutSettings:
    """How candidates are cut. Thresholds are on the normalised intensity, 0 to 1, or multiples of its centre."""

    thresholds: tuple[float, ...] = setting(
        THRESHOLDS,
        "Values in (0,1) of the normalised intensity, or xF: multiples of the automatic centre.",
        panel=CUT,
        above=0,
        read=_thresholds_and_kind,
        shown=",".join(f"x{t:g}" for t in THRESHOLDS),
    )
    relative: bool = setting(
        True,
        "Whether plain numbers as `thresholds` in a file are multiples of the automatic centre.",
    )
    smoothness: float | None = setting(
        None,
        "Cost of a border per pair of neighbouring pixels, in nats; 0 is plain thresholding.",
        panel=CUT,
        least=0,
        shown=f"{SMOOTHNESS:g}; with `fiji_compat` {FIJI_SMOOTHNESS:g}",
    )
    neighbours: int = setting(8, "Neighbours of a pixel.", panel=CUT, choices=(4, 8))
    contrast: bool = setting(False, "Make borders cheaper where the intensity changes, and along diagonals.", panel=CUT)
    center: str = setting(
        "otsu", "Rule for the centre of xF thresholds.", panel=CUT, choices=("otsu", "li", "triangle")
    )
    intensity: str = setting(
        "log",
        "Scale of the intensity between the percentiles 2 and 99.8. log treats dim and bright cells alike.",
        panel=INTENSITY,
        choices=("log", "linear"),
    )
    log_strength: float | None = setting(
        None,
        "Strength R of the logarithm ln(1+R*n), n from 0 to 1. 10 suits 8-bit images, 100 camera values.",
        panel=INTENSITY,
        above=0,
        shown="chosen per image",
    )
    membrane: float = setting(
        0.0,
        "For stains of the membrane (bright outline, dark inside): largest cell diameter to fill, in pixels; 0 fills "
        "nothing.",
        panel=INTENSITY,
        least=0,
    )
    polarity: str = setting(
        "auto",
        "Whether cells are bright or dark on their background. auto inverts only images that are clearly dark.",
        panel=INTENSITY,
        choices=("auto", "bright", "dark"),
    )
    seeds: bool = setting(
        True,
        "Make nuclei that lie in stain part of every candidate, dark ones with the hollow around them; needs LOIs or "
        "nucleus labels. Nuclei without stain around them are counted and left out.",
        panel=CUT,
    )
    fiji_compat: bool = setting(
        False,
        "Energy and intensity of Fiji's Graph_Cut, to reproduce old masks: no percentiles, no logarithm, 8 neighbours "
        "of equal weight, no nuclei. Its foreground bias is 1-t.",
        panel=CUT,
    )
    tile: int = setting(
        2048,
        "Images of more than tile x tile pixels are cut in overlapping tiles of at most this side, in pixels.",
        panel=TILES,
        least=4,
    )
    overlap: int = setting(128, "Pixels that neighbouring tiles share.", panel=TILES, least=2)

    def __post_init__(self) -> None:
        check(self)
        if not self.thresholds or (not self.relative and any(t >= 1 for t in self.thresholds)):
            raise UsageError("`thresholds` takes numbers between 0 and 1, or multiples of the centre as x0.8,x1,x1.2.")
        if 0 < self.membrane < SMALLEST_CELL:
            raise UsageError(
                f"`membrane` {self.membrane:g} is no cell diameter. Give {SMALLEST_CELL} pixels or more, or 0 for none."
            )
        if self.tile < 2 * self.overlap:
            raise UsageError(f"`tile` {self.tile} is under twice the `overlap` of {self.overlap}. Choose larger tiles.")
        self._check_fiji()

    def _check_fiji(self) -> None:
        other = {
            "`contrast`": self.contrast,
            "`intensity` linear": self.intensity != "log",
            "`log_strength`": self.log_strength is not None,
            "`membrane`": self.membrane > 0,
            "`neighbours` 4": self.neighbours != 8,
        }
        if self.fiji_compat and any(other.values()):
            named = " and ".join(name for name, given in other.items() if given)
            raise UsageError(f"Fiji's plugin knows nothing of {named}. Leave it out, or leave out `fiji_compat`.")

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
    return from_table(CutSettings, json.loads(text or "{}"))
