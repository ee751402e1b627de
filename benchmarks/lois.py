"""How fast LOIs are found, against the two Gaussian filters that the paper's rule needs and scikit-image's blob_dog.

    python benchmarks/lois.py DATA     # a folder with dapi/

Takes 512 x 512 pixels of ten images; medians over images and repeats, all in one run, so that only ratios count.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import blob_dog

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.settings import NETWORK, PIECES, LoiSettings
from lacss_tools.annotate.lois.typical import look_for
from lacss_tools.io.native import read_plane
from lacss_tools.io.project import list_images

PAPER = (4.2, 5.0)
REPEATS = 7


def milliseconds(work: Callable[[], object]) -> float:
    """Return the time of one call."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def main(data: Path) -> None:
    """Measure one data folder."""
    files = list(list_images(data / "dapi").values())
    pieces = LoiSettings(method=PIECES)
    diameter = look_for(files, pieces)
    times: dict[str, list[float]] = {"two filters": [], "network": [], "pieces": [], "paper's rule": [], "blob_dog": []}
    for path in files[:: max(1, len(files) // 10)]:
        plane = read_plane(path)[:512, :512]
        scaled = (plane / plane.max()).astype(np.float32)
        calls: dict[str, Callable[[], object]] = {
            "two filters": lambda p=plane: [gaussian_filter(p, s) for s in PAPER],
            "network": lambda p=plane: find_lois(p, LoiSettings(method=NETWORK)),
            "pieces": lambda p=plane: find_lois(p, pieces, diameter),
            "paper's rule": lambda p=plane: find_lois(p, LoiSettings(sigma=PAPER)),
            "blob_dog": lambda p=scaled: blob_dog(
                p, min_sigma=PAPER[0], max_sigma=PAPER[1], sigma_ratio=PAPER[1] / PAPER[0], threshold=0.01
            ),
        }
        for _ in range(REPEATS):
            for name, call in calls.items():
                times[name].append(milliseconds(call))
    middle = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{data.name}, 512 x 512 pixels, nucleus diameter {diameter:.1f} px")
    for name, value in middle.items():
        print(f"  {name:13s} {value:7.1f} ms = {value / middle['two filters']:.2f} x two filters", end="")
        print(f"; blob_dog takes {middle['blob_dog'] / value:.1f} x as long")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
