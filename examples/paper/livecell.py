"""Table 1 and figures 4 and 5 of the paper: LIVECell, each cell line with outlines, without, and without the auxnet.

    python examples/paper/livecell.py IMAGES TRAIN.json TEST.json --out results/livecell [--lines A172 BV2] \
        [--recipe paper] [--preset small] [--minutes 30 | --steps 2000]

IMAGES holds the images of both lists, named LINE_Phase_....tif as LIVECell has them. Each line gets a network of its
own, whose images are resized so that a typical cell of that line is as large as the network expects, as the authors
did. Writes table.csv (paper beside ours, in percent) and curves.png (AP50 on the test images while training).
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from common import budget, copy_files, given, lacss, measured, options_parser, table

from lacss_tools.io.project import list_images
from lacss_tools.train.history import read_metrics

PAPER = {
    "A172": (68.0, 27.3, 32.1), "BT474": (69.1, 34.1, 35.3), "BV2": (86.5, 57.1, 50.9), "Huh7": (70.6, 45.1, 41.2),
    "MCF7": (72.2, 25.5, 32.6), "SHSY5Y": (47.2, 6.3, 15.8), "SKOV3": (82.6, 49.7, 46.6), "SkBr3": (93.1, 80.0, 64.0),
}  # fmt: skip
"""AP50, AP75 and mAP of weak supervision, in percent"""
TRAININGS: dict[str, list[str]] = {
    "full": ["--labels", "labels", "--supervision", "full"],
    "weak": ["--no-auxnet"],
    "weak-auxnet": ["--auxnet"],
}


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = options_parser(__doc__, "results/livecell", "paper")
    parser.add_argument("images", type=Path)
    parser.add_argument("train", type=Path, help="COCO json of the images to train on")
    parser.add_argument("test", type=Path, help="COCO json of the images to measure on")
    parser.add_argument("--lines", nargs="*", help="cell lines; by default all that both lists hold")
    return parser.parse_args()


def line_of(name: str) -> str:
    """Return the cell line that an image is of: what its name begins with."""
    return Path(name).name.split("_")[0]


def prepare(coco: dict[str, Any], line: str, images: Path, home: Path) -> None:
    """Write the part of a COCO list that is of one cell line, copy its images, make points, masks and labels of it."""
    own = [image for image in coco["images"] if line_of(image["file_name"]) == line]
    ids = {image["id"] for image in own}
    part = {**coco, "images": own, "annotations": [one for one in coco["annotations"] if one["image_id"] in ids]}
    there = list_images(images)
    copy_files([there[Path(image["file_name"]).stem] for image in own], home / "images")
    (home / "outlines.json").write_text(json.dumps(part), encoding="utf-8")
    lacss("convert", "outlines.json", "--project", home)


def experiment(line: str, options: argparse.Namespace, train: Path, test: Path) -> None:
    """Train one cell line in each way and evaluate on its test images."""
    shared = [
        "--project", train, "--recipe", options.recipe, *budget(options), "--repeat", 1,
        "--val-images", test / "images", "--val-labels", test / "labels",
        *given(options, "preset", "crop"),
    ]  # fmt: skip
    for name, more in TRAININGS.items():
        lacss("train", *shared, "--run", name, *more)
    lacss("eval", *(f"runs/{name}" for name in TRAININGS), "--project", train, "-o", test / "report",
          "--images", test / "images", "--labels", test / "outlines.json")  # fmt: skip


def draw(path: Path, runs: dict[str, Path]) -> None:
    """Draw AP50 on the test images over the minutes of training, one plot per cell line."""
    figure, axes = plt.subplots(1, len(runs), figsize=(4 * len(runs), 3), squeeze=False, layout="constrained")
    for axis, (line, folder) in zip(axes[0], runs.items(), strict=True):
        for name in TRAININGS:
            rows = [row for row in read_metrics(folder / name) if row.validation]
            scores = [row.validation.ap50 for row in rows if row.validation]
            axis.plot([row.seconds / 60 for row in rows], scores, ".-", label=name)
        axis.set(title=line, xlabel="minutes", ylabel="AP50", ylim=(0, 1))
    axes[0][0].legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Do the experiment for each cell line."""
    options, rows, runs = options_of(), [], {}
    lists = [json.loads(path.read_text(encoding="utf-8")) for path in (options.train, options.test)]
    in_both = set.intersection(*({line_of(image["file_name"]) for image in coco["images"]} for coco in lists))
    for line in options.lines or sorted(in_both):
        homes = [options.out.absolute() / line / part for part in ("train", "test")]
        for coco, home in zip(lists, homes, strict=True):
            prepare(coco, line, options.images, home)
        experiment(line, options, *homes)
        ours = measured(homes[1] / "report")
        runs[line] = homes[0] / "runs"
        paper = [f"{value:.1f}" for value in PAPER[line]] if line in PAPER else [""] * 3
        rows.append([line, *paper, *(f"{100 * value:.1f}" for name in TRAININGS for value in ours[name].values())])
    header = ["line", *(f"{key}, paper" for key in ("AP50", "AP75", "mAP"))]
    header += [f"{key}, {name}" for name in TRAININGS for key in ("AP50", "AP75", "mAP")]
    table(options.out / "table.csv", header, rows)
    draw(options.out / "curves.png", runs)


if __name__ == "__main__":
    main()
