"""Make the data that ships with the demo from the Cell Image Library set (CCDB:6843).

    python benchmarks/make_demo_data.py FOLDER_WITH_images_dapi_labels lacss_tools/demo/data

Training fields: of each plate, four fields spread evenly over the sorted names that are not validation fields.
Validation fields: of each plate the first one of the protocol "every 9th file". Fields are reduced to 3/4 of their size
and to 8 bit by a square root, which keeps dim cells apart from the background.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from skimage.transform import resize

SCALE, BLACK, WHITE, PER_PLATE = 0.75, 100.0, 4095.0, 4


def reduce(path: Path) -> np.ndarray:
    """Return the 8-bit, smaller version of a camera image."""
    pixels = tifffile.imread(path).astype(np.float64)
    small = resize(pixels, [round(n * SCALE) for n in pixels.shape], anti_aliasing=True)
    return np.round(255 * np.sqrt(np.clip((small - BLACK) / (WHITE - BLACK), 0, 1))).astype(np.uint8)


def reduce_labels(path: Path) -> np.ndarray:
    """Return the labels at the same smaller size."""
    labels = tifffile.imread(path)
    size = [round(n * SCALE) for n in labels.shape]
    return resize(labels, size, order=0, anti_aliasing=False, preserve_range=True).astype(np.uint8)


def write(path: Path, pixels: np.ndarray) -> None:
    """Write a small grey TIFF that ImageJ opens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, compression="zlib", compressionargs={"level": 9}, predictor=2)


def main(source: Path, target: Path) -> None:
    """Choose, reduce and write the fields."""
    stems = sorted(path.stem for path in (source / "images").glob("*.tif"))
    held_back = stems[::9]
    for plate in sorted({stem.split("_")[0] for stem in stems}):
        teach = [stem for stem in stems if stem.startswith(plate) and stem not in held_back]
        chosen = [teach[i] for i in np.linspace(0, len(teach) - 1, PER_PLATE).round().astype(int)]
        for stem in chosen:
            for kind in ("images", "dapi"):
                write(target / "train" / kind / f"{stem}.tif", reduce(source / kind / f"{stem}.tif"))
        stem = next(stem for stem in held_back if stem.startswith(plate))
        for kind in ("images", "dapi"):
            write(target / "validation" / kind / f"{stem}.tif", reduce(source / kind / f"{stem}.tif"))
        write(target / "validation" / "labels" / f"{stem}.tif", reduce_labels(source / "labels" / f"{stem}.tif"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
