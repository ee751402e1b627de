"""Figure 3 of the paper: the Cell Image Library set, trained without outlines and with them.

    python examples/paper/cil.py DATA --out results/cil \
        [--recipe paper] [--preset small] [--minutes 30 | --steps 2000] [--repeat 5]

DATA holds images/ and labels/ (CCDB:6843). Points and cell area come from the outlines, as in the paper; every 9th
image is for validation. Writes table.csv (paper beside ours), report/ap_fnr.png (figure 3b) and report/report.html.
"""

import argparse
from pathlib import Path

from common import budget, copy_files, given, lacss, measured, options_parser, same_names, split, table

PAPER = {"weak": 0.933, "full": 0.937}
"""AP50 on 11 images, from the cell stain and the nuclei, best of five"""


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = options_parser(__doc__, "results/cil", "fast")
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeat", type=int, help="seeds; by default those of the recipe")
    return parser.parse_args()


def main() -> None:
    """Train twice, evaluate, write the table."""
    options = options_of()
    train, validation = options.out / "train", options.out / "validation"
    for images, home in zip(split(options.data / "images"), (train, validation), strict=True):
        copy_files(images, home / "images")
        copy_files(same_names(images, options.data / "labels"), home / "labels")
    lacss("convert", "labels", "--project", train)
    shared = [
        "--project", train, "--recipe", options.recipe, *budget(options),
        "--val-images", validation.absolute() / "images", "--val-labels", validation.absolute() / "labels",
        *given(options, "preset", "repeat", "crop"),
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
