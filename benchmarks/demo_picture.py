"""The README's picture: two validation fields of a finished `make demo`, as they are and with the cells it found.

python benchmarks/demo_picture.py [demo-output] [--to docs/demo.jpg]
"""

import argparse
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from lacss_tools.demo.page import validation_image
from lacss_tools.screen.draw import tint_cells

FIELDS = ("F01_120", "F04_1244")
HEIGHT, GAP = 600, 8
"""pixels of a field that are shown, and white ones between the four pictures"""
QUALITY = 85


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("demo", type=Path, nargs="?", default=Path("demo-output"))
    parser.add_argument("--to", type=Path, default=Path("docs/demo.jpg"))
    options = parser.parse_args()
    rows = []
    for stem in FIELDS:
        rgb, found, _ = validation_image(options.demo, stem)
        pair = np.concatenate([np.pad(rgb, ((0, 0), (0, GAP), (0, 0)), constant_values=255), tint_cells(rgb, found)], 1)
        rows.append(np.pad(pair[:HEIGHT], ((0, GAP), (0, 0), (0, 0)), constant_values=255))
    imageio.imwrite(options.to, np.concatenate(rows)[:-GAP], quality=QUALITY)


if __name__ == "__main__":
    main()
