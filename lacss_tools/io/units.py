"""Lengths of pixels in the units that files name."""

import unicodedata
from typing import Any

import numpy as np

MICROMETRES = {
    **dict.fromkeys(("μm", "um", r"\u00b5m"), 1.0),  # the last is Fiji's way to write it
    **dict.fromkeys(("micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("å", "angstrom", "angstroms", "ångström"), 1e-4),
    "picometer": 1e-6, "nanometer": 1e-3, "millimeter": 1e3, "meter": 1e6,  # OME-Zarr spells them out
    "pm": 1e-6, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "inch": 25400.0, "inches": 25400.0,
}  # fmt: skip
"""in one of each unit, in small letters"""
PRINTED = ("cm", "inch", "inches")
LARGEST = 10.0
"""micrometres: in units of print, a larger pixel is one of paper, as graphics programs write it"""


def micrometres(value: Any, unit: str) -> float | None:
    """Return a length in micrometres; None where it is none or its unit is not known.

    >>> micrometres("250", "nm"), micrometres(2500, "Å"), micrometres(1, "pixel"), micrometres(1 / 72, "inch")
    (0.25, 0.25, None, None)
    """
    known = unicodedata.normalize("NFKC", unit).strip().casefold()  # two letters look like mu, two like Å
    try:
        length = float(value) * MICROMETRES.get(known, 0)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(length) or length <= 0 or (known in PRINTED and length > LARGEST):
        return None
    return length


def both(sizes: list[float | None]) -> tuple[float, float] | None:
    """Return the size (y, x) of a pixel if both lengths are known."""
    y, x = sizes
    return None if y is None or x is None else (y, x)
