"""Close-ups of what is doubtful: cell image, DAPI and pseudo-labels side by side, a nucleus some 40 pixels wide."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32

from lacss_tools.annotate.check.findings import JudgedImage, counted
from lacss_tools.annotate.check.learned import Learned
from lacss_tools.arrays import Image, Labels, Mask, Plane, Points
from lacss_tools.network.preprocess import resize_plane
from lacss_tools.screen.draw import (
    PINK,
    RGB,
    SKY,
    VERMILLION,
    YELLOW,
    background,
    draw_outlines,
    draw_points,
    tint_cells,
    to_rgb,
)

SIDE, NUCLEUS = 420, 40.0
"""picture pixels, side of a close-up and width of a nucleus in it"""
LARGE = 75
"""percentile of the diameters at LOIs that is drawn NUCLEUS wide: small ones are debris at times"""
ZOOMS = (0.2, 8.0)
"""picture pixels per pixel of the image"""
DOTS = ((YELLOW, "LOI"), (VERMILLION, "LOI off the mask or on dark DAPI"), (PINK, "suspected double"))
DOUBLED = ("suspected double", "suspected doubles")
WRONG = ("LOI off the mask or on dark DAPI", "LOIs off the mask or on dark DAPI")
GIANTS = ("pseudo-label far larger than usual", "pseudo-labels far larger than usual")
CLOSEST = ("LOI close to another", "LOIs as close as any")
DOT, RIM = 3, 4
"""radius in picture pixels of a LOI and of the dark disc under it: small, so that the nucleus under it can be seen"""
MOST = 2
"""close-ups of an image"""
TRIED = 500
"""windows among which the densest is chosen"""

Places = dict[tuple[str, str], Float[np.ndarray, "_ 2"]]
"""of each kind of doubt, in words for one and for several, the points (y, x)"""


@dataclass(frozen=True)
class Arrays:
    """What there is to see of an image."""

    image: Image | None
    dapi: Plane | None
    mask: Mask | None
    learned: Learned | None
    """its pseudo-labels; None if training cannot use it"""


@dataclass(frozen=True)
class CloseUp:
    """A picture, and what it was chosen for."""

    picture: RGB
    what: str


@dataclass(frozen=True)
class Window:
    """A square of an image, in its pixels, drawn SIDE pixels wide."""

    top: int
    left: int
    width: int

    @property
    def zoom(self) -> float:
        """Picture pixels per pixel."""
        return SIDE / self.width

    def meets(self, other: "Window") -> bool:
        """Whether the two show mostly the same."""
        return max(abs(self.top - other.top), abs(self.left - other.left)) < self.width / 2

    def holds(self, points: Points) -> Bool[np.ndarray, " point"]:
        """Return which points lie in it."""
        places = points - (self.top, self.left)
        inside: np.ndarray = np.all((places >= 0) & (places < self.width), axis=1)
        return inside


def close_ups(one: JudgedImage, arrays: Arrays, nucleus: float) -> tuple[CloseUp, ...]:
    """Return close-ups of the most doubtful places of an image with LOIs.

    `nucleus` is a diameter in pixels, for images whose nuclei are not measured.
    """
    shape = next((plane.shape[-2:] for plane in (arrays.dapi, arrays.image, arrays.mask) if plane is not None), None)
    if one.image.lois is None or not len(one.image.lois.points) or shape is None:
        return ()
    giants = np.zeros((0, 2)) if arrays.learned is None else arrays.learned.giants
    diameters = one.image.lois.diameter
    across = nucleus if diameters is None else max(1.0, float(np.percentile(diameters, LARGE)))
    width = max(8, round(SIDE / float(np.clip(NUCLEUS / across, *ZOOMS))))
    places = doubtful_places(one, giants)
    windows: list[Window] = []
    for points in places.values():
        window = densest(points, shape, width)
        if len(windows) < MOST and not any(window.meets(other) for other in windows):
            windows.append(window)
    return tuple(CloseUp(draw(one, arrays, window), describe(places, window)) for window in windows)


def doubtful_places(one: JudgedImage, giants: Points) -> Places:
    """Return what is doubtful and where; the closest LOIs when nothing is."""
    lois = one.image.lois
    if lois is None:
        return {}
    places = {
        DOUBLED: lois.points[one.doubled],
        WRONG: lois.points[off_or_dark(one)],
        GIANTS: giants,
    }
    found = {name: points for name, points in places.items() if len(points)}
    return found or {CLOSEST: lois.points[np.argsort(lois.nearest, kind="stable")[:2]]}


def describe(places: Places, window: Window) -> str:
    """Return in words what a window holds."""
    counts = {names: int(window.holds(points).sum()) for names, points in places.items()}
    return ", ".join(counted(count, *names) for names, count in counts.items() if count)


def off_or_dark(one: JudgedImage) -> Bool[np.ndarray, " point"]:
    """Return which LOIs lie off the mask or where the DAPI is dark."""
    lois, mask = one.image.lois, one.image.mask
    if lois is None:
        return np.zeros(0, dtype=bool)
    wrong = np.zeros(len(lois.points), dtype=bool) if lois.on_dark is None else lois.on_dark.copy()
    if mask is not None and mask.outside is not None:
        wrong |= mask.outside
    return wrong


def densest(points: Points, shape: tuple[int, ...], width: int) -> Window:
    """Return the window around a point that holds the most of them, inside an image of `shape` where it fits."""
    last = np.maximum(np.array(shape) - width, 0)
    some = points[:: -(-len(points) // TRIED)]
    corners = np.clip(np.round(some).astype(int) - width // 2, 0, last)
    windows = [Window(top, left, width) for top, left in corners.tolist()]
    return max(windows, key=lambda window: int(window.holds(points).sum()))


# ---- drawing --------------------------------------------------------------------------------------------------------


def draw(one: JudgedImage, arrays: Arrays, window: Window) -> RGB:
    """Return what there is of cell image with the mask's contour, DAPI, and pseudo-labels, each with small LOIs."""
    panels = []
    if arrays.image is not None:
        plain = _part(background(arrays.image, arrays.image.shape[1:]), window)
        panels.append(plain if arrays.mask is None else draw_outlines(plain, _labels_part(arrays.mask, window), SKY))
    if arrays.dapi is not None:
        panels.append(_part(to_rgb(arrays.dapi[None]), window))
    if arrays.learned is not None and arrays.image is not None and arrays.mask is not None:
        whole = background(arrays.image, arrays.image.shape[1:])
        labels = _labels_part(arrays.learned.labels, window, arrays.mask.shape)
        panels.append(tint_cells(_part(whole, window), labels))
    if not panels:
        return np.zeros((SIDE, SIDE, 3), np.uint8)
    return np.concatenate([draw_lois(panel, one, window.zoom, (window.top, window.left)) for panel in panels], axis=1)


