"""Pack the images that the starter model `cells` is trained on, at the working scale, for a machine with a GPU.

    python benchmarks/starter/prepare.py DATA [--out benchmarks/starter/packed/images.npz]

DATA holds cil/ (cell stain and DAPI), t98g_phase/ (phase contrast) and dsb2018_mixed/ (nuclei), each with labels/. In
the order of the names, every 9th image of the first two is for validation, and no fit sees it; of the nuclei every
third image is packed, none of those on which the nucleus network is tested. Each image is resized so that its typical
cell is as large as the network expects (none by more than 1.5), and has two channels: cells and nuclei, which are blank
in phase contrast. An image of nuclei is both. Pixels are stored as bytes.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from lacss_tools.io.native import read_labels, read_plane
from lacss_tools.io.project import list_images
from lacss_tools.network.preprocess import BLACK, typical_diameter, working_scale
from lacss_tools.points import values_at
from lacss_tools.train.annotated import outlined
from lacss_tools.train.crops import TrainingImage, full_image

from fit import CIL, NUCLEI, PACKED, PHASE, SIZES, STEP

EVERY = 9
NUCLEI_FROM, NUCLEI_EVERY = 1, 3
LARGEST_SCALE = 1.5


def training_stems(folder: Path) -> list[str]:
    """Return the images of a set that fits may see."""
    stems = list(list_images(folder / "labels"))
    if folder.name == NUCLEI:
        return stems[NUCLEI_FROM::NUCLEI_EVERY]
    return [stem for number, stem in enumerate(stems) if number % EVERY]


def planes_of(folder: Path, stem: str) -> np.ndarray:
    """Return the cells and the nuclei of an image (channel, y, x); one plane where it shows nothing but nuclei."""
    there = [folder / name for name in ("images", "dapi") if (folder / name).is_dir()]
    planes = [read_plane(list_images(path)[stem]) for path in there]
    return np.stack(planes + [np.zeros_like(planes[0])] * (there[-1].name == "images"))


def training_image(folder: Path, stem: str) -> TrainingImage:
    """Return an image as the trainer takes it, resized by a scale of its own."""
    labels = read_labels(list_images(folder / "labels")[stem])
    source = outlined(planes_of(folder, stem), labels)
    diameter = typical_diameter(float(np.count_nonzero(labels)), len(source.lois))
    scale = min(working_scale(diameter, SIZES.cell_diameter), LARGEST_SCALE)
    return full_image(source.image, labels, source.lois, values_at(labels, source.lois), scale)


def packed(name: str, image: TrainingImage) -> dict[str, np.ndarray]:
    """Return an image as arrays of few bytes."""
    pixels = ((image.image.numpy() - BLACK) / STEP).round().astype(np.uint8)
    return {
        f"{name} image": pixels,
        f"{name} labels": image.labels.numpy().astype(np.uint16),
        f"{name} lois": image.lois.numpy(),
        f"{name} own": image.own.numpy(),
    }


def main() -> None:
    """Write the file and print what is in it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=PACKED)
    options = parser.parse_args()
    arrays: dict[str, np.ndarray] = {}
    for folder in (options.data / name for name in (CIL, PHASE, NUCLEI)):
        images = {stem: training_image(folder, stem) for stem in training_stems(folder)}
        for stem, image in images.items():
            arrays |= packed(f"{folder.name}/{stem}", image)
        print(f"{folder.name}: {len(images)} images, {sum(len(image.lois) for image in images.values())} cells")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_BZIP2) as store:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            store.writestr(f"{name}.npy", content.getvalue())
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
