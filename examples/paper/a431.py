"""Figure 6 of the paper: cells that nobody outlined, by a network that knows outlined cells of another kind.

    python examples/paper/a431.py OTHER DATA --out results/a431 \
        [--recipe paper] [--preset small] [--minutes 30 | --steps 2000]

OTHER holds images/ and labels/ of outlined cells, in the paper LIVECell. DATA holds images/ and dapi/ of the cells in
question, in the paper A431, and labels/ of those images that are outlined to measure on, which are not trained on.
The network is trained on OTHER under full supervision, then on DATA from points found in DAPI and automatic picks of
graph cuts. Writes table.csv (AP50 before and after, paper beside ours) and report/report.html.
"""

import argparse
from pathlib import Path

from common import budget, copy_files, given, lacss, measured, options_parser, same_names, table

from lacss_tools.io.project import list_images

PAPER = 0.84
"""AP50 on 25 outlined images"""


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = options_parser(__doc__, "results/a431", "paper")
    parser.add_argument("other", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judged", type=int, help="measure on every so many-th outlined image; by default on all")
    return parser.parse_args()


def main() -> None:
    """Train on other cells, make weak labels, train on them, evaluate both networks."""
    options = options_of()
    other, home, judged = (options.out.absolute() / name for name in ("other", "own", "judged"))
    copy_files(list(list_images(options.other / "images").values()), other / "images")
    copy_files(list(list_images(options.other / "labels").values()), other / "labels")
    outlined = list(list_images(options.data / "labels").values())[:: options.judged or 1]
    names = {path.stem for path in outlined}
    images = list(list_images(options.data / "images").values())
    unseen = [path for path in images if path.stem not in names]
    copy_files(unseen, home / "images")
    copy_files(same_names(unseen, options.data / "dapi"), home / "dapi")
    copy_files(outlined, judged / "labels")
    copy_files(same_names(outlined, options.data / "images"), judged / "images")

    recipe = ["--recipe", options.recipe, *budget(options), "--repeat", 1, *given(options, "crop")]
    before, after = other / "runs" / "other-cells", home / "runs" / "these-cells"
    lacss("train", "--project", other, "--run", before.name, *recipe, *given(options, "preset"),
          "--labels", "labels", "--supervision", "full")  # fmt: skip
    lacss("annotate-lois", "dapi", "--project", home)
    lacss("graphcut", "--project", home)
    lacss("pick", "--auto", "--project", home)
    lacss("train", "--project", home, "--run", after.name, *recipe, "--init", before)  # which has a size of its own
    report = options.out.absolute() / "report"
    lacss("eval", before, after, "--project", home, "-o", report,
          "--images", judged / "images", "--labels", judged / "labels")  # fmt: skip
    figures = measured(report)
    table(
        options.out / "table.csv",
        ["network", "AP50 (paper)", "AP50", "AP75", "mAP"],
        [
            ["trained on other cells", "", *figures[before.name].values()],
            ["and without outlines", PAPER, *figures[after.name].values()],
        ],
    )


if __name__ == "__main__":
    main()
