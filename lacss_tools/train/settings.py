"""Every number of the network, the training and the prediction, with its default; plain dataclasses, no torch."""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from lacss_tools.errors import UsageError


@dataclass(frozen=True)
class ModelSettings:
    """Sizes of the network; lengths are pixels at the working scale."""

    channels: int = 1
    widths: tuple[int, ...] = (32, 48, 64, 96, 128)
    blocks: tuple[int, ...] = (1, 2, 2, 2, 2)
    pyramid: int = 64
    fine: int = 32
    patch_size: int = 96
    cell_diameter: float = 30.0
    """of a typical cell at the working scale, to which images are resized"""
    auxnet: bool = True
    block: str = "basic"
    """basic: two 3x3 convolutions; bottleneck: 1x1, 3x3, 1x1 and channel attention, as in ResNet-50"""
    stem_stride: int = 2
    head: int | None = None
    """channels of the segmentation FCN; None: as the fine map"""


PRESETS: dict[str, ModelSettings] = {
    "small": ModelSettings(),
    "fine": ModelSettings(patch_size=128, cell_diameter=40.0),
    "base": ModelSettings(widths=(48, 96, 144, 192, 256), blocks=(1, 2, 3, 3, 3), pyramid=96, fine=48),
    "resnet50": ModelSettings(
        widths=(256, 512, 1024, 2048), blocks=(3, 4, 6, 3), pyramid=256, fine=256,
        block="bottleneck", stem_stride=1, head=64,
    ),
}  # fmt: skip
AS_INIT = "init"
"""in place of a preset: the sizes of the weights to start from"""
BESIDE_AUXNET = 0.3
"""weight of the weak loss where the user asks for auxnet and names none"""
SUPERVISIONS = ("weak", "full", "mixed")
FREE_ON_RESUME = frozenset({"steps", "epochs", "minutes", "patience", "learning_rate", "validate_every", "compile"})
"""what may change when a run is continued"""


@dataclass(frozen=True)
class TrainSettings:
    """How long and how to train. `minutes` (wall clock) wins over `epochs`, and that over `steps`, when given."""

    preset: str = "small"
    supervision: str = "weak"
    """weak: LOIs and masks; full: labels; mixed: labels where an image has them, else LOIs and mask"""
    channel: str | None = None
    """the one channel of the images to train on, by 0-based index or name; None for all"""
    diameter: float | None = None
    """pixels that a typical cell is across in the images, which sets the working scale; None: from LOIs and masks"""
    auxnet: bool = True
    steps: int = 2000
    epochs: float | None = None
    """an epoch is as many crops as have the area of all training images together"""
    minutes: float | None = None
    patience: int | None = None
    """stop after this many validations without a better AP50; None for never"""
    seed: int = 0
    batch: int = 4
    crop: int = 256
    learning_rate: float = 1e-3
    warmup: float = 0.03
    """part of the training over which the learning rate rises"""
    decay: float = 0.4
    """part of the training, at its end, over which the learning rate falls"""
    muon: float = 2.0
    """learning rate of the inner convolutions, in units of that of all other parameters"""
    muon_decay: float = 0.2
    """weight decay of the inner convolutions"""
    weight_decay: float = 1e-4
    """of all other parameters"""
    clip: float = 1.0
    """largest norm of the gradient"""
    pseudo: float = 0.5
    """part of the training after which the weak loss has its whole weight; watershed pseudo-labels have the rest"""
    weak_loss: float = 0.0
    """weight of the paper's weak loss and auxnet, from 0 to 1; 0 for pseudo-labels alone, which learn faster"""
    jitter: float = 2.0
    """standard deviation, in working pixels, by which training LOIs are moved"""
    lpn_radius: float = 10.0
    """coarse cells this close to a LOI (working pixels) are positive"""
    location_weight: float = 0.2
    """weight of the LPN terms beside the instance term"""
    ema: float = 0.99
    """largest decay per step of the running average of the weights, which is what is kept"""
    ema_share: float = 0.05
    """the average reaches back over this part of the steps so far, until the decay is `ema`"""
    scale_range: float = 0.25
    """augmentation resizes by up to this part, up or down"""
    gain: float = 0.25
    """augmentation changes brightness by up to this part, up or down"""
    offset: float = 0.1
    """augmentation adds up to this, in half contrasts of the field"""
    noise: float = 0.05
    """largest standard deviation of added noise, in half contrasts of the field"""
    gamma: float = 0.2
    """augmentation raises brightness to a power of up to 1 + this, or its inverse; 0 for none"""
    blur: float = 0.5
    """largest sigma of added blur, in working pixels; 0 for none"""
    validate_every: float = 0.1
    """part of the training between two validations"""
    compile: bool = False
    """use torch.compile, which pays on a GPU in long trainings"""

    def __post_init__(self) -> None:
        if self.preset not in (*PRESETS, AS_INIT):
            raise UsageError(f"Preset {self.preset!r} is unknown. Choose one of: {', '.join(PRESETS)}.")
        if self.supervision not in SUPERVISIONS:
            raise UsageError(f"Supervision {self.supervision!r} is unknown. Choose one of: {', '.join(SUPERVISIONS)}.")
        if min(self.steps, *(1 if given is None else given for given in (self.epochs, self.minutes))) <= 0:
            raise UsageError("Training needs a positive number of steps, epochs or minutes. Raise it.")
        if not 0 <= self.weak_loss <= 1:
            raise UsageError(f"The weak loss has a weight from 0 to 1, not {self.weak_loss:g}. Change --weak-loss.")
        if self.diameter is not None and not self.diameter >= 1:
            raise UsageError(f"A cell is at least 1 pixel across, not {self.diameter:g}. Change --diameter.")
        if self.patience is not None and self.patience < 1:
            raise UsageError("Patience counts validations, at least 1. Raise --patience, or leave it out.")
        if not 0 < self.learning_rate < float("inf"):
            raise UsageError(f"A learning rate is above 0, not {self.learning_rate:g}. Change --learning-rate.")
        for name in ("seed", "gain", "noise", "gamma", "blur"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"The {name} is 0 or more, not {getattr(self, name):g}. Change --{name}.")
        if not 0 <= self.scale_range < 1:
            raise UsageError(f"Crops are resized by a part below 1, not {self.scale_range:g}. Change --scale-range.")


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


T = TypeVar("T")


def from_table(kind: type[T], table: dict[str, Any]) -> T:
    """Build a settings dataclass from a TOML or JSON table; lists become tuples, unknown names are an error."""
    names = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := set(table) - names:
        raise UsageError(f"Unknown setting {', '.join(sorted(unknown))} in {kind.__name__}. Remove it.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})


def to_table(settings: Any) -> dict[str, Any]:
    """Return a settings dataclass as a table for TOML or JSON; None is left out."""
    return {name: value for name, value in dataclasses.asdict(settings).items() if value is not None}
