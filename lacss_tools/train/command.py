"""`lacss train`."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lacss_tools.errors import UsageError
from lacss_tools.io.project import Project
from lacss_tools.screen.options import HERE, DeviceOption, PatternOption, ProjectOption, resolve
from lacss_tools.screen.settings_options import Given, with_settings
from lacss_tools.settings import Values, one_of
from lacss_tools.train.recipes import FAST, PAPER, RECIPES, REPEATS
from lacss_tools.train.settings import AS_INIT, BESIDE_AUXNET, BUDGETS, DATA, LEARNING, NETWORK, TrainSettings

DEFAULT = TrainSettings()
RUNS = "Runs and watching"
"""panel of `--help`"""


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train")(train)


def _folder(text: str, default: str | None = None) -> Any:
    return typer.Option(rich_help_panel=DATA, show_default=default or False, help=text)


@with_settings("train", TrainSettings)
def train(
    images: Annotated[Path | None, _folder("Cell images.", "images/")] = None,
    lois: Annotated[Path | None, _folder("LOI tables.", "lois/")] = None,
    masks: Annotated[Path | None, _folder("Picked masks.", "masks/")] = None,
    labels: Annotated[
        Path | None,
        _folder("Instance labels. Alone: full supervision; beside --lois or --masks: mixed.", "labels/"),
    ] = None,
    val_images: Annotated[Path | None, _folder("Images to validate on while training.")] = None,
    val_labels: Annotated[Path | None, _folder("Their instance labels; never trained on.")] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=NETWORK,
            help="Start from these weights (run folder, .safetensors, or cells: the starter model).",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=LEARNING,
            help="fast: pseudo-labels, Muon, a small network; paper: network, loss, augmentation and optimizer as the "
            "paper has them, for a GPU; beside --preset small also for a CPU. Other options win over it.",
            show_default=FAST,
        ),
    ] = None,
    given: Given = Given(),
    run: Annotated[
        str, typer.Option(rich_help_panel=RUNS, help="Name of the run; it is written to runs/NAME.")
    ] = "first",
    repeat: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=RUNS,
            min=1,
            help="Train from this many seeds, keep the best on validation.",
            show_default=f"1; {REPEATS[PAPER]} with --recipe paper and --val-images",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            rich_help_panel=RUNS,
            help="Continue this run from its last checkpoint, with its own settings; a larger budget extends it.",
        ),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", rich_help_panel=RUNS, help="Write runs/NAME/tensorboard too (an extra)."),
    ] = False,
    device: DeviceOption = "auto",
    pattern: PatternOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Train a network on LOIs and masks alone, on instance labels, or on both.

    Where dapi/ has a nucleus image for each image, the network sees that too; --nuclei names another folder, or none.
    Give --val-images and --val-labels to watch the AP on a few outlined images while it trains; the best weights are
    kept in runs/NAME/best.safetensors, curves and pictures in runs/NAME/report. Killed or interrupted, the same command
    with --resume continues. Several GPUs share each step under torchrun, where -- must come before the command:
    torchrun --standalone --nproc-per-node 2 -m lacss_tools -- train --run first
    """  # fmt: skip
    if recipe is not None and recipe not in RECIPES:
        raise UsageError(f"`recipe` must be {one_of(RECIPES)}, not {recipe}.")
    repeat = repeat or (1 if resume or val_images is None else REPEATS[recipe or FAST])
    if resume and init and repeat == 1:
        raise UsageError("`init` begins a run and `resume` continues one. Leave one of them out.")
    if (val_images is None) != (val_labels is None):
        raise UsageError("`val_images` and `val_labels` belong together. Give both or none.")
    inferred = infer_supervision(labels is not None, lois is not None or masks is not None)
    said = said_of_training(
        given, inferred, init is not None and not resume, resume, RECIPES[recipe] if recipe else None
    )
    if said.get("patience") and val_images is None:
        raise UsageError("`patience` counts validations. Give `val_images` and `val_labels`, or leave it out.")
    if said.get("supervision") == "weak" and labels is not None:
        raise UsageError("`supervision` weak uses no `labels`. Leave one of them out, or set `supervision` to mixed.")
    home = Project(project)
    remembered = {} if resume else _remembered(given, home, images, lois, init is not None)
    _start(
        folders={
            "images": resolve(project, images, home.images),
            "lois": resolve(project, lois, home.lois),
            "masks": resolve(project, masks, home.masks),
            "labels": resolve(project, labels, home.labels),
            "val_images": project / val_images if val_images else None,
            "val_labels": project / val_labels if val_labels else None,
            "project": project,
        },
        run=home.runs / run,
        said=remembered | said,
        repeat=repeat,
        more={"device": device, "resume": resume, "init": init, "tensorboard": tensorboard},
        remembered=remembered,
    )


