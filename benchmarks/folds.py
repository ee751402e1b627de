"""Cross-validation: every image validates once, so that figures do not hang on the ten that happen to be the 9th.

    python benchmarks/folds.py PROJECT [--folds 9] [--steps 600] [--only 0 3] [--out DIR] [-- more for lacss train]

PROJECT holds images/ and labels/, and lois/ and masks/ for weak supervision (`lacss convert labels` makes both of the
outlines), and perhaps dapi/. Image k in the order of the names validates in fold k modulo --folds; the figures are
those of the last weights, so that nothing is chosen on what it is judged by.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from lacss_tools.io.project import list_images
from lacss_tools.train.history import read_metrics

KINDS = ("images", "labels", "dapi", "masks", "lois")
FIGURES = ("AP50", "AP75", "mAP")


def main() -> None:
    """Train every fold; print and write a table of the last validations, with mean and standard deviation."""
    options = arguments()
    rows = [figures(options, fold) for fold in options.only]
    spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.full(len(FIGURES), np.nan)
    named = [*zip(map(str, options.only), rows, strict=True), ("mean", np.mean(rows, axis=0)), ("deviation", spread)]
    with (options.out / "folds.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("fold", *FIGURES), *((name, *(f"{v:.4f}" for v in row)) for name, row in named)])
    print(f"| fold | {' | '.join(FIGURES)} |\n|---|---|---|---|")
    for name, row in named:
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} |")


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--folds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", type=int, nargs="*", help="folds to train, by number from 0; all without it")
    parser.add_argument("--out", type=Path, default=Path("folds"))
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:cut], argparse.Namespace(more=sys.argv[cut + 1 :]))
    options.only = list(range(options.folds)) if options.only is None else options.only
    return options


def figures(options: argparse.Namespace, fold: int) -> list[float]:
    """Train one fold and return the figures of its last validation."""
    folder = options.out / f"fold-{fold}"
    split(options.project, folder, fold, options.folds)
    held = [word for kind in ("images", "labels") for word in (f"--val-{kind}", folder / "held" / kind)]
    words = ["--project", folder / "train", "--run", folder / "run", "--steps", options.steps, *held, *options.more]
    subprocess.run([sys.executable, "-m", "lacss_tools", "train", *map(str, words)], check=True)
    last = [row.validation for row in read_metrics(folder / "run") if row.validation][-1]
    print(f"fold {fold}: {last}", file=sys.stderr, flush=True)
    return [last.ap50, last.ap75, last.map]


def split(project: Path, folder: Path, fold: int, folds: int) -> None:
    """Link the files of a project into the projects `train` and `held` of a fold; no outline goes into a weak one."""
    weak = (project / "lois").is_dir()
    for k, stem in enumerate(sorted(list_images(project / "images"))):
        held = k % folds == fold
        for kind in KINDS if held or not weak else [kind for kind in KINDS if kind != "labels"]:
            for file in (project / kind).glob(f"{stem}.*"):
                link = folder / ("held" if held else "train") / kind / file.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(file.resolve())


if __name__ == "__main__":
    main()
