"""What another runtime must know beside the graphs: how images are prepared and how outputs become cells."""

from dataclasses import dataclass, field

from lacss_tools import __version__
from lacss_tools.contrast import ALIKE, FAINT, GRID, HEADROOM, LIFT, LINKED, SMALLEST_TILE, SPARED, TILE_HIGH, TILE_LOW
from lacss_tools.network.backbone import COARSE_STRIDE, DEEPEST_STRIDE, FINE_STRIDE
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK, CEILING, HIGH, LOW, ROOT_GAIN, SAMPLED_SIDE
from lacss_tools.network.scoring import Scoring
from lacss_tools.predict.cut import MAX_OFFSET, PLACE_STEP
from lacss_tools.predict.grow import BLOCK
from lacss_tools.predict.settings import PredictSettings

KEY = "lacss"
"""of the facts, as JSON, in the metadata of ONNX files"""


@dataclass(frozen=True)
class Bound:
    """What bounds the upper percentile where something bright has moved it (`contrast.bounded_high`)."""

    grid: int = GRID
    smallest_tile: int = SMALLEST_TILE
    spared: int = SPARED
    percentiles: tuple[float, float] = (TILE_LOW, TILE_HIGH)
    headroom: float = HEADROOM
    lift: float = LIFT
    linked: float = LINKED
    alike: float = ALIKE
    faint: float = FAINT


@dataclass(frozen=True)
class Normalisation:
    """How intensities are prepared."""

    percentiles: tuple[float, float] = (LOW, HIGH)
    sampled_side: int = SAMPLED_SIDE
    bound: Bound = Bound()
    ceiling: float = CEILING
    gain: float = ROOT_GAIN
    black: float = BLACK


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What lacss.json holds; docs/export.md says what each fact means."""

    version: str = __version__
    channels: int
    channel: str | None
    nuclei: int | None
    scale: float
    cell_diameter: float
    normalise: Normalisation = Normalisation()
    multiple: int = DEEPEST_STRIDE
    fine_stride: int = FINE_STRIDE
    coarse_stride: int = COARSE_STRIDE
    patch_size: int
    block: int = BLOCK
    place_step: float = PLACE_STEP
    max_offset: float = MAX_OFFSET
    scoring: Scoring
    decode: PredictSettings = field(default_factory=PredictSettings)
    weights_sha256: str
    root_inside: bool
    """whether clipping and square root are part of the graph `maps`"""


def facts_of(model: Lacss, scale: float, channel: str | None, weights_sha256: str, root_inside: bool) -> Facts:
    """Return the facts about a model."""
    return Facts(
        channels=model.settings.channels,
        channel=channel,
        nuclei=model.settings.nuclei,
        scale=scale,
        cell_diameter=model.settings.cell_diameter,
        patch_size=model.settings.patch_size,
        scoring=model.scoring,
        weights_sha256=weights_sha256,
        root_inside=root_inside,
    )
