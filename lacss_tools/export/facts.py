"""What another runtime must know beside the graphs: how images are prepared and how outputs become cells."""

from dataclasses import asdict
from typing import Any

from lacss_tools import __version__
from lacss_tools.network.backbone import COARSE_STRIDE, DEEPEST_STRIDE, FINE_STRIDE
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK, CEILING, HIGH, LOW, ROOT_GAIN, SAMPLED_SIDE
from lacss_tools.predict.cut import MAX_OFFSET, PLACE_STEP
from lacss_tools.predict.grow import BLOCK
from lacss_tools.predict.settings import PredictSettings

KEY = "lacss"
"""of the facts, as JSON, in the metadata of ONNX files"""


def facts(model: Lacss, scale: float, channel: str | None, settings: PredictSettings) -> dict[str, Any]:
    """Return the facts as a table that JSON can hold; docs/export.md says what each means."""
    return {
        "version": __version__,
        "channels": model.settings.channels,
        "channel": channel,
        "scale": scale,
        "cell_diameter": model.settings.cell_diameter,
        "normalise": {
            "percentiles": [LOW, HIGH],
            "sampled_side": SAMPLED_SIDE,
            "ceiling": CEILING,
            "gain": ROOT_GAIN,
            "black": BLACK,
        },
        "multiple": DEEPEST_STRIDE,
        "fine_stride": FINE_STRIDE,
        "coarse_stride": COARSE_STRIDE,
        "patch_size": model.settings.patch_size,
        "block": BLOCK,
        "place_step": PLACE_STEP,
        "max_offset": MAX_OFFSET,
        "decode": asdict(settings),
    }
