"""Every number of the training, with its default, meaning and range; plain dataclasses, no torch."""

from dataclasses import dataclass

from lacss_tools.annotate.pseudo.names import AUTO, BORDERS
from lacss_tools.io.names import AUTO_NUCLEI, SCENE
from lacss_tools.network.settings import PRESETS
from lacss_tools.settings import check, setting

AS_INIT = "init"
"""in place of a preset: the sizes of the weights to start from"""
BESIDE_AUXNET = 0.3
"""weight of the weak loss where the user asks for auxnet and names none"""
SUPERVISIONS = ("weak", "full", "mixed")
"""what a training learns from; `TrainSettings.supervision` says what each means"""
BUDGETS = ("steps", "epochs", "minutes")
"""how long to train can be said in any of these"""
MUON, ADAM = OPTIMIZERS = ("muon", "adam")
FREE_ON_RESUME = frozenset({*BUDGETS, "patience", "learning_rate", "validate_every", "compile", "processes"})
"""what may change when a run is continued"""
DATA, NETWORK, BUDGET, LEARNING, AUGMENTATION = "Data", "Network", "How long", "Learning", "Augmentation"
"""panels of `lacss train --help`"""


@dataclass(frozen=True)
class TrainSettings:
    """How long and how to train. `minutes` (wall clock) wins over `epochs`, and that over `steps`, when given."""

    preset: str = setting(
        "small",
        "Size of the network. fine sees cells a third larger than small does, for training of an hour and more; "
        "resnet50 is the paper's and needs a GPU; init takes the sizes of the weights of `init`.",
        panel=NETWORK,
        choices=(*PRESETS, AS_INIT),
        shown="small, or as `init`",
    )
    supervision: str = setting(
        "weak",
        "What to learn from. weak: LOIs and masks; full: labels; mixed: labels where an image has them, else LOIs and "
        "mask.",
        panel=DATA,
        choices=SUPERVISIONS,
    )
    channel: str | None = setting(
        None,
        "Train on this channel of the images alone: its 0-based index or its name. The model remembers it.",
        panel=DATA,
        shown="all",
    )
    nuclei: str = setting(
        AUTO_NUCLEI,
        "Folder of nucleus images, which the network then sees beside the cells. auto: dapi/ beside the images if it "
        "has all of them, or as `init`; none: cells alone. Such a model works with and without nuclei.",
        panel=DATA,
    )
    nuclei_channel: str | None = setting(
        None,
        "Channel of the nuclei in files of `nuclei` with several, or, without `nuclei`, in those of the images: its "
        "0-based index or its name. In the latter case the model remembers it, and the cells are all other channels.",
        panel=DATA,
    )
    scene: str | None = setting(
        None,
        SCENE,
        panel=DATA,
    )
    diameter: float | None = setting(
        None,
        "Typical cell diameter in pixels of the images. It sets the scale to which images are resized; the model "
        "remembers it.",
        panel=DATA,
        least=1,
        shown="from LOIs and masks",
    )
    borders: str = setting(
        AUTO,
        "What parts touching cells in pseudo-labels. dark: valleys; bright: membranes or halos; distance: half-way "
        "between LOIs; auto: chosen from the images.",
        panel=DATA,
        choices=BORDERS,
    )
    unsure: float = setting(
        1.0,
        "Weight of pixels that masks are unsure of, those between the next tighter and the next looser candidate than "
        "the picked one. 1 takes them like any other.",
        panel=DATA,
        least=0,
        most=1,
    )
    outlined: float = setting(
        0.7,
        "With both kinds of annotation: at least this fraction of the crops are of outlined images, however few.",
        panel=DATA,
        least=0,
        below=1,
    )
    held_back: float = setting(
        0.25,
        "Fraction of each outlined image that is kept to validate on when training goes on from `init` without "
        "validation images, so that it is seen whether it became better.",
        panel=DATA,
        least=0,
        most=0.5,
    )
    auxnet: bool = setting(
        True,
        f"Train the border network beside the weak loss; `auxnet` alone brings `weak_loss` {BESIDE_AUXNET:g}.",
        panel=NETWORK,
        shown="auxnet with `weak_loss`",
    )
    steps: int = setting(2000, "Training steps.", panel=BUDGET, least=1)
    epochs: float | None = setting(
        None,
        "Instead of `steps`: until the crops seen have this many times the area of all training images.",
        panel=BUDGET,
        above=0,
    )
    minutes: float | None = setting(None, "Instead of `steps`: minutes by the clock.", panel=BUDGET, above=0)
    patience: int | None = setting(
        None, "Stop after this many validations without a better mAP.", panel=BUDGET, least=1, shown="never"
    )
    seed: int = setting(0, "Seed of all random numbers.", panel=LEARNING, least=0)
    batch: int = setting(4, "Crops per step and process.", panel=LEARNING, least=1)
    crop: int = setting(256, "Side of a crop in working pixels.", panel=LEARNING, least=64, multiple=32)
    learning_rate: float = setting(1e-3, "Peak learning rate.", panel=LEARNING, above=0)
    optimizer: str = setting(
        MUON,
        "Muon for the inner convolutions and AdamW for all other parameters (muon), or Adam for all as in the paper "
        "(adam).",
        choices=OPTIMIZERS,
    )
    warmup: float = setting(0.03, "Fraction of the training over which the learning rate rises.", least=0, most=1)
    decay: float = setting(
        0.4, "Fraction of the training, at its end, over which the learning rate falls.", least=0, most=1
    )
    muon: float = setting(
        2.0, "Learning rate of the inner convolutions, relative to that of all other parameters.", least=0
    )
    muon_decay: float = setting(0.2, "Weight decay of the inner convolutions.", least=0)
    weight_decay: float = setting(1e-4, "Weight decay of all other parameters.", least=0)
    clip: float = setting(1.0, "Largest norm of the gradient.", above=0)
    pseudo: float = setting(
        0.5,
        "Fraction of the training after which the weak loss has its full weight. Before it, pseudo-labels have the "
        "rest.",
        least=0,
        most=1,
    )
    weak_loss: float = setting(
        0.0,
        "Weight of the paper's weak loss and auxnet. The rest goes to pseudo-labels, cells that grow around the "
        "LOIs, which teach faster.",
        panel=LEARNING,
        least=0,
        most=1,
    )
    jitter: float = setting(
        2.0, "Standard deviation, in working pixels, by which training LOIs are moved at random.", least=0
    )
    in_view: float = setting(
        0.2,
        "A cell whose LOI a crop leaves out is to be found there if the crop shows this fraction of it, like one that "
        "the edge of an image cuts off; 1: only if it shows all.",
        above=0,
        most=1,
    )
    doubled: float = setting(
        0.5,
        "Where borders are dark: fraction of the training after which two LOIs in nuclei that touch count as one cell, "
        "if the network, shown no nuclei, draws cells around them that overlap; 1: never.",
        panel=LEARNING,
        above=0,
        most=1,
    )
    proposals: float = setting(
        0.0,
        "A training LOI moves to the best location that the LPN proposes within this many working pixels of it, as in "
        "the paper; 0: it stays.",
        least=0,
    )
    lpn_radius: float = setting(
        10.0, "Cells of the coarse map this close to a LOI, in working pixels, are positive.", above=0
    )
    location_weight: float = setting(0.2, "Weight of the LPN losses beside that of the instances.", least=0)
    ema: float = setting(
        0.99,
        "Largest decay per step of the running average of the weights. The average is what is kept.",
        least=0,
        below=1,
    )
    ema_share: float = setting(
        0.05,
        "Fraction of the steps so far that the average covers, until its decay reaches `ema`.",
        least=0,
        most=1,
    )
    scale_range: float = setting(
        0.25, "Random rescaling, up to +/- this fraction.", panel=AUGMENTATION, least=0, below=1
    )
    rotation: bool = setting(True, "Turn crops by any angle, beside mirroring them along both axes.")
    gain: float = setting(0.25, "Random change of brightness, up to +/- this fraction.", panel=AUGMENTATION, least=0)
    offset: float = setting(0.1, "Random offset of brightness, up to +/- this many half contrasts.", least=0)
    noise: float = setting(
        0.05,
        "Largest standard deviation of added noise, in half contrasts of the image.",
        panel=AUGMENTATION,
        least=0,
    )
    gamma: float = setting(
        0.2,
        "Random gamma: brightness to a power of up to 1 + this, or its inverse; 0 is off.",
        panel=AUGMENTATION,
        least=0,
    )
    blur: float = setting(
        0.5, "Largest sigma of random blur, in working pixels; 0 is off.", panel=AUGMENTATION, least=0
    )
    blank_nuclei: float = setting(
        0.3,
        "Fraction of the crops in which the nuclei are blanked, so that the model works without them too.",
        least=0,
        most=1,
    )
    validate_every: float = setting(0.1, "Fraction of the training between two validations.", above=0, most=1)
    processes: int | None = setting(
        None,
        "Processes that share the crops of a step on a CPU, as many as divide `batch` evenly. Without it the first "
        "seconds show whether one per core or one with all cores is faster.",
        panel=LEARNING,
        least=1,
        shown="what is fastest",
    )
    compile: bool = setting(False, "Use torch.compile, which pays off in long GPU runs.", panel=LEARNING)

    def __post_init__(self) -> None:
        check(self)

    @property
    def own_nuclei_channel(self) -> str | None:
        """The channel of the images that holds the nuclei, where they have no files of their own."""
        return self.nuclei_channel if self.nuclei == AUTO_NUCLEI else None
