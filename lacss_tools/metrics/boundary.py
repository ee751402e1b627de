"""Do the borders lie where the true borders lie?"""

import numpy as np
from jaxtyping import Integer

from lacss_tools.arrays import Mask
from lacss_tools.cells import Cells

TOLERANCE = 2.0
"""pixels by which a border may be off"""


def border_pixels(cells: Cells) -> Mask:
    """Return the union of the inner borders: pixels of a cell with a 4-neighbour inside the image that is not of it."""
    out = np.zeros(cells.shape, dtype=bool)
    for k, (y0, x0, y1, x1) in enumerate(cells.boxes.tolist()):
        mask = cells.mask(k)
        framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
        framed[1:-1, 1:-1] = mask
        # beyond the image a cell goes on: where the image cuts it is no border
        for view, cut in ((framed, (y0 == 0, y1 == cells.shape[0])), (framed.T, (x0 == 0, x1 == cells.shape[1]))):
            if cut[0]:
                view[0] = view[1]
            if cut[1]:
                view[-1] = view[-2]
        inner = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
        out[y0:y1, x0:x1] |= mask & ~inner
    return out


def border_counts(detections: Cells, truth: Cells, tolerance: float = TOLERANCE) -> Integer[np.ndarray, " 4"]:
    """Return four numbers of pixels, which add over images.

    Detected border near true border, all detected border, true border near detected border, all true border; near is
    within `tolerance` pixels, centre to centre. The boundary F-score is 2 P R / (P + R) with P the first over the
    second and R the third over the fourth.
    """
    ours, theirs = border_pixels(detections), border_pixels(truth)
    near_theirs, near_ours = _near(theirs, tolerance), _near(ours, tolerance)
    pairs = (ours & near_theirs, ours, theirs & near_ours, theirs)
    return np.array([np.count_nonzero(pixels) for pixels in pairs], dtype=np.int64)


def _near(border: Mask, tolerance: float) -> Mask:
    """Return the pixels at most `tolerance` away from a border pixel: its disc, shifted copy by shifted copy."""
    reach = int(tolerance)
    h, w = border.shape
    framed = np.pad(border, reach)
    out = np.zeros_like(border)
    for dy, dx in np.ndindex(2 * reach + 1, 2 * reach + 1):
        if (dy - reach) ** 2 + (dx - reach) ** 2 <= tolerance**2:
            out |= framed[dy : dy + h, dx : dx + w]
    return out
