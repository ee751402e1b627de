"""How a picture looks; plain dataclass."""

from dataclasses import dataclass

from lacss_tools.settings import check, setting

OUTLINE, FILL = STYLES = ("outline", "fill")
EACH = "each"
"""in place of a colour: every cell has its own"""
FORMATS = ("png", "svg", "pdf")
LOOK = "Look"
"""panel of `lacss picture --help`"""


@dataclass(frozen=True)
class PictureSettings:
    """How a picture looks."""

    style: str = setting(OUTLINE, "outline: lines around the cells; fill: tinted cells.", panel=LOOK, choices=STYLES)
    colour: str = setting("#e69f00", "Of the cells: a name or #RRGGBB; each: every cell has its own.", panel=LOOK)
    line: float = setting(1.5, "Width of the lines, in pixels of the picture.", panel=LOOK, above=0, most=50)
    zoom: float = setting(1.0, "Pixels of the picture per pixel of the image.", panel=LOOK, above=0, most=20)
    scale_bar: float | None = setting(
        None,
        "Length of the scale bar in micrometres; 0: none.",
        panel=LOOK,
        least=0,
        shown="about a fifth of the width, where the size of a pixel is known",
    )
    pixel_size: float | None = setting(
        None, "Micrometres per pixel, where the files do not say.", panel=LOOK, above=0, shown="from the files"
    )

    def __post_init__(self) -> None:
        check(self)
