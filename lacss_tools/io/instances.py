"""Whether the pixels of an image can be the numbers of cells: a picture or a mask given as labels is told by them."""

import numpy as np

from lacss_tools.arrays import Labels

LOOKED_AT = 2048
"""pixels; of larger images the middle is looked at"""
MASK_VALUES = (1, 255, 65535)
"""what programs write on the cells of a mask"""
MANY = 8
"""pieces of each number, on average, from which numbers are no cells: a cell is one piece, seldom a few"""
GRAIN, GRAINS = 2, 100
"""an image without background is grainy if its pieces have fewer pixels on average, and it has so many pieces"""
PICTURE = "a picture or probabilities"


def unlike_labels(plane: Labels) -> str | None:
    """Return what an image is instead of labels, None when its numbers can be cells.

    Pixels of one number that touch, also at corners, are a piece. Labels have about as many pieces as numbers. A mask
    has one number and several pieces, an image of classes a few numbers and many pieces, a picture many pieces of each
    grey level or, with 16 bits, pieces of single pixels.

    >>> unlike_labels(np.array([[0, 4, 4], [7, 0, 0]])) is None
    True
    >>> unlike_labels(np.array([[0, 255, 255], [0, 0, 0], [255, 0, 0]]))
    'a mask (255 in 2 pieces)'
    """
    from skimage.measure import label

    top, left = (max(0, (size - LOOKED_AT) // 2) for size in plane.shape)
    window = plane[top : top + LOOKED_AT, left : left + LOOKED_AT]
    values: np.ndarray = np.unique(window[window != 0])
    if len(values) == 0:
        return None
    pieces = int(label(window, background=0, connectivity=2, return_num=True)[1])
    if pieces > 1 and len(values) == 1 and values[0] in MASK_VALUES and (plane[plane != 0] == values[0]).all():
        return f"a mask ({values[0]} in {pieces} pieces)"
    full = np.count_nonzero(window)
    grainy = pieces >= GRAINS and window.size / 2 < full < GRAIN * pieces
    if grainy or pieces > MANY * len(values):
        return f"{PICTURE} ({len(values)} values in {pieces} pieces)"
    return None
