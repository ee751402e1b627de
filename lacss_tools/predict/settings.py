"""Every number of prediction, with its default, meaning and range; plain dataclasses, no torch."""

from dataclasses import dataclass

from lacss_tools.io.names import AUTO_NUCLEI, SCENE
from lacss_tools.settings import check, setting

PREDICTION, MEMORY = "Prediction", "Images and memory"
"""panels of `lacss predict --help`"""


@dataclass(frozen=True)
class PredictSettings:
    """From maps to cells; lengths are pixels at the working scale."""

    min_score: float = setting(
        0.4,
        "Drop cells that score lower than this, the probability that a cell is right: the column score of the tables, "
        "the score cut of lacss eval.",
        panel=PREDICTION,
        least=0,
        most=1,
    )
    nms_distance: float = setting(
        6.0, "Of two proposals closer than this, in working pixels, the better one stays.", least=0
    )
    max_overlap: float = setting(
        0.4,
        "Drop a cell that shares more than this fraction of the smaller of the two with a better one.",
        least=0,
        most=1,
    )
    max_iou: float = setting(1.0, "Drop a cell whose IoU with a better one is above this.", least=0, most=1)
    min_area: float = setting(40.0, "Drop cells of fewer working pixels.", least=0)

    def __post_init__(self) -> None:
        check(self)


ALL_DETECTIONS = PredictSettings(min_score=0.05, nms_distance=5.0, max_overlap=1.0, max_iou=0.7)
"""for AP, which goes through all that is found by falling score: unlikely cells too, and those inside of others. Its
`min_score` is of what ranks cells, before calibration (`Predictor.for_ap`)"""


@dataclass(frozen=True)
class TileSettings:
    """How large images are taken; lengths are pixels at the working scale. Results do not depend on `tile`."""

    tile: int = setting(
        2048,
        "Side of the tiles of large images, in working pixels. It affects memory only; results are identical.",
        panel=MEMORY,
        least=32,
    )
    halo: int | None = setting(
        None,
        "Margin around a tile that the network sees, in working pixels. By default as far as the network looks, so "
        "that results do not depend on the tiles.",
        least=0,
        shown="from the network",
    )
    small: int = setting(
        1024,
        "Images of up to as many working pixels as a square of this side are normalised layer by layer as in training.",
        least=1,
    )
    sample: int = setting(
        2048,
        "Larger images are normalised by statistics of the whole image, up to this side in working pixels, and of a "
        "sample of it beyond.",
        least=32,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ImageSettings:
    """What the images to segment have in common with those of the training, where it is not everything."""

    channel: str | None = setting(
        None,
        "Use this channel of the images alone: its 0-based index or its name.",
        panel=PREDICTION,
        shown="as in training",
    )
    nuclei: str = setting(
        AUTO_NUCLEI,
        "Folder of nucleus images, for a model that was trained with nuclei. auto: the channel of the training, or "
        "dapi/ beside the images if it has all of them; none: cells alone.",
        panel=PREDICTION,
    )
    nuclei_channel: str | None = setting(
        None,
        "Channel of the nuclei in files of `nuclei` with several, or, without `nuclei`, in those of the images: its "
        "0-based index or its name.",
        panel=PREDICTION,
        shown="as in training",
    )
    diameter: float | None = setting(
        None,
        "Typical cell diameter in pixels; set it when magnification differs from the training images.",
        panel=PREDICTION,
        least=1,
        shown="as in training",
    )
    scene: str | None = setting(
        None,
        SCENE,
        panel=PREDICTION,
    )

    def __post_init__(self) -> None:
        check(self)