def draw_lois(
    rgb: RGB, one: JudgedImage, zoom: float, corner: tuple[int, int], radii: tuple[int, int] = (DOT, RIM)
) -> RGB:
    """Return the picture with a dot at each LOI: doubtful ones in their own colours, on top."""
    lois = one.image.lois
    if lois is None:
        return rgb
    wrong = off_or_dark(one)
    doubled = one.doubled & ~wrong
    places = (lois.points - corner + 0.5) * zoom - 0.5
    rgb = draw_points(rgb, places, (0, 0, 0), radii[1])
    for which, (colour, _) in zip((~wrong & ~doubled, wrong, doubled), DOTS, strict=True):
        rgb = draw_points(rgb, places[which], colour, radii[0])
    return rgb


def _part(rgb: RGB, window: Window) -> RGB:
    """Return a window of a picture, SIDE pixels wide; black beyond the image."""
    cut = rgb[window.top : window.top + window.width, window.left : window.left + window.width]
    size = round(cut.shape[0] * window.zoom), round(cut.shape[1] * window.zoom)
    channels = [resize_plane(cut[..., k].astype(np.float32), size) for k in range(3)]
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    out[: size[0], : size[1]] = np.clip(np.round(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)
    return out


def _labels_part(
    labels: Labels | Mask, window: Window, shape: tuple[int, ...] | None = None
) -> Int32[np.ndarray, "_ _"]:
    """Return the same of labels, those of a resized copy of an image of `shape` perhaps; 0 beyond the image."""
    shape = labels.shape if shape is None else shape
    rows, columns = (
        np.floor((np.arange(SIDE) + 0.5) / window.zoom).astype(int) + at for at in (window.top, window.left)
    )
    y, x = (
        np.minimum((at + 0.5) * side / length, side - 1).astype(int)
        for at, side, length in zip((rows, columns), labels.shape, shape, strict=True)
    )
    beyond = (rows >= shape[0])[:, None] | (columns >= shape[1])
    out: np.ndarray = np.where(beyond, 0, labels[np.ix_(y, x)]).astype(np.int32)
    return out
