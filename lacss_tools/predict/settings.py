"""Every number of prediction, with its default; plain dataclasses, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PredictSettings:
    """From maps to cells; lengths are pixels at the working scale."""

    min_score: float = 0.5
    """LPN score under which a proposal is dropped"""
    nms_distance: float = 6.0
    """two proposals closer than this are one"""
    max_overlap: float = 0.4
    """a cell is dropped when it shares more than this part of the smaller of the two with a better one"""
    max_iou: float = 1.0
    """and so is one whose IoU with a better one is larger than this"""
    min_area: float = 40.0
    """cells of fewer working pixels are dropped"""


ALL_DETECTIONS = PredictSettings(min_score=0.05, nms_distance=5.0, max_overlap=1.0, max_iou=0.7)
"""for AP, which goes through all that is found by falling score: unlikely cells too, and those inside of others"""


@dataclass(frozen=True)
class TileSettings:
    """How large images are taken; lengths are pixels at the working scale. Results do not depend on `side`."""

    side: int = 2048
    """of the core of a tile; an image no larger than core and margins goes in one piece"""
    halo: int | None = None
    """margin around the core that the network sees; None: as far as it looks, and half a patch"""
    small: int = 1024
    """images of up to as many pixels as a square of this side go as in training, with norms of their own"""
    sample: int = 2048
    """beyond `small` the norms are frozen: measured on the whole image up to this square, on a sample of larger ones"""
