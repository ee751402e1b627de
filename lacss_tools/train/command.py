"""`lacss train`."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lacss_tools.errors import UsageError
from lacss_tools.io.project import Project
from lacss_tools.network.settings import PRESETS
from lacss_tools.screen.options import HERE, DeviceOption, ProjectOption, resolve
from lacss_tools.train.settings import AS_INIT, BESIDE_AUXNET, TrainSettings

DEFAULT = TrainSettings()
DATA, NETWORK, BUDGET, LEARNING = "Data", "Network", "How long", "How"
AUGMENTATION, WATCHING = "Augmentation", "Runs and watching"


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train")(train)


def _option(*names: str, panel: str, default: object = None, **more: Any) -> Any:
    # an option that is not given is None, so that --resume can tell it from its default
    return typer.Option(
        *names, rich_help_panel=panel, show_default=str(default) if default is not None else False, **more
    )


def train(
    images: Annotated[Path | None, _option(panel=DATA, default="images/", help="Cell images.")] = None,
    lois: Annotated[Path | None, _option(panel=DATA, default="lois/", help="LOI tables.")] = None,
    masks: Annotated[Path | None, _option(panel=DATA, default="masks/", help="Picked masks.")] = None,
    labels: Annotated[
        Path | None,
        _option(
            panel=DATA,
            default="labels/",
            help="Instance labels. Alone: full supervision; beside --lois or --masks: mixed.",
        ),
    ] = None,
    channel: Annotated[
        str | None,
        _option(
            panel=DATA,
            default="all",
            help="Train on this channel of the images alone: its 0-based index or its name. The model remembers it.",
        ),
    ] = None,
    diameter: Annotated[
        float | None,
        _option(
            panel=DATA,
            default="from LOIs and masks",
            help="Pixels that a typical cell is across in the images. They are resized by it; the model remembers.",
        ),
    ] = None,
    supervision: Annotated[
        str | None,
        _option(
            panel=DATA,
            default=DEFAULT.supervision,
            help="weak: LOIs and masks. full: labels. mixed: labels where an image has them, else LOIs and mask.",
        ),
    ] = None,
    borders: Annotated[
        str | None,
        _option(
            panel=DATA,
            default=DEFAULT.borders,
            help="What parts cells that touch, for pseudo-labels. dark: valleys; bright: membranes or halos; distance: "
            "half-way between LOIs; auto: chosen from the images and said.",
        ),
    ] = None,
    val_images: Annotated[Path | None, _option(panel=DATA, help="Images to validate on while training.")] = None,
    val_labels: Annotated[Path | None, _option(panel=DATA, help="Their instance labels; never trained on.")] = None,
    preset: Annotated[
        str | None,
        _option(
            panel=NETWORK,
            default=f"{DEFAULT.preset}, or as --init",
            help=f"Size: {', '.join(PRESETS)}. fine sees cells a third larger than small, for trainings of an hour and "
            "more; resnet50 is the paper's and wants a GPU.",
        ),
    ] = None,
    init: Annotated[
        Path | None, _option(panel=NETWORK, help="Start from these weights (run folder or .safetensors).")
    ] = None,
    auxnet: Annotated[
        bool | None,
        _option(
            "--auxnet/--no-auxnet",
            panel=NETWORK,
            default="auxnet with --weak-loss",
            help=f"Train the border network beside the weak loss; --auxnet alone brings --weak-loss {BESIDE_AUXNET:g}.",
        ),
    ] = None,
    weak_loss: Annotated[
        float | None,
        _option(
            panel=LEARNING,
            default=DEFAULT.weak_loss,
            help="Weight of the paper's weak loss; the rest is for pseudo-labels that grow around the LOIs.",
        ),
    ] = None,
    steps: Annotated[int | None, _option(panel=BUDGET, default=DEFAULT.steps, help="This many training steps.")] = None,
    epochs: Annotated[
        float | None,
        _option(panel=BUDGET, help="Or until as many crops were seen as have this many times the area of all images."),
    ] = None,
    minutes: Annotated[float | None, _option(panel=BUDGET, help="Or this long by the clock.")] = None,
    patience: Annotated[
        int | None, _option(panel=BUDGET, help="Stop early after this many validations without a better AP50.")
    ] = None,
    batch: Annotated[
        int | None, _option(panel=LEARNING, default=DEFAULT.batch, min=1, help="Crops per step and process.")
    ] = None,
    crop: Annotated[
        int | None,
        _option(panel=LEARNING, default=DEFAULT.crop, min=64, help="Side of a crop in working pixels; 32 divides it."),
    ] = None,
    learning_rate: Annotated[
        float | None, _option(panel=LEARNING, default=DEFAULT.learning_rate, help="Peak learning rate.")
    ] = None,
    seed: Annotated[
        int | None, _option(panel=LEARNING, default=DEFAULT.seed, help="Seed of everything random.")
    ] = None,
    compile_: Annotated[
        bool | None,
        _option(
            "--compile/--no-compile", panel=LEARNING, default="no-compile", help="Use torch.compile (long GPU runs)."
        ),
    ] = None,
    scale_range: Annotated[
        float | None,
        _option(panel=AUGMENTATION, default=DEFAULT.scale_range, help="Resize by up to this part, up or down."),
    ] = None,
    gain: Annotated[
        float | None, _option(panel=AUGMENTATION, default=DEFAULT.gain, help="Change brightness by up to this part.")
    ] = None,
    noise: Annotated[
        float | None,
        _option(panel=AUGMENTATION, default=DEFAULT.noise, help="Most added noise, in half contrasts of the field."),
    ] = None,
    gamma: Annotated[
        float | None,
        _option(
            panel=AUGMENTATION, default=DEFAULT.gamma, help="Raise brightness to a power of up to 1 + this; 0: off."
        ),
    ] = None,
    blur: Annotated[
        float | None,
        _option(
            panel=AUGMENTATION, default=DEFAULT.blur, help="Largest sigma of added blur in working pixels; 0: off."
        ),
    ] = None,
    run: Annotated[
        str, typer.Option(rich_help_panel=WATCHING, help="Name of the run; it is written to runs/NAME.")
    ] = "first",
    repeat: Annotated[
        int,
        typer.Option(rich_help_panel=WATCHING, min=1, help="Train from this many seeds, keep the best on validation."),
    ] = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            rich_help_panel=WATCHING,
            help="Continue this run from its last checkpoint, as it was set; a larger budget extends it.",
        ),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", rich_help_panel=WATCHING, help="Write runs/NAME/tensorboard too (an extra)."),
    ] = False,
    device: DeviceOption = "auto",
    project: ProjectOption = HERE,
) -> None:
    """Train a network on LOIs and masks alone, on instance labels, or on both.

    Give --val-images and --val-labels to watch the AP on a few outlined fields while it trains; the best weights are
    kept in runs/NAME/best.safetensors, curves and pictures in runs/NAME/report. Killed or interrupted, the same command
    with --resume continues. Several GPUs share each step under torchrun, where -- must come before the command:
    torchrun --standalone --nproc-per-node 2 -m lacss_tools -- train --run first
    """  # fmt: skip
    weak_given = lois is not None or masks is not None
    if resume and init and repeat == 1:
        raise UsageError("--init begins a run and --resume continues one. Leave one of them out.")
    if crop is not None and crop % 32:
        raise UsageError(f"--crop {crop} is not a multiple of 32. Give for example {max(64, crop // 32 * 32)}.")
    if (val_images is None) != (val_labels is None):
        raise UsageError("--val-images and --val-labels belong together. Give both or none.")
    if patience and val_images is None:
        raise UsageError("--patience counts validations. Give --val-images and --val-labels, or leave it out.")
    if (auxnet or weak_loss) and (supervision or infer_supervision(labels is not None, weak_given)) == "full":
        raise UsageError("--auxnet and --weak-loss are for LOIs and masks. With labels alone, leave them out.")
    if auxnet and weak_loss is None and not resume:
        weak_loss = BESIDE_AUXNET
    if auxnet and weak_loss == 0:
        raise UsageError("--auxnet works beside the weak loss, which --weak-loss 0 switches off. Leave one out.")
    own = {
        "preset": AS_INIT if init and preset is None and not resume else preset,
        "supervision": supervision or infer_supervision(labels is not None, weak_given),
        "channel": channel, "diameter": diameter, "borders": borders, "auxnet": auxnet,
        "patience": patience, "batch": batch, "crop": crop,
        "learning_rate": learning_rate, "seed": seed, "compile": compile_, "scale_range": scale_range, "gain": gain,
        "noise": noise, "gamma": gamma, "blur": blur, "weak_loss": weak_loss,
    }  # fmt: skip
    if supervision == "weak" and labels is not None:
        raise UsageError("--supervision weak uses no --labels. Leave one of them out, or say --supervision mixed.")
    home = Project(project)
    _start(
        folders={
            "images": resolve(project, images, home.images),
            "lois": resolve(project, lois, home.lois),
            "masks": resolve(project, masks, home.masks),
            "labels": resolve(project, labels, home.labels),
            "val_images": project / val_images if val_images else None,
            "val_labels": project / val_labels if val_labels else None,
        },
        run=home.runs / run,
        given={name: value for name, value in own.items() if value is not None} | budget(steps, epochs, minutes),
        repeat=repeat,
        more={"device": device, "resume": resume, "init": project / init if init else None, "tensorboard": tensorboard},
    )


def infer_supervision(labels: bool, weak: bool) -> str | None:
    """Return what the given folders mean: labels alone full, both mixed, else nothing (the default)."""
    if not labels:
        return None
    return "mixed" if weak else "full"


def budget(steps: int | None, epochs: float | None, minutes: float | None) -> dict[str, Any]:
    """Return the settings of the one budget that was given, which takes the place of any other; UsageError for two."""
    given = {"steps": steps, "epochs": epochs, "minutes": minutes}
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) > 1:
        raise UsageError(f"--{' and --'.join(chosen)} each say how long to train. Give one of them.")
    return {"epochs": None, "minutes": None, **chosen} if chosen else {}


def _start(folders: dict[str, Any], run: Path, given: dict[str, Any], repeat: int, more: dict[str, Any]) -> None:
    from lacss_tools.screen import console
    from lacss_tools.train import seeds as seeds
    from lacss_tools.train import steps as work
    from lacss_tools.train.distributed import leave, speaks
    from lacss_tools.train.folders import TrainingFolders

    stored = seeds.stored_settings(run, repeat) if more["resume"] else DEFAULT
    settings, where = replace(stored, **given), TrainingFolders(**folders)
    try:
        with console.training_progress() if speaks() else nullcontext(work.silent) as watch:
            talk: dict[str, Any] = {"say": console.say if speaks() else work.silent, "watch": watch}
            if repeat > 1:
                best = seeds.repeat(where, run, settings, repeat, **more, **talk)
            else:
                best = work.train(where, run, settings, **more, **talk)
    finally:
        leave()
    if speaks():
        console.say(f"best weights: {best}. Next: lacss predict {best.parent} IMAGES, or lacss eval.")
