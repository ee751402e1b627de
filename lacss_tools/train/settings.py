"""Every number of the network, the training and the prediction, with its default; plain dataclasses, no torch."""

from dataclasses import dataclass

from lacss_tools.annotate.pseudo.borders import AUTO, BORDERS
from lacss_tools.errors import UsageError
from lacss_tools.network.settings import PRESETS

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
    borders: str = AUTO
    """what parts cells that touch, for pseudo-labels: dark valleys, bright ridges (membranes, halos), distance alone
    (half-way between LOIs), or auto: chosen from the images"""
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
    """part of the training after which the weak loss has its whole weight; pseudo-labels have the rest"""
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
        if self.borders not in BORDERS:
            raise UsageError(f"Borders {self.borders!r} are unknown. Choose one of: {', '.join(BORDERS)}.")
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
