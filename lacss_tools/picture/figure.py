"""One picture: image, nuclei in blue, cells as lines or tinted, scale bar. Arrays in, the bytes of a file out."""

import io
from typing import Any

import numpy as np
from jaxtyping import Float

from lacss_tools.arrays import Image, Mask, Plane
from lacss_tools.cells import Cells
from lacss_tools.errors import UsageError
from lacss_tools.picture.settings import EACH, FILL, PictureSettings
from lacss_tools.screen.draw import GOLDEN, RGB, TINT, background, stretch

DPI = 100
"""of a figure, so that so many pixels are an inch of it"""
SMOOTH = 1.0
"""pixels; sigma by which the edge of a cell is smoothed before a line is drawn along it"""
NUCLEI = (0.0, 0.45, 1.0)
"""colour of the nuclei; their light is added to that of the image"""
NICE = (1.0, 2.0, 5.0)
"""a scale bar is one of these times a power of ten"""
BAR_OF_WIDTH = 0.2
"""a scale bar is at most this fraction of the width"""


def picture(
    image: Image | None,
    nuclei: Plane | None,
    cells: Cells,
    settings: PictureSettings,
    pixel_size: float | None,
    form: str,
) -> bytes:
    """Return the picture of `cells` as a file of the format `form` (png, svg, pdf).

    `image` is (channel, y, x), black without one; `pixel_size` is micrometres per pixel, None where nobody knows. In
    svg and pdf, lines and the scale bar are vectors.
    """
    figure, axis = _canvas(cells.shape, settings.zoom)
    rgb = with_nuclei(background(image, cells.shape), nuclei)
    height, width = cells.shape
    axis.imshow(rgb, extent=(0, width, height, 0), interpolation="nearest")
    if len(cells):
        axis.add_collection(_shapes(cells, settings))
    bar = bar_length(width, pixel_size, settings.scale_bar)
    if bar and pixel_size:
        _draw_bar(axis, bar, pixel_size, cells.shape, settings.zoom)
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=DPI)
    return file.getvalue()


def _canvas(shape: tuple[int, int], zoom: float) -> tuple[Any, Any]:
    """Return a figure of `zoom` times the size of the image, and axes in pixels of the image that fill it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(shape[1] * zoom / DPI, shape[0] * zoom / DPI))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set(xlim=(0, shape[1]), ylim=(shape[0], 0))
    return figure, axis


def with_nuclei(rgb: RGB, nuclei: Plane | None) -> RGB:
    """Return the picture with the light of the nuclei added."""
    if nuclei is None:
        return rgb
    light = stretch(nuclei, gamma=1.0)[..., None] * np.array(NUCLEI)
    both: np.ndarray = np.clip(rgb + light, 0, 255).astype(np.uint8)
    return both


def _shapes(cells: Cells, settings: PictureSettings) -> Any:
    """Return the cells as shapes to draw, holes left out."""
    from matplotlib.collections import PathCollection

    paths = [_path(cell_lines(cells.mask(k), cells.boxes[k])) for k in range(len(cells))]
    edges = colours(len(cells), settings.colour)
    faces = np.column_stack([edges, np.full(len(edges), TINT if settings.style == FILL else 0.0)])
    points = 72 / DPI  # a line's width is in points
    return PathCollection(paths, facecolors=faces, edgecolors=edges, linewidths=settings.line * points)


def colours(count: int, colour: str) -> Float[np.ndarray, "n 3"]:
    """Return a colour (0 to 1) for each cell; UsageError for one that is unknown."""
    from matplotlib.colors import hsv_to_rgb, to_rgb

    if colour == EACH:
        full = np.ones(count)
        return np.asarray(hsv_to_rgb(np.stack([np.arange(1, count + 1) * GOLDEN % 1, 0.75 * full, full], axis=1)))
    try:
        return np.tile(to_rgb(colour), (count, 1))
    except ValueError:
        raise UsageError(f"`colour` {colour} is unknown. Give a name such as orange, or #RRGGBB, or {EACH}.") from None


def cell_lines(mask: Mask, box: Any) -> list[Float[np.ndarray, "_ 2"]]:
    """Return smooth closed lines (x, y) along the edges of a cell's mask, whose top-left pixel is at `box`."""
    from scipy.ndimage import gaussian_filter
    from skimage.measure import find_contours

    pad = 4
    framed = np.pad(mask.astype(np.float64), pad)
    soft = gaussian_filter(framed, SMOOTH)
    lines = find_contours(soft if soft.max() > 0.6 else framed, 0.5)  # a tiny cell would be smoothed away
    corner = np.asarray(box[:2]) - pad + 0.5
    return [(line + corner)[:, ::-1] for line in lines]


def _path(lines: list[Float[np.ndarray, "_ 2"]]) -> Any:
    from matplotlib.path import Path

    codes = [[Path.MOVETO, *[Path.LINETO] * (len(line) - 2), Path.CLOSEPOLY] for line in lines]
    return Path(np.concatenate(lines), np.concatenate(codes))


def bar_length(width: int, pixel_size: float | None, wanted: float | None) -> float | None:
    """Return the length of the scale bar in micrometres; None for no bar. UsageError where nobody knows the scale.

    >>> bar_length(1000, 0.5, None)
    100.0
    """
    if wanted is not None:
        if wanted and pixel_size is None:
            raise UsageError("A `scale_bar` needs the size of a pixel, which the file does not say. Give `pixel_size`.")
        return wanted or None
    if pixel_size is None:
        return None
    most = BAR_OF_WIDTH * width * pixel_size
    power = 10.0 ** np.floor(np.log10(most))
    return float(power * max(nice for nice in NICE if nice * power <= most))


def _draw_bar(axis: Any, length: float, pixel_size: float, shape: tuple[int, int], zoom: float) -> None:
    """Draw a white bar with its length in the lower right corner, on whatever is there."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    height, width = shape
    margin, thick, size = 0.03 * width, 0.008 * width, 0.03 * width * zoom
    across = length / pixel_size
    left, top = width - margin - across, height - margin - thick
    shade = [withStroke(linewidth=0.15 * size, foreground="black")]
    axis.add_patch(Rectangle((left, top), across, thick, facecolor="white", edgecolor="black", linewidth=0.5))
    text = f"{length:g} µm" if length < 1000 else f"{length / 1000:g} mm"
    axis.text(
        left + across / 2, top - 0.5 * thick, text, color="white", ha="center", va="bottom",
        fontsize=size * 72 / DPI, path_effects=shade,
    )  # fmt: skip
