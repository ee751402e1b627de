"""Figure 3 of the paper: the Cell Image Library set, trained without outlines and with them.

    python examples/paper/cil.py DATA --out results/cil [--recipe paper] [--preset small] [--minutes 30] [--repeat 5]

DATA holds images/ and labels/ (CCDB:6843). Points and cell area come from the outlines, as in the paper; every 9th
image is for validation. Writes table.csv (paper beside ours), report/ap_fnr.png (figure 3b) and report/report.html.
"""

import argparse
from pathlib import Path

from common import copy_files, lacss, measured, same_names, split, table

PAPER = {"weak": 0.933, "full": 0.937}
"""AP50 on 11 images, from the cell stain and the nuclei, best of five"""


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/cil"))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--preset", help="size of the network; by default that of the recipe")
    parser.add_argument("--minutes", type=float, default=30.0, help="of each training")
    parser.add_argument("--repeat", type=int, help="seeds; by default those of the recipe")
    parser.add_argument("--crop", type=int, help="side of a crop; by default that of the recipe")
    return parser.parse_args()


def main() -> None:
    """Train twice, evaluate, write the table."""
    options = options_of()
    train, validation = options.out / "train", options.out / "validation"
    for images, home in zip(split(options.data / "images"), (train, validation), strict=True):
        copy_files(images, home / "images")
        copy_files(same_names(images, options.data / "labels"), home / "labels")
    lacss("convert", "labels", "--project", train)
    given = {"--preset": options.preset, "--repeat": options.repeat, "--crop": options.crop}
    shared = [
        "--project", train, "--recipe", options.recipe, "--minutes", options.minutes,
        "--val-images", validation.absolute() / "images", "--val-labels", validation.absolute() / "labels",
        *(word for name, value in given.items() if value for word in (name, value)),
    ]  # fmt: skip
    lacss("train", *shared, "--run", "weak")
    lacss("train", *shared, "--run", "full", "--labels", "labels", "--supervision", "full")
    report = options.out.absolute() / "report"
    lacss("eval", "runs/weak", "runs/full", "--project", train, "-o", report,
          "--images", validation.absolute() / "images", "--labels", validation.absolute() / "labels")  # fmt: skip
    ours = measured(report)
    table(
        options.out / "table.csv",
        ["supervision", "AP50 (paper)", "AP50", "AP75", "mAP"],
        [[name, PAPER[name], *ours[name].values()] for name in PAPER],
    )


if __name__ == "__main__":
    main()