def infer_supervision(labels: bool, weak: bool) -> str | None:
    """Return what the given folders mean: labels alone full, both mixed, else nothing (the default)."""
    if not labels:
        return None
    return "mixed" if weak else "full"


def said_of_training(
    given: Given, inferred: str | None, start_given: bool, resume: bool, recipe: Values | None = None
) -> Values:
    """Return the settings that the user says, with what follows from them where nothing else is said.

    `inferred` is the supervision that the folders mean, `start_given` whether there are weights to start from. A recipe
    is asked for on the command line, so it wins over a file of settings, but not over single options.
    """
    follows: Values = {"preset": AS_INIT} if start_given else {}
    follows |= {"supervision": inferred} if inferred else {}
    asked = {name: value for name, value in (recipe or {}).items() if name not in follows}
    said = follows | given.stored | asked | given.typed | budget(given)
    typed = given.typed
    for_masks = typed.get("auxnet") or typed.get("weak_loss") or typed.get("unsure", 1) < 1
    if for_masks and said.get("supervision") == "full":
        raise UsageError(
            "`auxnet`, `weak_loss` and `unsure` are for LOIs and masks. With labels alone, leave them out."
        )
    if typed.get("auxnet") and typed.get("weak_loss") == 0:
        raise UsageError("`auxnet` works beside the weak loss, which `weak_loss` 0 switches off. Leave one out.")
    if typed.get("auxnet") and not said.get("weak_loss") and not resume:
        said["weak_loss"] = BESIDE_AUXNET
    return said


def budget(given: Given) -> Values:
    """Return the budget of the first source that has one, which takes the place of any other; UsageError for two."""
    for source in (given.flags, given.assigned, given.stored):
        if chosen := {name: source[name] for name in BUDGETS if source.get(name) is not None}:
            if len(chosen) > 1 and source is not given.stored:  # a run's own file has steps beside minutes
                both = " and ".join(f"`{name}`" for name in chosen)
                raise UsageError(f"{both} each say how long to train. Give one of them.")
            return {"epochs": None, "minutes": None, **chosen}
    return {}


def _remembered(given: Given, home: Project, images: Path | None, lois: Path | None, start_given: bool) -> Values:
    """Return the scene and the channels of images, of which the user says nothing, as they were annotated.

    Nuclei that are a channel of the images are seen as those in dapi/ are; not so by weights to start from, which know
    by themselves what they see.
    """
    from lacss_tools.io.stains import stains

    folder = resolve(home.root, images, home.images)
    cells, dapi, nuclei = stains(home, folder, resolve(home.root, lois, home.lois), home.candidates)
    found = {"channel": cells.channel, "scene": cells.scene}
    if given.all.get("nuclei") is None and not start_given:
        found["nuclei_channel"] = nuclei.channel if dapi.resolve() == folder.resolve() else cells.without
    return {name: value for name, value in found.items() if value is not None and name not in given.all}


def _start(folders: Values, run: Path, said: Values, repeat: int, more: Values, remembered: Values) -> None:
    from lacss_tools.io.lock import owned
    from lacss_tools.network.shipped import model_path
    from lacss_tools.screen import console
    from lacss_tools.train import seeds as seeds
    from lacss_tools.train import steps as work
    from lacss_tools.train.distributed import leave, speaks
    from lacss_tools.train.folders import TrainingFolders

    stored = seeds.stored_settings(run, repeat) if more["resume"] else DEFAULT
    more = more | {"init": model_path(folders["project"], more["init"]) if more["init"] else None}
    settings, where = replace(stored, **said), TrainingFolders(**folders)
    try:
        with (
            owned(run, "lacss train", "name another `run`") if speaks() else nullcontext(),
            console.training_progress() if speaks() else nullcontext(work.silent) as watch,
        ):
            talk: Values = {"say": console.say if speaks() else work.silent, "watch": watch}
            if remembered:
                talk["say"](f"as annotated: {', '.join(f'{name} {value}' for name, value in remembered.items())}")
            if repeat > 1:
                best = seeds.repeat(where, run, settings, repeat, **more, **talk)
            else:
                best = work.train(where, run, settings, **more, **talk)
    finally:
        leave()
    if speaks():
        console.say(f"best weights: {best}. Next: lacss predict {best.parent} IMAGES, or lacss eval.")
