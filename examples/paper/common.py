"""What the three experiments share: commands as a user would type them, files side by side, a table."""

import argparse
import csv
import json
import shutil
from pathlib import Path

from lacss_tools.cli import app
from lacss_tools.io.project import list_images

EVERY = 9
"""in the order of the names, every 9th image is for validation"""
MEASURED = ("ap50", "ap75", "map")


def options_parser(description: str | None, out: str, recipe: str) -> argparse.ArgumentParser:
    """Return a parser with the options of all three scripts."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--recipe", default=recipe)
    parser.add_argument("--preset", help="size of the network; by default that of the recipe")
    parser.add_argument("--minutes", type=float, default=30.0, help="of each training")
    parser.add_argument("--steps", type=int, help="of each training, in place of minutes: the same on any machine")
    parser.add_argument("--crop", type=int, help="side of a crop; by default that of the recipe")
    return parser


def given(options: argparse.Namespace, *names: str) -> list[object]:
    """Return the options of these names that are given, as `lacss train` takes them."""
    values = {f"--{name}": getattr(options, name) for name in names}
    return [word for flag, value in values.items() if value is not None for word in (flag, value)]


def budget(options: argparse.Namespace) -> list[object]:
    """Return how long to train, as `lacss train` takes it."""
    return given(options, "steps") or given(options, "minutes")


def lacss(*line: object) -> None:
    """Run a command of lacss and print it as it would be typed; SystemExit when it fails."""
    words = [str(word) for word in line]
    print("$ lacss", *words, flush=True)
    if code := app(words, standalone_mode=False):
        raise SystemExit(code)


def copy_files(files: list[Path], folder: Path) -> None:
    """Copy files into a folder, those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the images of a folder to train on, and those to validate on."""
    files = list(list_images(folder).values())
    return [file for k, file in enumerate(files) if k % EVERY], files[::EVERY]


def same_names(files: list[Path], folder: Path) -> list[Path]:
    """Return the files of a folder that have the stems of other files."""
    there = list_images(folder)
    return [there[file.stem] for file in files if file.stem in there]


def measured(report: Path) -> dict[str, dict[str, float]]:
    """Return AP50, AP75 and mAP of each model by name, from the folder that `lacss eval` wrote."""
    stored = json.loads((report / "evaluation.json").read_text(encoding="utf-8"))
    models = stored.get("models") or {"model": stored}
    return {name: {key: model[key] or 0.0 for key in MEASURED} for name, model in models.items()}


def table(path: Path, header: list[str], rows: list[list[object]]) -> None:
    """Print rows as a table and write them as CSV."""
    shown = [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row] for row in rows]
    widths = [max(len(row[k]) for row in [header, *shown]) for k in range(len(header))]
    for row in [header, *shown]:
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *shown])
