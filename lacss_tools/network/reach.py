"""The receptive field of the network, from its sizes: the margin that tiles need to give what the whole image would
give.

It holds for frozen norms and channel attention (`predict.frozen`); as trained, both depend on the whole map.
"""

from lacss_tools.network.backbone import COARSE_STRIDE, FINE_STRIDE
from lacss_tools.network.settings import ModelSettings


def reach(settings: ModelSettings) -> tuple[int, int]:
    """Return how many pixels away the image can change a value of the segmentation map, and a score or offset."""
    basic = settings.block == "basic"
    encoder, stride = (2 if settings.stem_stride > 1 else 3), settings.stem_stride
    for level, count in enumerate(settings.blocks):
        step = FINE_STRIDE // settings.stem_stride if level == 0 else 2
        first, rest = (stride * (1 + step), 2 * stride * step) if basic else (stride, stride * step)
        encoder += first + (count - 1) * rest
        stride *= step
    strides = [FINE_STRIDE * 2**level for level in range(len(settings.blocks) - 1)]
    smooth = [COARSE_STRIDE] if basic else strides
    # values of the deepest map are spread over its stride, those of the heads come from 3x3 convolutions
    features = encoder + stride - FINE_STRIDE + sum(smooth) + 2 * FINE_STRIDE
    scores = encoder + stride - COARSE_STRIDE + sum(s for s in smooth if s >= COARSE_STRIDE) + COARSE_STRIDE
    return features, scores
