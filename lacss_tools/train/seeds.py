"""The same training from several seeds, the best on validation kept, as in the paper."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import atomic, write_table
from lacss_tools.network.weights import BEST
from lacss_tools.train import checkpoint
from lacss_tools.train.folders import TrainingFolders
from lacss_tools.train.history import METRICS, read_metrics
from lacss_tools.train.initial import wanted_sizes
from lacss_tools.train.session import FinishedRunError
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.steps import Say, Watch, check_run, first_scale, fit, prepare, seed_folder, seeds_in, silent

SEEDS = "seeds.csv"
HEADER = ["seed", "run", "step", "val_ap50", "val_ap75", "val_map", "kept"]


@dataclass(frozen=True)
class SeedResult:
    """The best validation of one seed."""

    seed: int
    run: Path
    step: int
    ap50: float
    ap75: float
    map: float


def stored_settings(run: Path, count: int) -> TrainSettings:
    """Return how a run (or the first seed of one of several) is trained; InputError when there is none."""
    if count == 1:
        return checkpoint.read_config(run)[0]
    found = [checkpoint.read_config(folder)[0] for folder in seeds_in(run)]
    if not found:
        raise InputError(f"{run} holds no seed to continue. Run without `resume`.")
    return min(found, key=lambda settings: settings.seed)


def repeat(
    folders: TrainingFolders,
    run: Path,
    settings: TrainSettings,
    count: int,
    *,
    device: str = "auto",
    resume: bool = False,
    init: Path | None = None,
    tensorboard: bool = False,
    say: Say = silent,
    watch: Watch = silent,
) -> Path:
    """Train from the seeds settings.seed, +1, ..., each into its own folder of `run`; return the best weights.

    `run` gets a copy of the best run's files and seeds.csv, which lists them all. With `resume` finished seeds stay,
    the interrupted one continues and seeds not started yet are trained.
    """
    if folders.val_images is None:
        raise UsageError("`repeat` keeps the best seed on validation. Give `val_images` and `val_labels`.")
    if (run / checkpoint.LAST).is_file():
        raise InputError(f"{run} holds a run from one seed already. Name another `run`, or leave out `repeat`.")
    seeds = [settings.seed + k for k in range(count)]
    begun = [seed for seed in seeds if (seed_folder(run, seed) / checkpoint.LAST).is_file()]
    if resume and not begun:
        raise InputError(f"{run} holds no seed to continue. Run without `resume`.")
    for seed in begun if resume else seeds:
        check_run(seed_folder(run, seed), replace(settings, seed=seed), resume)
    if resume:
        init = first_weights(seed_folder(run, begun[0]), init)
    sizes = checkpoint.read_config(seed_folder(run, begun[0]))[1] if resume else wanted_sizes(settings, init)
    ready = prepare(
        folders, settings, sizes, device, say, resume or init is not None, first_scale(run, init, resume=False)
    )
    outcomes: list[SeedResult] = []
    for seed in seeds:
        say(f"seed {seed} ({len(outcomes) + 1} of {count})")
        folder, own = seed_folder(run, seed), replace(settings, seed=seed)
        try:
            again = seed in begun
            fit(ready, folder, own, resume=again, init=init, tensorboard=tensorboard, say=say, watch=watch)
        except FinishedRunError:
            say(f"seed {seed} is finished already")
        if ready.world.leads:
            outcomes.append(outcome(seed, folder))
            keep(run, outcomes)
    for line in summary(outcomes):
        say(line)
    return run / BEST


def first_weights(begun: Path, init: Path | None) -> Path | None:
    """Return the weights that a begun seed started from, for those that are to come; InputError when these changed."""
    stored = checkpoint.stored_origin(begun)
    if not stored:
        if init:
            raise InputError(f"{begun} started from random weights, and so must the other seeds. Leave `init` out.")
        return None
    path = init or Path(stored["init"])
    if not path.exists():
        raise InputError(f"{path}, from which {begun} started, is not there any more. Say where it is with `init`.")
    if checkpoint.origin(path)["init_sha256"] != stored["init_sha256"]:
        raise InputError(f"{path} is not what {begun} started from. Give those weights with `init`, or a new `run`.")
    return path


def outcome(seed: int, run: Path) -> SeedResult:
    """Return the best validation (by mAP, the first of equals) of a finished run."""
    rows = [(row.step, row.validation) for row in read_metrics(run) if row.validation]
    step, best = max(rows, key=lambda row: row[1].map)
    return SeedResult(seed, run, step, best.ap50, best.ap75, best.map)


def best_of(outcomes: list[SeedResult]) -> SeedResult:
    """Return the outcome of highest mAP, then AP50, then lowest seed."""
    return max(outcomes, key=lambda o: (o.map, o.ap50, -o.seed))


def keep(run: Path, outcomes: list[SeedResult]) -> None:
    """Copy the files of the best seed to `run` and list all seeds in seeds.csv."""
    best = best_of(outcomes)
    for name in (BEST, checkpoint.CONFIG, METRICS):
        with atomic(run / name) as part:
            shutil.copyfile(best.run / name, part)
    rows = [
        [o.seed, o.run.name, o.step, f"{o.ap50:.4f}", f"{o.ap75:.4f}", f"{o.map:.4f}", int(o is best)] for o in outcomes
    ]
    write_table(run / SEEDS, HEADER, rows)


def summary(outcomes: list[SeedResult]) -> list[str]:
    """Return a line per seed, the kept one marked."""
    return [
        f"seed {o.seed}: validation AP50 {o.ap50:.3f}, mAP {o.map:.3f} at step {o.step}"
        + ("; kept" if o is best_of(outcomes) else "")
        for o in outcomes
    ]
